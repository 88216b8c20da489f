#include "scan/scanner.h"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "base/json_row.h"
#include "base/mount_table.h"
#include "base/name_codec.h"
#include "base/open_beneath.h"
#include "fustor/clock.h"
#include "scan/block_meter.h"
#include "scan/dir_lister.h"
#include "scan/hang_watch.h"
#include "scan/mount_prober.h"
#include "scan/mounts.h"

namespace fustor {

namespace {

constexpr uint32_t kGroupRows = 1024;  // a long directory gets a new reading of the clock this often
constexpr size_t kWorthSharing = 2;    // directories a thread has to have before it gives some away
constexpr uint32_t kPayRows = 64;      // a limit on entries a second is heeded this often
constexpr auto kNoticeable = std::chrono::milliseconds(50);  // a thread that waits longer hands its rows over first
constexpr size_t kMostStarts = 8;      // times the most threads at once
constexpr auto kWatchTick = std::chrono::milliseconds(100);
constexpr auto kLeavePatience = std::chrono::seconds(2);

using Clock = std::chrono::steady_clock;

struct Work {
  std::string path;   // raw, relative
  uint64_t dev = 0;   // of its parent
  uint32_t depth = 0;
  uint32_t region = 0;  // of Scanner::regions_
};

/** The root, or a mount below it that may not answer: everything below hangs with it. */
struct Region {
  std::string path;  // raw, relative
  std::string type;
  bool may_hang = false;
  std::atomic<bool> hung{false};
};

/** Its threads keep it alive. The consumer's reference is another one, whose end calls `leave`. */
class Scanner final : public BulkStream, public std::enable_shared_from_this<Scanner> {
 public:
  explicit Scanner(ScanConfig config)
      : config_(std::move(config)), filter_(config_.filter, config_.root), pool_(config_.chunk_bytes, config_.pool_chunks),
        limit_(config_.politeness.entries_per_second), prober_(config_.hang_ms, [](const std::string&) {}) {}

  /** Cancels, and waits for the threads, but not for one that does not come back from a system call. */
  void leave() {
    cancel();
    set_on_ready({});
    std::unique_lock lock(mutex_);
    ended_thread_.wait_for(lock, kLeavePatience, [this] { return live_threads_ == 0; });
  }

  void start() {
    regions_.emplace_back();
    regions_.back().may_hang = true;  // until the root was opened
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    least_ = config_.threads > 0 ? config_.threads : cores;
    most_ = config_.threads > 0 || limit_.limits() ? least_ : std::max(least_, std::min(kMostThreads, pool_.size()));
    running_ = active_ = workers_ = least_;
    std::lock_guard lock(mutex_);
    for (unsigned i = 0; i < least_; i++) start_thread(i == 0);
    live_threads_++;
    std::thread([self = shared_from_this()] {
      self->watch_hands();
      self->thread_ends();
    }).detach();
  }

  Poll poll_next(Chunk*& out) override {
    std::lock_guard lock(chunks_mutex_);
    if (!chunks_.empty()) {
      out = chunks_.front();
      chunks_.pop_front();
      return Poll::chunk;
    }
    if (!finished_) return Poll::pending;
    return root_error_ != 0 ? Poll::failed : Poll::end;
  }

  void set_on_ready(std::function<void()> on_ready) override {
    std::lock_guard lock(chunks_mutex_);
    on_ready_ = std::move(on_ready);
  }

  void release(uint32_t slot) override { pool_.release(slot); }

  void cancel() override {
    cancelled_ = true;
    pool_.cancel();
    std::lock_guard lock(mutex_);
    offered_.notify_all();
    watch_.notify_all();
  }

  ScanSummary summary() const override {
    std::lock_guard lock(mutex_);
    ScanSummary summary = summary_;
    const auto end = ended_ == Clock::time_point{} ? Clock::now() : ended_;
    summary.elapsed_ms = std::chrono::duration<double, std::milli>(end - begun_).count();
    return summary;
  }

  int root_error() const override { return root_error_; }
  const ChunkPool& pool() const override { return pool_; }

