// The root: whether it is there, and whether it is the one it was.
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "scan/dir_lister.h"
#include "watch/monotonic.h"
#include "watch/snapshot_stream.h"
#include "watch/watch_engine.h"

namespace fustor {

void WatchEngine::check_root() {
  if (!filter_.wants_root()) return root_lost("the root lies inside a path that is excluded");
  if (engine_error_ != 0) return root_lost(std::string("the engine that was asked for cannot watch it: ") + std::strerror(engine_error_));
  UniqueFd fd(::open(config_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    const int error = errno;
    if (error == EMFILE || error == ENFILE) return;
    root_lost(error == ENOENT    ? "the root is missing"
              : error == ENOTDIR ? "the root is not a directory"
                                 : std::string("the root cannot be read: ") + std::strerror(error));
    return;
  }
  FileStat stat;
  if (stat_at(fd.get(), "", stat) != 0) return;
  Lock lock(mutex_);
  const bool first = root_identity_ == Identity{};
  const bool same = root_identity_ == identity_of(stat);
  if (same && root_state_ != RootState::unavailable) return;
  const bool other_disk = !first && root_identity_.dev != stat.dev;
  const bool had_entries = table_.entry_count > 0;
  lock.unlock();
  if (other_disk && had_entries) {
    bool empty = true;
    DirLister lister;
    lister.list(fd.get(), [&](std::string_view, unsigned char) { return empty = false; }, nullptr);
    if (empty) {
      root_lost("the root stands empty on another file system than before: it is probably not mounted");
      return;
    }
  }
  lock.lock();
  if (root_identity_ == identity_of(stat) && root_state_ != RootState::unavailable) return;  // another worker was first
  root_fd_ = nullptr;
  root_found(identity_of(stat), first);
}

void WatchEngine::root_lost(const std::string& reason) {
  Lock lock(mutex_);
  root_fd_ = nullptr;
  if (root_state_ == RootState::unavailable && root_reason_ == reason) return;
  root_state_ = RootState::unavailable;
  root_reason_ = reason;
  pass_pending_ = 0;
  dirty_.clear();
  throttled_.clear();
  strangers_.clear();
  for (SnapshotStream* snapshot : snapshots_) snapshot->fail(ENOENT);
  work_.notify_all();
  signal_state();
}

/** With the mutex held. */
void WatchEngine::root_found(Identity identity, bool first) {
  root_identity_ = identity;
  table_.set_identity(kRootDir, identity);
  root_state_ = first ? RootState::starting : RootState::available;
  root_reason_.clear();
  begin_pass(first, first ? "" : "the root came back");
  signal_state();
}

}  // namespace fustor
