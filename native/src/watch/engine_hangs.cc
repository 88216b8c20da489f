// File systems that do not answer: a server that is away, a FUSE daemon that hangs, a disk in trouble. They stop
// nothing but themselves.
//
// A system call has no time limit, so the engine gives one to its threads. Each thread counts its steps (ThreadWatch).
// When the steps of a thread stand still for kStuckNs while it is at a directory, the thread is stuck, and
//
//  - a spare thread takes its place, so that as many threads as before look at everything else;
//  - its region (everything on one mount, region_of) gets at most kMostStuck threads, and no further one after hang_ms:
//    the region's dirty directories are put aside until a thread comes back from there;
//  - after hang_ms the directories for which the tree walk still waits there count as unreadable: snapshots and audits
//    go on without them, audits with `audit_skipped`, and their rows stay as they are. The engine gives the stuck
//    thread up: it drops what the thread brings back, and lists the thread's directory as a whole.
//
// A mount point is an entry of the directory above, which must not wait for it: MountProber looks at mount points. The
// reader runs the watchdog several times a second while any thread is at work. It asks no file system itself, and no
// thread waits for one with the mutex held.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/name_codec.h"
#include "scan/mounts.h"
#include "watch/monotonic.h"
#include "watch/snapshot_stream.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr int64_t kStuckNs = 250'000'000;
constexpr size_t kMostStuck = 4;        // threads in one region
constexpr size_t kMostThreadsInAll = 256;
// When the engine closes, a thread that stands still for so long is left behind.
constexpr int64_t kLeaveNs = 1'000'000'000;
constexpr auto kLeaveTick = std::chrono::milliseconds(20);

/**
 * Whether the thread sleeps. One that only waits for the processor, on a busy machine, does not. Asks no file system
 * but /proc.
 */
bool is_asleep(const ThreadWatch& thread) {
  char text[256];
  const std::string path = "/proc/self/task/" + std::to_string(thread.kernel_id) + "/stat";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd ? ::read(fd.get(), text, sizeof(text)) : -1;
  if (got <= 0) return true;
  const std::string_view said(text, static_cast<size_t>(got));
  const size_t end_of_name = said.rfind(") ");
  return end_of_name == std::string_view::npos || said.substr(end_of_name + 2, 1) != "R";
}
}  // namespace

// ---- threads --------------------------------------------------------------------------------------------------------------------

/** With the mutex held. Throws std::system_error when the kernel grants no thread. */
void WatchEngine::start_thread(bool takes_live, bool may_be_replaced, std::function<void()> loop) {
  const auto watch = std::make_shared<ThreadWatch>();
  watch->takes_live = takes_live;
  watch->may_be_replaced = may_be_replaced;
  watch->thread = std::thread([this, watch, loop = std::move(loop)] {
    this_worker.watch = watch.get();
    watch->kernel_id = static_cast<int>(::syscall(SYS_gettid));
    this_worker.takes_live = watch->takes_live;
    loop();
    // The engine, when it has closed without this thread: it may be destroyed at the end of this function.
    std::shared_ptr<void> keeps;
    Lock lock(mutex_);
    watch->ended = true;
    keeps.swap(watch->keeps);
    thread_ended_.notify_all();
    const bool last_behind = keeps != nullptr && --left_behind_ == 0;
    lock.unlock();
    if (last_behind) let_go();
  });
  threads_.push_back(watch);
}

/**
 * For `close`: waits for the threads, but not for one that stands still in a system call. False when one was left
 * behind.
 */