 private:
  /** The state of one thread. */
  struct Hand {
    DirLister lister;
    std::vector<Work> todo;  // depth first: the last one comes next
    Chunk* chunk = nullptr;
    uint64_t sequence = 0;  // of the group being written
    std::string row;
    std::string json_dir;   // in which the rows of the group lie
    ScanSummary counts;
    uint32_t unpaid = 0;  // rows
    SureMeter meter;
    HangWatch hangs;
    std::shared_ptr<const UniqueFd> root;
    bool beginning = false;
    bool finishing = false;
    // The path of the present call, in a region that may hang. When the thread is abandoned, the watcher owns the hand
    // and everything in it.
    std::string asked;
    uint32_t region = 0;
    bool watched = false;
  };

  /** With the mutex held. Throws std::system_error when the kernel grants no thread. */
  void start_thread(bool begins) {
    const auto hand = std::make_shared<Hand>();
    hand->beginning = begins;
    std::thread([self = shared_from_this(), hand] {
      self->run(*hand);
      {
        std::lock_guard lock(self->mutex_);
        std::erase(self->hands_, hand);
      }
      self->thread_ends();
    }).detach();
    hands_.push_back(hand);
    live_threads_++;
    started_++;
  }

  void thread_ends() {
    std::lock_guard lock(mutex_);
    live_threads_--;
    ended_thread_.notify_all();
  }

  void run(Hand& hand) {
    apply_politeness(config_.politeness);
    if (hand.beginning) begin(hand);
    Work work;
    bool retired = false;
    while (!hand.hangs.is_abandoned() && !retired && next(hand, work)) {
      scan_directory(hand, work);
      if (hand.hangs.is_abandoned()) return;
      merge(hand);
      if (idle_.load(std::memory_order_relaxed) > 0 && hand.todo.size() >= kWorthSharing) share(hand);
      if (most_ > least_) retired = !is_needed(hand);
    }
    if (hand.hangs.is_abandoned()) return;
    hand_over(hand);
    hand.root.reset();
    if (--running_ == 0) finish(hand);
  }

  bool has_root() const {
    std::lock_guard lock(mutex_);
    return root_ != nullptr && *root_;
  }

  int root_of(Hand& hand) const {
    if (hand.root == nullptr) {
      std::lock_guard lock(mutex_);
      hand.root = root_;
    }
    return hand.root->get();
  }

  // ---- what may not answer ----

  void find_regions(const std::string& root_place) {
    const std::shared_ptr<const MountTable> mounts = current_mounts();
    const Mount* root = mount_of(root_place, *mounts);
    regions_.back().may_hang = root != nullptr && may_hang(root->type);
    std::string path;
    for (const Mount& mount : mounts->all()) {
      if (!is_below(root_place, mount.place, path)) continue;
      if (!may_hang(mount.type)) continue;
      const size_t slash = path.rfind('/');
      places_[slash == std::string::npos ? "" : path.substr(0, slash)][slash == std::string::npos ? path : path.substr(slash + 1)] =
          static_cast<uint32_t>(regions_.size());
      regions_.emplace_back();
      regions_.back().path = path;
      regions_.back().type = mount.type;
      regions_.back().may_hang = true;
    }
    const std::lock_guard lock(mutex_);
    nothing_hangs_ = std::none_of(regions_.begin(), regions_.end(), [](const Region& region) { return region.may_hang; });
    watch_.notify_all();
  }

  /** The region of a path; for a mount point the region of the directory around it. */
  uint32_t region_of(const std::string& path) const {
    uint32_t found = 0;
    for (uint32_t i = 1; i < regions_.size(); i++) {
      const std::string& place = regions_[i].path;
      if (path.starts_with(place + '/') && place.size() >= regions_[found].path.size()) found = i;
    }
    return found;
  }

  /** The next calls of this thread are in this region. False when the region hangs already. */
  bool goes_into(Hand& hand, uint32_t region, const std::string& path) {
    hand.region = region;
    hand.watched = regions_[region].may_hang;
    if (!hand.watched) return true;
    hand.asked = path;
    return !regions_[region].hung;
  }

  /**
   * Around each system call. ETIMEDOUT when the thread was abandoned meanwhile: then it must not touch the hand any
   * more.
   */
  template <class Call>
  static int ask(Hand& hand, Call call) {
    if (!hand.watched) return call();
    hand.hangs.enter();
    const int error = call();
    return hand.hangs.leave() ? error : ETIMEDOUT;
  }

