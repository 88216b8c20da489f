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

#include "base/json_row.h"
#include "base/name_codec.h"
#include "base/open_beneath.h"
#include "fustor/clock.h"
#include "scan/block_meter.h"
#include "scan/dir_lister.h"
#include "scan/mounts.h"

namespace fustor {

namespace {

constexpr uint32_t kGroupRows = 1024;  // a long directory gets a new reading of the clock this often
constexpr size_t kWorthSharing = 2;    // directories a thread has to have before it gives some away
constexpr uint32_t kPayRows = 64;      // a limit on entries a second is heeded this often
constexpr auto kNoticeable = std::chrono::milliseconds(50);  // rows do not lie in a chunk for longer than that
constexpr size_t kMostStarts = 8;      // times the most threads at once: those that retired keep their stacks until the end

using Clock = std::chrono::steady_clock;

struct Work {
  std::string path;   // raw, relative
  uint64_t dev = 0;   // of its parent
  uint32_t depth = 0;
};

class Scanner final : public BulkStream {
 public:
  explicit Scanner(ScanConfig config)
      : config_(std::move(config)), filter_(config_.filter, config_.root), pool_(config_.chunk_bytes, config_.pool_chunks),
        limit_(config_.politeness.entries_per_second) {}

  ~Scanner() override {
    cancel();  // from here on no thread starts another one
    for (std::thread& thread : threads_) thread.join();
  }

