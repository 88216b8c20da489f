#include "watch/coverage/watches.h"

#include <algorithm>
#include <cerrno>

#include "base/mount_table.h"
#include "base/open_beneath.h"
#include "scan/mounts.h"
#include "watch/monotonic.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

namespace {
constexpr uint32_t kColdSeconds = 600;  // quiet for this long: its watch may go to a busier directory
constexpr size_t kColdSamples = 64;
}  // namespace

Locked Watches::arm(DirId id, int fd, int& error) {
  const uint64_t disarmed = disarmed_;
  Locked lock(mutex_, std::defer_lock);
  error = 0;
  if (config_.mode == WatchMode::poll || config_.max_watches > 0) {
    lock.lock();
    if (!table_.valid(id)) return lock;
    const bool never = config_.mode == WatchMode::poll;
    const bool spent = !never && kernel_watches_ >= config_.max_watches && table_.at(id).watch == -1;
    if (never || (spent && !make_room_for(lock, id))) {
      error = refuse(lock, id, never ? ENOTSUP : ENOSPC);
      return lock;
    }
    lock.unlock();
  }
  WatchId watch = -1;
  this_worker.storage.begin();
  error = source_.arm(fd, watch);
  this_worker.storage.end();
  this_worker.step();
  lock.lock();
  const auto arm_again = [&] {
    lock.unlock();
    error = source_.arm(fd, watch);
    lock.lock();
  };
  if (error == ENOSPC && table_.valid(id) && make_room_for(lock, id)) arm_again();
  bool left = has_left(lock, id, error, watch);
  // Meanwhile another node of the same inode (a bind mount, a reused number) may have given up the watch that both
  // share.
  for (uint64_t known = disarmed; !left && error == 0 && disarmed_ != known;) {
    known = disarmed_;
    arm_again();
    left = has_left(lock, id, error, watch);
  }
  if (left) {
    error = 0;
  } else if (error == 0) {
    note_watch(lock, id, watch);
  } else {
    if (id == kRootDir && config_.mode == WatchMode::fanotify) {
      engine_error_ = error;
      schedule_.want_root_check(lock);
    }
    refuse(lock, id, error);
  }
  return lock;
}

bool Watches::has_left(const Locked&, DirId id, int error, WatchId watch) {
  if (table_.valid(id)) return false;
  if (error == 0 && !by_watch_.contains(watch)) disarm(watch);
  return true;
}

void Watches::note_watch(const Locked& lock, DirId id, WatchId watch) {
  Directory& directory = table_.at(id);
  directory.watch_refused = false;
  polls_.remove_unwatched(lock, id);
  if (changes_elsewhere_on(lock, directory.identity.dev)) polls_.add_elsewhere(lock, id);
  if (directory.watch == watch) return;
  if (directory.watch != -1) {
    const auto old = by_watch_.find(directory.watch);
    if (old != by_watch_.end() && std::erase(old->second, id) > 0 && old->second.empty()) {
      disarm(old->first);  // the root was replaced: the old one may still exist elsewhere
      drop_owners(old);
    }
  }
  if (id == kRootDir && watch < -1 && marked_ns_ == 0) marked_ns_ = monotonic_ns();
  directory.watch = watch;
  std::vector<DirId>& owners = by_watch_[watch];
  if (owners.empty() && watch > 0) kernel_watches_++;
  for (const DirId other : owners) schedule_.mark(lock, table_.at(other).parent, table_.at(other).name, kMarkVerify);
  owners.push_back(id);
}

void Watches::arm_unreadable(DirId id, int root_fd, const std::string& path) {
  UniqueFd fd;
  int error = 0;
  if (open_path_beneath(root_fd, path, fd) == 0) arm(id, fd.get(), error);
}

void Watches::disarm(WatchId watch) {
  disarmed_++;
  source_.disarm(watch);
}

int Watches::refuse(const Locked& lock, DirId id, int error) {
  Directory& directory = table_.at(id);
  directory.watch_refused = true;
  directory.watch_error = error;
  polls_.add_unwatched(lock, id, changes_elsewhere_on(lock, directory.identity.dev));
  return error;
}

bool Watches::changes_elsewhere_on(const Locked&, uint64_t dev) {
  if (config_.mode != WatchMode::automatic || config_.elsewhere_poll_ms <= 0) return false;
  const auto [found, fresh] = elsewhere_devs_.try_emplace(dev, false);
  if (fresh) {
    const std::shared_ptr<const MountTable> mounts = current_mounts();
    const Mount* mount = mounts->by_dev(dev);
    found->second = mount != nullptr && changes_elsewhere(mount->type);
  }
  return found->second;
}

void Watches::forget(const Locked&, DirId id) {
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

const std::vector<DirId>* Watches::owners(const Locked&, WatchId watch) const {
  const auto found = by_watch_.find(watch);
  return found == by_watch_.end() ? nullptr : &found->second;
}

void Watches::has_ended(const Locked&, WatchId watch) {
  const auto found = by_watch_.find(watch);
  if (found != by_watch_.end()) drop_owners(found);
}

/** Ids above 0 are inotify's and count against a budget; a fanotify mark watches any number of directories. */
void Watches::drop_owners(Owners::iterator found) {
  if (found->first > 0) kernel_watches_--;
  by_watch_.erase(found);
}

bool Watches::make_room_for(const Locked& lock, DirId id) {
  const uint32_t now = monotonic_seconds();
  if (!table_.at(id).listed || now - table_.at(id).last_active > 2) return false;
  DirId coldest = kNoDir;
  auto it = by_watch_.begin();
  size_t skip = by_watch_.size() > kColdSamples ? cold_cursor_++ * kColdSamples % by_watch_.size() : 0;
  for (; skip > 0; skip--) ++it;
  for (size_t i = 0; i < kColdSamples && it != by_watch_.end(); i++, ++it) {
    const DirId candidate = it->second.front();
    if (it->first <= 0 || candidate == kRootDir || !table_.valid(candidate)) continue;
    const uint32_t active = table_.at(candidate).last_active;
    if (now - active < kColdSeconds) continue;
    if (coldest == kNoDir || active < table_.at(coldest).last_active) coldest = candidate;
  }
  if (coldest == kNoDir) return false;
  forget(lock, coldest);
  refuse(lock, coldest, ENOSPC);
  return true;
}

}  // namespace fustor