  void watch_hands() {
    std::unique_lock lock(mutex_);
    while (!cancelled_ && !nothing_hangs_ && ended_ == Clock::time_point{}) {
      watch_.wait_for(lock, kWatchTick);
      const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
      const std::vector<std::shared_ptr<Hand>> hands = hands_;
      for (const auto& hand : hands) {
        if (!hand->hangs.abandon_after(config_.hang_ms * 1'000'000, now)) continue;
        lock.unlock();
        replace(*hand);
        lock.lock();
      }
    }
  }

  /** The hand's thread waits for a file system that does not answer: the watcher takes over everything it had. */
  void replace(Hand& hand) {
    regions_[hand.region].hung = true;
    if (hand.finishing) return end(false);
    const bool no_root = !has_root();
    if (no_root) {
      root_error_ = ETIMEDOUT;
      cancel();
    } else {
      fail(hand, hand.asked, ETIMEDOUT, "open");
    }
    hand_over(hand);
    merge(hand);
    std::unique_lock lock(mutex_);
    shared_.insert(shared_.end(), std::make_move_iterator(hand.todo.begin()), std::make_move_iterator(hand.todo.end()));
    hand.todo.clear();
    try {
      if (!no_root) return start_thread(hand.beginning);  // it counts as active in the place of the one that hangs
    } catch (const std::system_error&) {
    }
    active_--;
    offered_.notify_all();
    lock.unlock();
    if (--running_ == 0) end(false);
  }

  // ---- how many threads ----

  /**
   * Starts another thread when this one waits for storage. False when this thread is one more than the processors need.
   */
  bool is_needed(Hand& hand) {
    const Bottleneck bottleneck = hand.meter.judge();
    if (bottleneck == Bottleneck::storage && hand.todo.size() >= kWorthSharing) start_another();
    return bottleneck != Bottleneck::processor || !retire(hand);
  }

  void start_another() {
    std::lock_guard lock(mutex_);
    if (cancelled_ || workers_ >= most_ || idle_ > 0 || started_ >= most_ * kMostStarts) return;
    running_++;  // before it runs: otherwise the last of the other threads would end the scan
    try {
      start_thread(false);
    } catch (const std::system_error&) {
      running_--;  // the kernel grants no thread
      return;
    }
    workers_++;
    active_++;
  }

  /** The other threads get what it still has to do. */
  bool retire(Hand& hand) {
    {
      std::lock_guard lock(mutex_);
      if (workers_ <= least_) return false;
      workers_--;
    }
    hand_over(hand);
    std::lock_guard lock(mutex_);
    shared_.insert(shared_.end(), std::make_move_iterator(hand.todo.begin()), std::make_move_iterator(hand.todo.end()));
    hand.todo.clear();
    active_--;
    offered_.notify_all();
    return true;
  }

  void begin(Hand& hand) {
    if (!has_root() && !open_root(hand)) return;
    if (config_.paths.empty() && next_path_++ == 0) begin_at(hand, "");
    while (!hand.hangs.is_abandoned() && next_path_ < config_.paths.size()) begin_at(hand, config_.paths[next_path_++]);
    if (hand.hangs.is_abandoned()) return;
    hand.beginning = false;
    merge(hand);
  }

