// The root, and the mounts below it: whether they are there, and whether they are the ones they were.
//
// What is not there at the moment was not deleted. When the root is missing, unmounted or replaced, the engine reports
// no delete: the watch is unavailable and its table stays. When the same directory is back, the engine reports the
// differences. When the operator confirms the other directory that stands there, deletes are differences, too. The same
// holds for the contents of a file system mounted below the root.
#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/mount_table.h"
#include "base/open_beneath.h"
#include "scan/dir_lister.h"
#include "scan/mounts.h"
#include "watch/monotonic.h"
#include "watch/place_identity.h"
#include "watch/snapshot_stream.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr const char* kConfirm = "confirm with `fustor-agent confirm SOURCE` that this is the one to be watched";

std::string why_not_opened(int error) {
  if (error == ENOENT) return "the root is missing: mount it or put it back; nothing counts as deleted until then";
  if (error == ENOTDIR) return "the root is not a directory: put the directory back; nothing counts as deleted until then";
  return std::string("the root cannot be read: ") + std::strerror(error);
}

bool is_empty(int fd) {
  bool empty = true;
  DirLister lister;
  lister.list(fd, [&](std::string_view, unsigned char) { return empty = false; }, nullptr);
  return empty;
}

/** A link may lead to what is not meant to be shown, and any user who may write above the root can put one there. */
bool is_no_link(const std::string& path) {
  FileStat stat;
  return stat_at(AT_FDCWD, path.c_str(), stat) == 0 && stat.kind == EntryKind::directory;
}

std::string why_another(bool other_disk, bool empty) {
  if (other_disk && empty) {
    return std::string("the root stands empty on another file system than before, it is probably not mounted: mount it, or ") + kConfirm;
  }
  return std::string("another directory stands at the root than before: put the right one back, or ") + kConfirm;
}
}  // namespace

void WatchEngine::check_root() {
  if (!filter_.wants_root()) return root_lost("the root lies inside a path that is excluded");
  if (engine_error_ != 0) return root_lost(std::string("the engine that was asked for cannot watch it: ") + std::strerror(engine_error_));
  UniqueFd fd(::open(config_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    const int error = errno;
    if (error != EMFILE && error != ENFILE) root_lost(why_not_opened(error));
    return;
  }
  FileStat stat;
  if (stat_at(fd.get(), "", stat) != 0) return;
  const std::string seen = identity_text(fd.get(), stat);
  if (seen.empty()) return;
  const std::string place = place_of(fd.get());
  Lock lock(mutex_);
  if (!place.empty() && std::exchange(root_place_, place) != place) read_mounts();
  if (root_text_ == seen && root_identity_ == identity_of(stat) && root_state_ != RootState::unavailable) return;
  const bool first = root_text_.empty();
  const std::string& expected = first ? config_.expected_root : root_text_;
  const bool same = expected.empty() || is_same_place(expected, seen);
  if (!first && same && root_state_ != RootState::unavailable && root_identity_.dev == stat.dev && !keeps_inode_numbers(fd.get())) {
    return root_renumbered(identity_of(stat));
  }
  const bool nothing_to_lose = !first && table_.entry_count == 0 && is_no_link(config_.root);
  if (!same && !nothing_to_lose && confirmed_root_ != seen) {
    const bool other_disk = first || root_identity_.dev != stat.dev;
    lock.unlock();
    return root_lost(why_another(other_disk, is_empty(fd.get())), seen);
  }
  root_found(identity_of(stat), seen, !same);
}

/** `standing` is the identity of another directory at the root, which the operator can confirm. */
void WatchEngine::root_lost(const std::string& reason, const std::string& standing) {
  const Lock lock(mutex_);
  lose_root(reason, standing);
}

/** With the mutex held. */
void WatchEngine::lose_root(const std::string& reason, const std::string& standing) {
  root_fd_ = nullptr;
  standing_root_ = standing;
  if (root_state_ == RootState::unavailable && root_reason_ == reason) return;
  root_state_ = RootState::unavailable;
  root_reason_ = reason;
  pass_pending_ = 0;
  dirty_.clear();
  for (auto& [region, state] : regions_) state.aside.clear();
  throttled_.clear();
  strangers_.clear();
  for (SnapshotStream* snapshot : snapshots_) snapshot->fail(ENOENT);
  work_.notify_all();
  signal_state();
}

/** The same root under another inode number of its file system. With the mutex held. */
void WatchEngine::root_renumbered(Identity identity) {
  root_fd_ = nullptr;
  root_identity_ = identity;
  table_.set_identity(kRootDir, identity);
  mark_list(kRootDir, DirtyDirectory{}, false, is_first_look(kRootDir));
}

/** With the mutex held. */
void WatchEngine::root_found(Identity identity, const std::string& text, bool another) {
  const bool first = root_text_.empty();
  root_fd_ = nullptr;
  // A file system that was mounted again may have another device number: its rows stay known.
  if (!first && root_identity_.dev != identity.dev) table_.change_device(kRootDir, root_identity_.dev, identity.dev);
  root_identity_ = identity;
  root_text_ = text;
  standing_root_.clear();
  confirmed_root_.clear();
  table_.set_identity(kRootDir, identity);
  root_state_ = first ? RootState::starting : RootState::available;
  root_reason_.clear();
  forget_paths();
  held_until_ns_ = 0;
  begin_pass(first, first ? "" : another ? "another root was confirmed" : "the root came back");
  pass_confirmed_ = another;
  signal_state();
}

// ---- what the operator knows ----------------------------------------------------------------------------------------------------

std::string WatchEngine::root_identity() const {
  Lock lock(mutex_);
  return root_text_;
}

bool WatchEngine::confirm_root() {
  Lock lock(mutex_);
  const bool mounts = !lost_mounts_.empty();
  for (const DirId id : lost_mounts_) {
    if (!table_.valid(id)) continue;
    given_up_mounts_.insert(id);
    mark(table_.at(id).parent, table_.at(id).name, kMarkVerify);
    mark_list(id, DirtyDirectory{}, false, false);
  }
  lost_mounts_.clear();
  if (standing_root_.empty()) return mounts;
  confirmed_root_ = standing_root_;
  root_check_due_ = true;
  work_.notify_one();
  return true;
}

}  // namespace fustor