  void start() {
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    least_ = config_.threads > 0 ? config_.threads : cores;
    most_ = config_.threads > 0 || limit_.limits() ? least_ : std::max(least_, std::min(kMostThreads, pool_.size()));
    running_ = active_ = workers_ = least_;
    std::lock_guard lock(mutex_);
    threads_.reserve(most_);
    for (unsigned i = 0; i < least_; i++) threads_.emplace_back([this, i] { run(i == 0); });
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
  /** What one thread works with. */
  struct Hand {
    DirLister lister;
    std::vector<Work> todo;  // depth first: the last comes next
    Chunk* chunk = nullptr;
    uint64_t sequence = 0;  // of the group being written
    std::string row;
    std::string json_dir;
    ScanSummary counts;
    uint32_t unpaid = 0;  // rows
    SureMeter meter;
  };

  void run(bool first) {
    apply_politeness(config_.politeness);
    Hand hand;
    if (first) begin(hand);
    Work work;
    bool retired = false;
    while (!retired && next(hand, work)) {
      scan_directory(hand, work);
      merge(hand);
      if (idle_.load(std::memory_order_relaxed) > 0 && hand.todo.size() >= kWorthSharing) share(hand);
      if (most_ > least_) retired = !is_needed(hand);
    }
    hand_over(hand);
    if (--running_ == 0) finish();
  }

  // ---- how many threads ----

  /** Starts another thread when this one waits for storage; false when this one is more than the processors need. */
  bool is_needed(Hand& hand) {
    const Bottleneck bottleneck = hand.meter.judge();
    if (bottleneck == Bottleneck::storage && hand.todo.size() >= kWorthSharing) start_another();
    return bottleneck != Bottleneck::processor || !retire(hand);
  }

  void start_another() {
    std::lock_guard lock(mutex_);
    if (cancelled_ || workers_ >= most_ || idle_ > 0 || threads_.size() >= most_ * kMostStarts) return;
    running_++;  // before it runs: else the others could be taken for all there are
    try {
      threads_.emplace_back([this] { run(false); });
    } catch (const std::system_error&) {
      running_--;  // the machine has no more
      return;
    }
    workers_++;
    active_++;
  }

  /** What it still has to do goes to the others. */
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
    root_.reset(::open(config_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    int error = root_ ? stat_at(root_.get(), "", root_stat_) : errno;
    if (error == 0 && config_.identify) identity_ = config_.identify(root_.get(), root_stat_);
    if (error == 0 && !config_.expected_root.empty() && !is_same_root(identity_, config_.expected_root)) error = ESTALE;
    if (error != 0 || !filter_.wants_root()) {
      root_error_ = error != 0 ? error : ENOENT;
      cancel();
      return;
    }
    if (config_.paths.empty()) begin_at(hand, "");
    for (const std::string& path : config_.paths) begin_at(hand, path);
    merge(hand);
  }

  /** The row of one place, and what is below it as work. A place that is not there is no error. */
  void begin_at(Hand& hand, const std::string& path) {
    if (cancelled_) return;
    hand.sequence = next_sequence();
    hand.row.clear();
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
    int error = open_path_beneath(root_.get(), parent, directory);
    if (error == 0) error = stat_at(directory.get(), "", above);
    if (error == 0) error = stat_at(directory.get(), name.c_str(), stat);
    if (error == ENOTDIR && is_link(parent)) error = ELOOP;
    if (error == ENOENT || error == ENOTDIR) return;
    if (error != 0) return fail(hand, path, error, "open");
    if (!wants_whole(path, stat.kind) || (!config_.cross_mounts && leaves_file_system(parent))) return;
    std::string json_dir;
    append_json_dir(parent, json_dir);
    append_fs_row(hand.row, json_dir, name, stat, AtomicFlag::absent);
    append(hand, true);
    count(hand.counts, stat.kind);
    const bool enter = config_.recursive && stat.kind == EntryKind::directory;
    if (enter && may_enter(directory.get(), above, name.c_str(), stat)) hand.todo.push_back({path, above.dev, 1});
  }

  bool is_link(const std::string& path) const {
    const size_t slash = path.rfind('/');
    UniqueFd directory;
    FileStat stat;
    const int error = open_path_beneath(root_.get(), slash == std::string::npos ? "" : path.substr(0, slash), directory);
    return error == 0 && stat_at(directory.get(), path.c_str() + (slash == std::string::npos ? 0 : slash + 1), stat) == 0 &&
           stat.kind == EntryKind::symlink;
  }

  /** Whether a walk from the root would get to this path. */
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

  /** Waits as long as the limit wants; not while anything is owned that others wait for. */
  void pay(Hand& hand) {
    const auto wait = limit_.take(hand.unpaid, Clock::now());
    hand.unpaid = 0;
    if (wait <= Clock::duration::zero()) return;
    if (wait > kNoticeable) hand_over(hand);
    std::unique_lock lock(mutex_);
    offered_.wait_for(lock, wait, [this] { return cancelled_.load(); });
  }

  /** The older half: nearer to the root, so the larger subtrees. */
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

  void scan_directory(Hand& hand, const Work& work) {
    UniqueFd directory;
    int error = open_directory_beneath(root_.get(), work.path, directory);
    // Gone since it was listed, or a file or a link stands there now: what it is then, the live rows or the next scan tell.
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) {
      hand.counts.vanished++;
      return;
    }
    if (error != 0) return fail(hand, work.path, error, "open");
    FileStat self;
    error = stat_at(directory.get(), "", self);
    if (error != 0) return fail(hand, work.path, error, "stat");
    if (self.dev != work.dev && (is_barred(self, work.dev) || is_pseudo_filesystem(directory.get()))) return;

    hand.json_dir.clear();
    append_json_dir(work.path, hand.json_dir);
    uint32_t rows = 0;
    const auto on_entry = [&](std::string_view name, unsigned char d_type) {
      const EntryKind hint = kind_of_dirent(d_type);
      if (!filter_.wants(work.path, name, hint) || is_server_snapshot(directory.get(), name)) return true;
      const bool new_group = rows++ % kGroupRows == 0;
      if (new_group) hand.sequence = next_sequence();
      FileStat stat;
      const int failed = stat_at(directory.get(), name.data(), stat);
      if (failed == ENOENT) {
        hand.counts.vanished++;
        rows--;
        return true;
      }
      if (failed != 0) {
        rows--;
        note_error(hand, work.path.empty() ? std::string(name) : work.path + '/' + std::string(name), failed, "stat");
        return true;
      }
      if (hint != stat.kind && !filter_.wants(work.path, name, stat.kind)) return true;
      hand.row.clear();
      append_fs_row(hand.row, hand.json_dir, name, stat, AtomicFlag::absent);
      if (!append(hand, new_group)) return false;
      count(hand.counts, stat.kind);
      if (limit_.limits() && ++hand.unpaid >= kPayRows) pay(hand);
      if (stat.kind == EntryKind::directory && is_listed(work.depth + 1) && may_enter(directory.get(), self, name.data(), stat)) {
        hand.todo.push_back({work.path.empty() ? std::string(name) : work.path + '/' + std::string(name), self.dev, work.depth + 1});
      }
      return !cancelled_.load(std::memory_order_relaxed);
    };
    error = hand.lister.list(directory.get(), on_entry, &cancelled_);
    if (error != 0 && error != ECANCELED) fail(hand, work.path, error, "list");
  }

  bool is_listed(uint32_t depth) const { return config_.max_depth == 0 || depth <= config_.max_depth; }

  /** Whether it is the mount point of another file system, and those are not to be entered. A btrfs subvolume is a directory as any other. */
  bool is_barred(const FileStat& directory, uint64_t parent_dev) const {
    return !config_.cross_mounts && directory.dev != parent_dev && directory.is_mounted(parent_dev);
  }

  /** Asked before the directory is opened: opening an automount point for listing mounts it, and waits for whoever has to. */
  bool may_enter(int parent_fd, const FileStat& parent, const char* name, const FileStat& directory) const {
    if (directory.dev == parent.dev) return true;
    if (is_barred(directory, parent.dev)) return false;
    const UniqueFd place(::openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    return place && !is_pseudo_filesystem(place.get());
  }

  /** Whether a mount point of another file system lies on the way from the root to this directory, itself included. */
  bool leaves_file_system(const std::string& path) const {
    uint64_t dev = root_stat_.dev;
    for (size_t end = 0; end != std::string::npos && !path.empty();) {
      end = path.find('/', end + 1);
      UniqueFd directory;
      FileStat stat;
      if (open_path_beneath(root_.get(), path.substr(0, end), directory) != 0 || stat_at(directory.get(), "", stat) != 0) return true;
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
    if (new_chunk || new_group) hand.chunk->begin_group(hand.sequence);
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

  /** Whether the root still is what it was: a file system that was unmounted in between looks like a shorter tree. */
  bool root_still_there() const {
    UniqueFd now(::open(config_.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    FileStat stat;
    if (!now || stat_at(now.get(), "", stat) != 0) return false;
    if (config_.identify) return is_same_root(config_.identify(now.get(), stat), identity_);
    if (stat.dev != root_stat_.dev) return false;
    return stat.ino == root_stat_.ino || !keeps_inode_numbers(now.get());
  }

  /** By the last thread. The object may live until a garbage collection: the directory must not stay open for so long. */
  void finish() {
    const bool complete = !cancelled_ && root_error_ == 0 && root_still_there();
    root_.reset();
    {
      std::lock_guard lock(mutex_);
      summary_.complete = complete;
      ended_ = Clock::now();
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
  UniqueFd root_;
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

  std::vector<std::thread> threads_;
};

}  // namespace

std::shared_ptr<BulkStream> start_scan(ScanConfig config) {
  auto scanner = std::make_shared<Scanner>(std::move(config));
  scanner->start();
  return scanner;
}

}  // namespace fustor