bool WatchEngine::leave_threads() {
  struct Last {
    uint32_t steps;
    int64_t since_ns;
  };
  std::unordered_map<ThreadWatch*, Last> last;
  Lock lock(mutex_);
  const std::shared_ptr<WatchEngine> self = weak_from_this().lock();
  const auto may_still_end = [&] {
    bool any = false;
    const int64_t now = monotonic_ns();
    for (const auto& thread : threads_) {
      if (thread->ended) continue;
      const uint32_t steps = thread->steps.load(std::memory_order_relaxed);
      const auto [found, fresh] = last.try_emplace(thread.get(), Last{steps, now});
      if (found->second.steps != steps) found->second = {steps, now};
      const bool stands_still = self != nullptr && thread->job != Job::none && now - found->second.since_ns >= kLeaveNs;
      any = any || !stands_still;
    }
    return any;
  };
  while (may_still_end()) thread_ended_.wait_for(lock, kLeaveTick);
  const std::vector<std::shared_ptr<ThreadWatch>> threads = std::exchange(threads_, {});
  for (const auto& thread : threads) {
    if (thread->ended) continue;
    thread->keeps = self;
    left_behind_++;
    thread->thread.detach();
  }
  const bool all_ended = left_behind_ == 0;
  lock.unlock();
  for (const auto& thread : threads) {
    if (thread->thread.joinable()) thread->thread.join();
  }
  return all_ended;
}

/** The calling thread begins a job. With the mutex held, as all that follows. */
void WatchEngine::begin_job(Job job, DirId directory, uint32_t pass) {
  ThreadWatch* watch = this_worker.watch;
  if (watch == nullptr) return;
  watch->job = job;
  watch->directory = directory;
  watch->region = job == Job::directory ? region_of(directory) : kRootDir;
  watch->pass = pass;
  watch->seen_ns = 0;
  this_worker.step();
}

/** False when the job was given up meanwhile. */
bool WatchEngine::end_job() {
  ThreadWatch* watch = this_worker.watch;
  if (watch == nullptr) return true;
  watch->job = Job::none;
  this_worker.step();
  const bool kept = !watch->given_up.exchange(false);
  if (watch->stuck) watch_threads(monotonic_ns());  // this thread came back, so others may go there again
  return kept;
}

// ---- regions --------------------------------------------------------------------------------------------------------------------

/**
 * The directory at which this one's file system is mounted, or the root: when a file system hangs, it hangs as a whole.
 */
DirId WatchEngine::region_of(DirId id) const {
  if (mounts_.empty()) return kRootDir;
  for (DirId at = id; at != kRootDir && table_.valid(at); at = table_.at(at).parent) {
    const Directory& directory = table_.at(at);
    if (!table_.valid(directory.parent)) break;
    if (table_.at(directory.parent).identity.dev != directory.identity.dev) return at;
  }
  return kRootDir;
}

// The root's own region holds everything on the root's file system. One directory in it that hangs is no reason to stop
// looking at the rest.
bool WatchEngine::is_blocked(DirId region) const {
  const auto found = regions_.find(region);
  if (found == regions_.end()) return false;
  return found->second.stuck >= std::min(worker_count_, kMostStuck) || (found->second.hung && region != kRootDir);
}

/** Whether a dirty directory has to wait until its region answers; then it is in no queue meanwhile. */
bool WatchEngine::put_aside(DirId id) {
  if (regions_.empty() || !table_.valid(id)) return false;
  const DirId region = region_of(id);
  if (!is_blocked(region)) return false;
  Region& state = regions_.at(region);
  state.aside.insert(id);
  if (state.hung) give_up(id, ETIMEDOUT);
  return true;
}

void WatchEngine::take_up(DirId region) {
  const auto found = regions_.find(region);
  if (found == regions_.end()) return;
  const std::unordered_set<DirId> aside = std::exchange(found->second.aside, {});
  for (const DirId id : aside) {
    if (!table_.valid(id) || !dirty_.has(id)) continue;
    const DirtyDirectory& dirty = dirty_.of(id, 0);
    wake_worker_for(id, dirty.pass != 0 && dirty.names.empty());
  }
}