  bool open_root(Hand& hand) {
    UniqueFd root;
    FileStat stat{};
    std::string identity;
    goes_into(hand, 0, "");
    const int error = ask(hand, [&] {
      root.reset(::open(config_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
      const int failed = root ? stat_at(root.get(), "", stat) : errno;
      if (failed == 0 && config_.identify) identity = config_.identify(root.get(), stat);
      return failed == 0 && !config_.expected_root.empty() && !is_same_root(identity, config_.expected_root) ? ESTALE : failed;
    });
    if (hand.hangs.is_abandoned()) return false;
    root_stat_ = stat;
    identity_ = std::move(identity);
    hand.root = std::make_shared<const UniqueFd>(std::move(root));
    {
      std::lock_guard lock(mutex_);
      root_ = hand.root;
    }
    if (error == 0) find_regions(place_of(hand.root->get()));
    if (error != 0 || !filter_.wants_root()) {
      root_error_ = error != 0 ? error : ENOENT;
      cancel();
      return false;
    }
    return true;
  }

  /** Writes the row of one path and queues what is below it. A path that does not exist is no error. */
  void begin_at(Hand& hand, const std::string& path) {
    if (cancelled_) return;
    hand.sequence = next_sequence();
    hand.row.clear();
    hand.json_dir.clear();
    if (path.empty()) {
      append_root_row(hand.row, root_stat_);
      hand.counts.directories++;
      append(hand, true);
      if (config_.recursive) hand.todo.push_back({"", root_stat_.dev, 1});
      return;
    }
    const size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    UniqueFd directory;
    FileStat above;
    FileStat stat;
    if (!goes_into(hand, region_of(path), path)) return fail(hand, path, ETIMEDOUT, "open");
    const int root = root_of(hand);
    int error = ask(hand, [&] {
      int found = open_path_beneath(root, parent, directory);
      if (found == 0) found = stat_at(directory.get(), "", above);
      return found;
    });
    if (hand.hangs.is_abandoned()) return;
    const uint32_t mount = mount_at(parent, name);
    if (error == 0) error = stat_name(hand, directory.get(), parent, name.c_str(), mount, stat);
    if (error == ENOTDIR) error = ask(hand, [&] { return is_link(root, parent) ? ELOOP : ENOTDIR; });
    if (hand.hangs.is_abandoned()) return;
    if (error == ENOENT || error == ENOTDIR) return;
    if (error != 0) return fail(hand, path, error, "open");
    const bool leaves = !config_.cross_mounts && ask(hand, [&] { return leaves_file_system(root, parent) ? EXDEV : 0; }) != 0;
    if (hand.hangs.is_abandoned() || leaves || !wants_whole(path, stat.kind)) return;
    append_json_dir(parent, hand.json_dir);
    append_fs_row(hand.row, hand.json_dir, name, stat, AtomicFlag::absent);
    append(hand, true);
    count(hand.counts, stat.kind);
    const bool enter = config_.recursive && stat.kind == EntryKind::directory;
    if (!enter || !may_enter(directory.get(), above, name.c_str(), stat, mount)) return;
    hand.todo.push_back({path, above.dev, 1, mount != 0 ? mount : hand.region});
  }

  static bool is_link(int root, const std::string& path) {
    const size_t slash = path.rfind('/');
    UniqueFd directory;
    FileStat stat;
    const int error = open_path_beneath(root, slash == std::string::npos ? "" : path.substr(0, slash), directory);
    return error == 0 && stat_at(directory.get(), path.c_str() + (slash == std::string::npos ? 0 : slash + 1), stat) == 0 &&
           stat.kind == EntryKind::symlink;
  }

  /** Whether a walk from the root would reach this path. */
  bool wants_whole(const std::string& path, EntryKind kind) const {
    for (size_t from = 0, slash; (slash = path.find('/', from)) != std::string::npos; from = slash + 1) {
      const std::string_view above = from == 0 ? std::string_view{} : std::string_view(path).substr(0, from - 1);
      if (!filter_.wants(above, std::string_view(path).substr(from, slash - from), EntryKind::directory)) return false;
    }
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return filter_.wants("", path, kind);
    return filter_.wants(std::string_view(path).substr(0, slash), std::string_view(path).substr(slash + 1), kind);
  }

  // ---- work ----

  bool next(Hand& hand, Work& work) {
    if (cancelled_) return false;
    if (!hand.todo.empty()) {
      work = std::move(hand.todo.back());
      hand.todo.pop_back();
      return true;
    }
    hand_over(hand);
    std::unique_lock lock(mutex_);
    if (--active_ == 0 && shared_.empty()) offered_.notify_all();
    idle_++;
    offered_.wait(lock, [this] { return cancelled_ || !shared_.empty() || active_ == 0; });
    idle_--;
    if (cancelled_ || shared_.empty()) return false;
    active_++;
    work = std::move(shared_.front());
    shared_.pop_front();
    hand.meter.restart();
    return true;
  }

  /** Waits as long as the limit asks, and hands over its rows before a longer wait. */
  void pay(Hand& hand) {
    const auto wait = limit_.take(hand.unpaid, Clock::now());
    hand.unpaid = 0;
    if (wait <= Clock::duration::zero()) return;
    if (wait > kNoticeable) hand_over(hand);
    std::unique_lock lock(mutex_);
    offered_.wait_for(lock, wait, [this] { return cancelled_.load(); });
  }

  /** Gives the older half away: it is nearer to the root, so its subtrees are larger. */
  void share(Hand& hand) {
    {
      std::lock_guard lock(mutex_);
      if (!shared_.empty()) return;
    }
    hand_over(hand);
    const auto half = hand.todo.begin() + static_cast<std::ptrdiff_t>((hand.todo.size() + 1) / 2);
    std::lock_guard lock(mutex_);
    shared_.insert(shared_.end(), std::make_move_iterator(hand.todo.begin()), std::make_move_iterator(half));
    hand.todo.erase(hand.todo.begin(), half);
    offered_.notify_all();
  }

  /** The mount that may not answer at this name, 0 = none. */
  uint32_t mount_at(const std::string& parent, std::string_view name) const {
    if (places_.empty()) return 0;
    const auto here = places_.find(parent);
    return here == places_.end() ? 0 : mount_at(&here->second, name);
  }
  using Places = std::unordered_map<std::string, uint32_t>;
  static uint32_t mount_at(const Places* here, std::string_view name) {
    if (here == nullptr) return 0;
    const auto found = here->find(std::string(name));
    return found == here->end() ? 0 : found->second;
  }

  /** The directory around a mount point must not wait for the mount. */
  int stat_name(Hand& hand, int directory_fd, const std::string& parent, const char* name, uint32_t mount, FileStat& out) {
    if (mount == 0) return ask(hand, [&] { return stat_at(directory_fd, name, out); });
    if (regions_[mount].hung) return ETIMEDOUT;
    const int error = prober_.stat(directory_fd, name, parent.empty() ? name : parent + '/' + name, out);
    if (error == ETIMEDOUT) regions_[mount].hung = true;
    return error;
  }

  /** Each row holds its whole path: directories in one another, a few thousand deep, would be hundreds of megabytes. */
  bool is_too_deep(const std::string& path) const { return config_.max_path_bytes > 0 && path.size() > config_.max_path_bytes; }

  void scan_directory(Hand& hand, const Work& work) {
    if (is_too_deep(work.path)) return fail(hand, work.path, ENAMETOOLONG, "open");
    if (!goes_into(hand, work.region, work.path)) return fail(hand, work.path, ETIMEDOUT, "open");
    UniqueFd directory;
    FileStat self;
    bool opened = false;
    const int root = root_of(hand);
    int error = ask(hand, [&] {
      const int found = open_directory_beneath(root, work.path, directory);
      opened = found == 0;
      return opened ? stat_at(directory.get(), "", self) : found;
    });
    if (hand.hangs.is_abandoned()) return;
    // Gone since it was listed, or now a file or a link: a realtime row or the next scan reports that.
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) {
      hand.counts.vanished++;
      return;
    }
    if (error != 0) return fail(hand, work.path, error, opened ? "stat" : "open");
    if (self.dev != work.dev) {
      const int barred = ask(hand, [&] { return is_barred(self, work.dev) || is_pseudo_filesystem(directory.get()) ? EXDEV : 0; });
      if (barred != 0) return;
    }
    const auto places = places_.empty() ? places_.end() : places_.find(work.path);
    const Places* mounts_here = places == places_.end() ? nullptr : &places->second;

    hand.json_dir.clear();
    append_json_dir(work.path, hand.json_dir);
    uint32_t rows = 0;
    const auto on_entry = [&](std::string_view name, unsigned char d_type) {
      const EntryKind hint = kind_of_dirent(d_type);
      if (!filter_.wants(work.path, name, hint)) return true;
      if (name.starts_with('.') && ask(hand, [&] { return is_server_snapshot(directory.get(), name) ? EEXIST : 0; }) != 0) {
        return !hand.hangs.is_abandoned();
      }
      const bool new_group = rows++ % kGroupRows == 0;
      if (new_group) hand.sequence = next_sequence();
      FileStat stat;
      const uint32_t mount = mount_at(mounts_here, name);
      const int failed = stat_name(hand, directory.get(), work.path, name.data(), mount, stat);
      if (hand.hangs.is_abandoned()) return false;
      if (failed == ENOENT) {
        hand.counts.vanished++;
        rows--;
        return true;
      }
      if (failed != 0) {
        rows--;
        if (mount != 0) hand.counts.failed_directories++;
        note_error(hand, work.path.empty() ? std::string(name) : work.path + '/' + std::string(name), failed, "stat");
        return true;
      }
      if (hint != stat.kind && !filter_.wants(work.path, name, stat.kind)) return true;
      hand.row.clear();
      append_fs_row(hand.row, hand.json_dir, name, stat, AtomicFlag::absent);
      if (!append(hand, new_group)) return false;
      count(hand.counts, stat.kind);
      if (limit_.limits() && ++hand.unpaid >= kPayRows) pay(hand);
      if (stat.kind == EntryKind::directory && is_listed(work.depth + 1) && may_enter(directory.get(), self, name.data(), stat, mount)) {
        hand.todo.push_back({work.path.empty() ? std::string(name) : work.path + '/' + std::string(name), self.dev, work.depth + 1,
                             mount != 0 ? mount : work.region});
      }
      return !cancelled_.load(std::memory_order_relaxed);
    };
    if (hand.watched) {
      hand.hangs.enter();
      const auto come_back = [&](std::string_view name, unsigned char d_type) {
        if (!hand.hangs.leave()) return false;
        const bool go_on = on_entry(name, d_type);
        if (!hand.hangs.is_abandoned()) hand.hangs.enter();
        return go_on;
      };
      error = hand.lister.list(directory.get(), come_back, &cancelled_);
      if (!hand.hangs.leave()) return;
    } else {
      error = hand.lister.list(directory.get(), on_entry, &cancelled_);
    }
    if (error != 0 && error != ECANCELED) fail(hand, work.path, error, "list");
  }

  bool is_listed(uint32_t depth) const { return config_.max_depth == 0 || depth <= config_.max_depth; }

  /**
   * Whether it is a mount point of another file system while these must not be entered. A btrfs subvolume is an
   * ordinary directory.
   */
  bool is_barred(const FileStat& directory, uint64_t parent_dev) const {
    return !config_.cross_mounts && directory.dev != parent_dev && directory.is_mounted(parent_dev);
  }

  /**
   * Checked before the directory is opened: opening an automount point mounts it, and waits for the daemon that does
   * so.
   */
  bool may_enter(int parent_fd, const FileStat& parent, const char* name, const FileStat& directory, uint32_t mount) const {
    if (directory.dev == parent.dev) return true;
    if (is_barred(directory, parent.dev)) return false;
    if (mount != 0) return regions_[mount].type != "autofs";
    const UniqueFd place(::openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    return place && !is_pseudo_filesystem(place.get());
  }

  /** Whether a mount point of another file system lies on the way from the root to this directory, itself included. */
  bool leaves_file_system(int root, const std::string& path) const {
    uint64_t dev = root_stat_.dev;
    for (size_t end = 0; end != std::string::npos && !path.empty();) {
      end = path.find('/', end + 1);
      UniqueFd directory;
      FileStat stat;
      if (open_path_beneath(root, path.substr(0, end), directory) != 0 || stat_at(directory.get(), "", stat) != 0) return true;
      if (is_barred(stat, dev)) return true;
      dev = stat.dev;
    }
    return false;
  }

  static void count(ScanSummary& counts, EntryKind kind) {
    switch (kind) {
      case EntryKind::directory: counts.directories++; break;
      case EntryKind::file: counts.files++; break;
      case EntryKind::symlink: counts.symlinks++; break;
      default: counts.others++;
    }
  }

  void fail(Hand& hand, const std::string& path, int error, const char* operation) {
    hand.counts.failed_directories++;
    note_error(hand, path, error, operation);
  }

  void note_error(Hand& hand, const std::string& raw_path, int error, const char* operation) {
    hand.counts.errors_by_errno[error]++;
    if (hand.counts.errors.size() >= ScanSummary::kMostErrors) return;
    std::string wire = "/";
    encode_wire(raw_path, wire);
    hand.counts.errors.push_back({std::move(wire), error, operation});
  }

  // ---- chunks ----

  /** A chunk that begins inside a group repeats the group's sequence. */
  bool append(Hand& hand, bool new_group) {
    if (hand.chunk != nullptr && !hand.chunk->fits(hand.row.size())) hand_over(hand);
    const bool new_chunk = hand.chunk == nullptr;
    bool waited = false;
    if (new_chunk) hand.chunk = pool_.acquire(&waited);
    if (waited) hand.meter.restart();
    if (hand.chunk == nullptr) return false;
    if (new_chunk || new_group) hand.chunk->begin_group(hand.sequence, hand.json_dir);
    hand.chunk->append(hand.row);
    hand.counts.rows++;
    hand.counts.bytes += hand.row.size() + 1;
    return true;
  }

  void hand_over(Hand& hand) {
    if (hand.chunk == nullptr) return;
    std::function<void()> on_ready;
    {
      std::lock_guard lock(chunks_mutex_);
      chunks_.push_back(hand.chunk);
      on_ready = on_ready_;
    }
    hand.chunk = nullptr;
    if (on_ready) on_ready();
  }

  void merge(Hand& hand) {
    std::lock_guard lock(mutex_);
    const ScanSummary& counts = hand.counts;
    summary_.directories += counts.directories;
    summary_.files += counts.files;
    summary_.symlinks += counts.symlinks;
    summary_.others += counts.others;
    summary_.rows += counts.rows;
    summary_.bytes += counts.bytes;
    summary_.failed_directories += counts.failed_directories;
    summary_.vanished += counts.vanished;
    for (const auto& [error, times] : counts.errors_by_errno) summary_.errors_by_errno[error] += times;
    for (const ScanError& error : counts.errors) {
      if (summary_.errors.size() < ScanSummary::kMostErrors) summary_.errors.push_back(error);
    }
    hand.counts = {};
  }

  bool is_same_root(const std::string& seen, const std::string& expected) const {
    return config_.is_same ? config_.is_same(expected, seen) : expected == seen;
  }

  /** Whether the root is still the same: a file system that was unmounted meanwhile looks like a shorter tree. */
  bool root_still_there(Hand& hand) {
    if (!goes_into(hand, 0, "")) return false;
    const auto is_same = [this] {
      UniqueFd now(::open(config_.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      FileStat stat;
      if (!now || stat_at(now.get(), "", stat) != 0) return false;
      if (config_.identify) return is_same_root(config_.identify(now.get(), stat), identity_);
      if (stat.dev != root_stat_.dev) return false;
      return stat.ino == root_stat_.ino || !keeps_inode_numbers(now.get());
    };
    return ask(hand, [&] { return is_same() ? 0 : ESTALE; }) == 0;
  }

  /**
   * By the last thread. The object may live until a garbage collection, and the root must not stay open for so long.
   */
  void finish(Hand& hand) {
    hand.finishing = true;
    const bool complete = !cancelled_ && root_error_ == 0 && root_still_there(hand);
    if (hand.hangs.is_abandoned()) return;
    {
      std::lock_guard lock(mutex_);
      root_.reset();
    }
    end(complete);
  }

  void end(bool complete) {
    {
      std::lock_guard lock(mutex_);
      summary_.complete = complete;
      ended_ = Clock::now();
      watch_.notify_all();
    }
    std::function<void()> on_ready;
    {
      std::lock_guard lock(chunks_mutex_);
      finished_ = true;
      on_ready = on_ready_;
    }
    if (on_ready) on_ready();
  }

  const ScanConfig config_;
  const Filter filter_;
  ChunkPool pool_;
  RateLimit limit_;
  unsigned least_ = 1;  // threads
  unsigned most_ = 1;
  // Guarded by mutex_; each hand holds it, so that it stays open during a call that hangs.
  std::shared_ptr<const UniqueFd> root_;
  FileStat root_stat_{};
  std::string identity_;  // of the root
  std::atomic<int> root_error_{0};
  std::atomic<bool> cancelled_{false};
  std::atomic<unsigned> running_{0};
  std::atomic<unsigned> idle_{0};
  const Clock::time_point begun_ = Clock::now();

  mutable std::mutex mutex_;
  std::condition_variable offered_;
  std::deque<Work> shared_;
  unsigned active_ = 0;
  unsigned workers_ = 0;  // threads that have not retired
  ScanSummary summary_;
  Clock::time_point ended_{};

  std::mutex chunks_mutex_;
  std::deque<Chunk*> chunks_;
  std::function<void()> on_ready_;
  bool finished_ = false;

  MountProber prober_;
  std::deque<Region> regions_;  // the root's first
  bool nothing_hangs_ = false;
  std::unordered_map<std::string, Places> places_;  // regions by the directory around them and their name
  size_t next_path_ = 0;        // of config_.paths; of the hand that is beginning
  std::condition_variable watch_;
  std::condition_variable ended_thread_;
  std::vector<std::shared_ptr<Hand>> hands_;
  size_t started_ = 0;
  size_t live_threads_ = 0;
};

}  // namespace

std::shared_ptr<BulkStream> start_scan(ScanConfig config) {
  const auto scanner = std::make_shared<Scanner>(std::move(config));
  BulkStream* const stream = scanner.get();
  const std::shared_ptr<BulkStream> held(stream, [scanner](BulkStream*) { scanner->leave(); });
  scanner->start();
  return held;
}

}  // namespace fustor
