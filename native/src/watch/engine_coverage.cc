// Coverage: every directory is watched or, when that is not possible, listed from time to time.
//
// A directory has no watch because of the budget (the kernel's or our own), of permissions, or of a file system that
// refuses. The engine polls such directories, all of them once in poll_ms, a share of them each second. File systems
// that other machines or processes change without an event (servers, FUSE daemons) are watched for changes of this
// machine, and in automatic mode polled besides. Each listing tries to set the watch again, so it uses watches that
// became free. When a polled directory is busy while the budget is spent, it takes the watch of one that has been quiet
// for long.
#include <algorithm>
#include <cerrno>

#include "base/mount_table.h"
#include "base/open_beneath.h"
#include "watch/monotonic.h"
#include "watch/watch_engine.h"
#include "watch/worker_thread.h"

namespace fustor {

namespace {
constexpr int64_t kPollTickNs = 1'000'000'000;
constexpr uint32_t kColdSeconds = 600;  // quiet for this long: its watch may go to a busier directory
constexpr size_t kColdSamples = 64;
// Directories a second, so that a large tree on a server takes longer instead of wearing it out.
constexpr size_t kMostElsewhere = 200;
}  // namespace

/** Called without the mutex, returns with it. 0, or why the directory has no watch. */
int WatchEngine::arm(DirId id, int fd, Lock& lock) {
  const uint64_t disarmed = disarmed_;
  if (config_.mode == WatchMode::poll || config_.max_watches > 0) {
    lock.lock();
    if (!table_.valid(id)) return 0;
    if (config_.mode == WatchMode::poll) return refuse(id, ENOTSUP);
    const bool spent = kernel_watches_ >= config_.max_watches;
    if (spent && table_.at(id).watch == -1 && !make_room_for(id)) return refuse(id, ENOSPC);
    lock.unlock();
  }
  WatchId watch = -1;
  this_worker.storage.begin();
  int error = source_->arm(fd, watch);
  this_worker.storage.end();
  this_worker.step();
  lock.lock();
  if (error == ENOSPC && table_.valid(id) && make_room_for(id)) {
    lock.unlock();
    error = source_->arm(fd, watch);
    lock.lock();
  }
  if (!table_.valid(id)) {
    if (error == 0 && !by_watch_.contains(watch)) disarm(watch);
    return 0;
  }
  // Meanwhile another node of the same inode (a bind mount, a reused number) may have given up the watch that both
  // share.
  for (uint64_t known = disarmed; error == 0 && disarmed_ != known;) {
    known = disarmed_;
    lock.unlock();
    error = source_->arm(fd, watch);
    lock.lock();
    if (table_.valid(id)) continue;
    if (error == 0 && !by_watch_.contains(watch)) disarm(watch);
    return 0;
  }
  if (error != 0 && id == kRootDir && config_.mode == WatchMode::fanotify) {
    engine_error_ = error;
    root_check_due_ = true;
  }
  if (error != 0) return refuse(id, error);
  Directory& directory = table_.at(id);
  directory.watch_refused = false;
  unwatched_.members.erase(id);
  if (changes_elsewhere_on(directory.identity.dev)) {
    remote_.members.insert(id);
    want_polls(config_.elsewhere_poll_ms);
  }
  if (directory.watch == watch) return 0;
  if (directory.watch != -1) {
    const auto old = by_watch_.find(directory.watch);
    if (old != by_watch_.end() && std::erase(old->second, id) > 0 && old->second.empty()) {
      disarm(old->first);  // the root was replaced: the old one may still exist elsewhere
      drop_owners(old);
    }
  }
  if (id == kRootDir && watch < -1 && counts_.mark_ms < 0) counts_.mark_ms = static_cast<double>(monotonic_ns() - started_ns_) / 1e6;
  directory.watch = watch;
  std::vector<DirId>& owners = by_watch_[watch];
  if (owners.empty() && watch > 0) kernel_watches_++;
  for (const DirId other : owners) mark(table_.at(other).parent, table_.at(other).name, kMarkVerify);
  owners.push_back(id);
  return 0;
}

/**
 * fanotify reports the chmod of a directory only when the directory itself is watched. A descriptor with O_PATH is
 * enough for that.
 */
void WatchEngine::arm_unreadable(DirId id, int root_fd, const std::string& path) {
  UniqueFd fd;
  Lock lock(mutex_, std::defer_lock);
  if (open_path_beneath(root_fd, path, fd) == 0) arm(id, fd.get(), lock);
}

void WatchEngine::disarm(WatchId watch) {
  disarmed_++;
  source_->disarm(watch);
}

int WatchEngine::refuse(DirId id, int error) {
  Directory& directory = table_.at(id);
  directory.watch_refused = true;
  directory.watch_error = error;
  unwatched_.members.insert(id);
  const bool elsewhere = changes_elsewhere_on(directory.identity.dev);
  if (elsewhere) remote_.members.insert(id);
  want_polls(elsewhere ? std::min(config_.poll_ms, config_.elsewhere_poll_ms) : config_.poll_ms);
  return error;
}

/** Only in automatic mode: the other modes do exactly what the configuration says. With the mutex held. */
bool WatchEngine::changes_elsewhere_on(uint64_t dev) {
  if (config_.mode != WatchMode::automatic || config_.elsewhere_poll_ms <= 0) return false;
  const auto [found, fresh] = elsewhere_devs_.try_emplace(dev, false);
  if (fresh) {
    const std::shared_ptr<const MountTable> mounts = current_mounts();
    const Mount* mount = mounts->by_dev(dev);
    found->second = mount != nullptr && changes_elsewhere(mount->type);
  }
  return found->second;
}

void WatchEngine::want_polls(int64_t interval_ms) {
  const int64_t at = monotonic_ns() + std::min(kPollTickNs, interval_ms * 1'000'000);
  if (next_poll_ns_ <= at) return;
  next_poll_ns_ = at;
  wake_reader();
}

void WatchEngine::forget_watch(DirId id) {
  Directory& directory = table_.at(id);
  if (directory.watch == -1) return;
  const auto found = by_watch_.find(directory.watch);
  directory.watch = -1;
  if (found == by_watch_.end()) return;
  std::erase(found->second, id);
  if (!found->second.empty()) return;
  disarm(found->first);
  drop_owners(found);
}

/** Ids above 0 are inotify's and count against a budget; a fanotify mark watches any number of directories. */
void WatchEngine::drop_owners(std::unordered_map<WatchId, std::vector<DirId>>::iterator found) {
  if (found->first > 0) kernel_watches_--;
  by_watch_.erase(found);
}

/**
 * Takes the watch of a directory that has been quiet for long, if `id` itself is busy. It looks at a sample, because
 * any quiet one will do.
 */
bool WatchEngine::make_room_for(DirId id) {
  const uint32_t now = monotonic_seconds();
  if (!table_.at(id).listed || now - table_.at(id).last_active > 2) return false;
  DirId coldest = kNoDir;
  auto it = by_watch_.begin();
  for (size_t skip = by_watch_.size() > kColdSamples ? cold_cursor_++ * kColdSamples % by_watch_.size() : 0; skip > 0; skip--) ++it;
  for (size_t i = 0; i < kColdSamples && it != by_watch_.end(); i++, ++it) {
    const DirId candidate = it->second.front();
    if (it->first <= 0 || candidate == kRootDir || !table_.valid(candidate) || now - table_.at(candidate).last_active < kColdSeconds) continue;
    if (coldest == kNoDir || table_.at(candidate).last_active < table_.at(coldest).last_active) coldest = candidate;
  }
  if (coldest == kNoDir) return false;
  forget_watch(coldest);
  refuse(coldest, ENOSPC);
  return true;
}

/** Called by the reader, with the mutex held: queues this second's share of the polled directories for the workers. */
void WatchEngine::poll_some(int64_t now_ns) {
  if (now_ns < next_poll_ns_) return;
  int64_t tick = INT64_MAX;
  if (!unwatched_.members.empty()) tick = std::min(kPollTickNs, config_.poll_ms * 1'000'000);
  if (!remote_.members.empty()) tick = std::min({tick, kPollTickNs, config_.elsewhere_poll_ms * 1'000'000});
  next_poll_ns_ = tick == INT64_MAX ? INT64_MAX : now_ns + tick;
  if (root_state_ != RootState::available) return;
  poll_share(unwatched_, config_.poll_ms, SIZE_MAX, now_ns);
  poll_share(remote_, config_.elsewhere_poll_ms, kMostElsewhere, now_ns);
}

void WatchEngine::poll_share(PollRound& round, int64_t interval_ms, size_t most, int64_t now_ns) {
  if (round.members.empty()) return;
  if (round.left.empty()) {
    if (now_ns < round.begun_ns + interval_ms * 1'000'000) return;
    round.begun_ns = now_ns;
    round.left.assign(round.members.begin(), round.members.end());
    const auto ticks = static_cast<size_t>(std::max<int64_t>(1, interval_ms * 1'000'000 / kPollTickNs));
    round.share = std::min(most, (round.left.size() + ticks - 1) / ticks);
  }
  DirtyDirectory from;
  from.pass = 0;
  for (size_t i = 0; i < round.share && !round.left.empty(); i++) {
    const DirId id = round.left.back();
    round.left.pop_back();
    if (round.members.contains(id) && table_.valid(id) && table_.at(id).attached && table_.at(id).listed) mark_list(id, from, false, false);
  }
}

}  // namespace fustor