/** The tree walk and the snapshots go on without this directory; its rows stay as they are. */
void WatchEngine::give_up(DirId id, int error) {
  if (!table_.valid(id)) return;
  Directory& directory = table_.at(id);
  directory.unreadable = error;
  directory.listed = true;
  gone_early_.erase(id);
  if (dirty_.has(id)) {
    DirtyDirectory& dirty = dirty_.of(id, 0);
    if (dirty.pass != 0 && dirty.pass == pass_ && pass_pending_ > 0) pass_pending_--;
    dirty.pass = 0;
    dirty.quiet = false;  // a snapshot that ends meanwhile has no rows of it, so they have to come as changes
  }
  for (SnapshotStream* snapshot : snapshots_) snapshot->directory_listed(id);
  finish_pass_if_done();
}

void WatchEngine::give_up(ThreadWatch& thread) {
  if (thread.given_up) return;
  thread.given_up = true;
  if (thread.pass != 0 && thread.pass == pass_ && pass_pending_ > 0) pass_pending_--;
  thread.pass = 0;
  give_up(thread.directory, ETIMEDOUT);
}

// ---- the watchdog ---------------------------------------------------------------------------------------------------------------

/** Whether this thread waits for a file system that does not answer. */
bool WatchEngine::watch_thread(ThreadWatch& thread, int64_t now) {
  if (thread.ended || thread.job == Job::none || !thread.has_room) return false;
  const uint32_t steps = thread.steps.load(std::memory_order_relaxed);
  if (thread.seen_ns == 0 || thread.seen_steps != steps) {
    thread.seen_steps = steps;
    thread.seen_ns = now;
  }
  if (now - thread.seen_ns < kStuckNs) return false;
  if (thread.stuck || is_asleep(thread)) return true;
  thread.seen_ns = now;
  return false;
}

/** By the reader while any thread is at work, and by a stuck thread that comes back. */
void WatchEngine::watch_threads(int64_t now) {
  const int64_t hang_ns = config_.hang_ms * 1'000'000;
  std::array<size_t, 2> stuck{};
  std::set<DirId> silent;
  for (auto& [region, state] : regions_) {
    state.stuck = 0;
    state.hung = false;
  }
  for (size_t i = 0; i < threads_.size(); i++) {
    ThreadWatch& thread = *threads_[i];
    thread.stuck = watch_thread(thread, now);
    if (!thread.stuck) continue;
    if (thread.may_be_replaced) stuck[thread.takes_live ? 0 : 1]++;
    const bool hung = now - thread.seen_ns >= hang_ns;
    if (thread.job == Job::root) {
      if (hung) lose_root("the root does not answer: its server, its daemon or its disk has to come back", "");
      continue;
    }
    if (thread.job != Job::directory) continue;
    Region& region = regions_[thread.region];
    region.stuck++;
    region.hung = region.hung || hung;
    silent.insert(thread.region);
    if (!hung || root_state_ == RootState::unavailable) continue;
    give_up(thread);
    // A later tree walk asks for the same directory, which the stuck thread still owns.
    const DirId id = thread.directory;
    if (dirty_.has(id) && dirty_.of(id, 0).pass != 0) give_up(id, ETIMEDOUT);
  }
  for (auto it = regions_.begin(); it != regions_.end();) {
    if (!is_blocked(it->first)) take_up(it->first);
    if (it->second.hung) {
      const std::unordered_set<DirId> aside = it->second.aside;
      for (const DirId id : aside) {
        if (table_.valid(id) && table_.at(id).unreadable != ETIMEDOUT) give_up(id, ETIMEDOUT);
      }
    }
    it = silent.contains(it->first) ? std::next(it) : regions_.erase(it);
  }
  for (const bool live : {true, false}) replace(live, stuck[live ? 0 : 1]);
  note_hangs(now);
}

/** As many spare threads may work as others are stuck. */
void WatchEngine::replace(bool live, size_t stuck) {
  Spares& spares = spares_[live ? 0 : 1];
  spares.allowed = stuck;
  if (stuck == 0 || stopping_) return;
  const Duty duty = !live ? Duty::background : config_.politeness.asks_for_anything() ? Duty::live : Duty::any;
  try {
    while (spares.started < stuck && threads_.size() < kMostThreadsInAll) {
      start_thread(live, true, [this, duty, number = spares.started] { spare_loop(duty, number); });
      spares.started++;
    }
  } catch (const std::system_error&) {
    counts_.last_error = "no thread is to be had in the place of one that waits for a file system";
  }
  spares_wake_.notify_all();
}

// ---- what is reported of it -----------------------------------------------------------------------------------------------------

/** Places that have not answered for hang_ms, the longest first. */
std::vector<Hang> WatchEngine::hangs(int64_t now) const {
  const int64_t latest = now - config_.hang_ms * 1'000'000;
  std::unordered_map<std::string, int64_t> since;
  const auto add = [&](const std::string& path, int64_t from) {
    if (from > latest) return;
    const auto [found, fresh] = since.try_emplace(path, from);
    if (!fresh) found->second = std::min(found->second, from);
  };
  for (const auto& thread : threads_) {
    if (!thread->stuck) continue;
    const bool of_root = thread->job == Job::root;
    if (thread->job == Job::adoption) continue;
    const DirId id = of_root ? kRootDir : thread->region == kRootDir ? thread->directory : thread->region;
    if (table_.valid(id) && table_.reachable(id)) add(table_.path_of(id), thread->seen_ns);
  }
  if (prober_ != nullptr) {
    for (const auto& [place, from] : prober_->waiting()) add(place, from);
  }
  std::vector<Hang> hangs;
  for (const auto& [path, from] : since) hangs.push_back({path, from});
  std::sort(hangs.begin(), hangs.end(), [](const Hang& a, const Hang& b) { return std::tie(a.since_ns, a.path) < std::tie(b.since_ns, b.path); });
  return hangs;
}

void WatchEngine::note_hangs(int64_t now) {
  std::vector<std::string> places;
  for (const Hang& hang : hangs(now)) places.push_back(hang.path);
  std::sort(places.begin(), places.end());
  if (places == told_hangs_) return;
  told_hangs_ = std::move(places);
  hang_changes_++;
  signal_state();
}

uint64_t WatchEngine::hang_changes() const {
  const Lock lock(mutex_);
  return hang_changes_;
}

// ---- mounts ---------------------------------------------------------------------------------------------------------------------

/** Called again whenever the mounts have changed. */
void WatchEngine::read_mounts() {
  const std::shared_ptr<const MountTable> now = current_mounts();
  std::unordered_map<std::string, std::shared_ptr<MountNames>> names;
  mount_places_.clear();
  elsewhere_devs_.clear();
  hanging_names_.clear();
  if (root_place_.empty()) return;  // the root was not found yet
  std::string path;
  for (const Mount& mount : now->all()) {
    if (!is_below(root_place_, mount.place, path)) continue;
    mount_places_.insert(path);
    if (!may_hang(mount.type)) continue;
    const size_t slash = path.rfind('/');
    std::shared_ptr<MountNames>& here = names[slash == std::string::npos ? "" : path.substr(0, slash)];
    if (here == nullptr) here = std::make_shared<MountNames>();
    here->insert_or_assign(slash == std::string::npos ? path : path.substr(slash + 1), mount.dev);
  }
  for (auto& [directory, here] : names) hanging_names_.emplace(directory, std::move(here));
}

std::shared_ptr<const MountNames> WatchEngine::mounts_in(const std::string& path) const {
  if (hanging_names_.empty()) return nullptr;
  const auto found = hanging_names_.find(path);
  return found == hanging_names_.end() ? nullptr : found->second;
}

/** Called by a thread of the prober, without the mutex: an answer that came too late for the thread that had asked. */
void WatchEngine::mount_answered(const std::string& place) {
  const Lock lock(mutex_);
  if (stopping_ || root_state_ == RootState::unavailable) return;
  const size_t slash = place.rfind('/');
  const DirId parent = table_.resolve(slash == std::string::npos ? std::string_view{} : std::string_view(place).substr(0, slash));
  if (parent != kNoDir) mark(parent, slash == std::string::npos ? place : place.substr(slash + 1), kMarkVerify);
  note_hangs(monotonic_ns());
}

}  // namespace fustor
