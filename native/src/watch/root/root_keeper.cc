#include "watch/root/root_keeper.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/dir_lister.h"
#include "base/mount_table.h"
#include "base/open_beneath.h"
#include "scan/mounts.h"
#include "watch/monotonic.h"
#include "watch/mounts/place_identity.h"

namespace fustor {

namespace {
constexpr int64_t kIdleFdNs = 200'000'000;
constexpr const char* kConfirm = "confirm with `fustor-agent confirm SOURCE` that this is the one to be watched";

std::string why_not_opened(int error) {
  if (error == ENOENT) return "the root is missing: mount it or put it back; nothing counts as deleted until then";
  if (error == ENOTDIR) {
    return "the root is not a directory: put the directory back; nothing counts as deleted until then";
  }
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
    return std::string("the root stands empty on another file system than before, it is probably not mounted: "
                       "mount it, or ") +
           kConfirm;
  }
  return std::string("another directory stands at the root than before: put the right one back, or ") + kConfirm;
}
}  // namespace

std::shared_ptr<UniqueFd> RootKeeper::open(Locked& lock) {
  if (root_.fd != nullptr) return root_.fd;
  const Identity expected = root_.identity;
  lock.unlock();
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;
  auto opened = std::make_shared<UniqueFd>(::open(config_.root.c_str(), kFlags));
  FileStat stat;
  const bool right =
      opened->get() >= 0 && stat_at(opened->get(), "", stat) == 0 && identity_of(stat) == expected;
  lock.lock();
  if (!right) {
    schedule_.want_root_check(lock);
    return nullptr;
  }
  root_.fd = opened;
  return opened;
}

void RootKeeper::check_now(Locked& lock) {
  schedule_.root_check_due = false;
  root_.is_being_checked = true;
  jobs_.begin(lock, Job::root, kRootDir, 0);
  lock.unlock();
  check();
  lock.lock();
  jobs_.end(lock);
  root_.is_being_checked = false;
  if (schedule_.root_check_due) crew_.work.notify_one();
}

void RootKeeper::check_beside(Locked& lock, DirId id, uint32_t pass) {
  check_now(lock);
  jobs_.begin(lock, Job::directory, id, pass);
}

void RootKeeper::check() {
  if (!filter_.wants_root()) return lost("the root lies inside a path that is excluded");
  if (const int error = watches_.engine_error(); error != 0) {
    return lost(std::string("the engine that was asked for cannot watch it: ") + std::strerror(error));
  }
  const UniqueFd fd(::open(config_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    const int error = errno;
    if (error != EMFILE && error != ENFILE) lost(why_not_opened(error));
    return;
  }
  FileStat stat;
  if (stat_at(fd.get(), "", stat) != 0) return;
  const std::string seen = identity_text(fd.get(), stat);
  if (!seen.empty()) compare(fd.get(), stat, seen, place_of(fd.get()));
}

void RootKeeper::compare(int fd, const FileStat& stat, const std::string& seen, const std::string& place) {
  Locked lock(mutex_);
  if (!place.empty() && std::exchange(root_.place, place) != place) read_mounts(lock);
  if (root_.text == seen && root_.identity == identity_of(stat) && !root_.is_unavailable()) return;
  const bool first = root_.text.empty();
  const std::string& expected = first ? config_.expected_root : root_.text;
  const bool same = expected.empty() || is_same_place(expected, seen);
  const bool same_device = root_.identity.dev == stat.dev;
  if (!first && same && !root_.is_unavailable() && same_device && !keeps_inode_numbers(fd)) {
    return renumbered(lock, identity_of(stat));
  }
  const bool nothing_to_lose = !first && table_.entry_count == 0 && is_no_link(config_.root);
  if (!same && !nothing_to_lose && root_.confirmed != seen) {
    const bool other_disk = first || !same_device;
    lock.unlock();
    return lost(why_another(other_disk, is_empty(fd)), seen);
  }
  found(lock, identity_of(stat), seen, !same);
}

void RootKeeper::lost(const std::string& reason, const std::string& standing) {
  const Locked lock(mutex_);
  lose(lock, reason, standing);
}

void RootKeeper::lose(const Locked& lock, const std::string& reason, const std::string& standing) {
  root_.fd = nullptr;
  root_.standing = standing;
  if (root_.is_unavailable() && root_.reason == reason) return;
  root_.state = RootState::unavailable;
  root_.reason = reason;
  walk_.abandon();
  dirty_.clear();
  regions_.forget_all_aside(lock);
  throttle_.clear();
  unknown_directories_.clear();
  streams_.fail(lock, ENOENT);
  crew_.work.notify_all();
  signal_.state(lock);
}

void RootKeeper::renumbered(const Locked& lock, Identity identity) {
  root_.fd = nullptr;
  root_.identity = identity;
  table_.set_identity(kRootDir, identity);
  schedule_.list(lock, kRootDir, {.quiet = schedule_.is_first_look(lock, kRootDir)});
}

void RootKeeper::found(const Locked& lock, Identity identity, const std::string& text, bool another) {
  const bool first = root_.text.empty();          // nothing is known of the tree
  const bool begins = walk_.number() == 0;        // it may be known by the index of an earlier run
  root_.fd = nullptr;
  // A file system that was mounted again may have another device number: its rows stay known.
  const uint64_t before = root_.identity.dev;
  if (!first && before != identity.dev) table_.change_device(kRootDir, before, identity.dev);
  root_.identity = identity;
  root_.text = text;
  root_.standing.clear();
  root_.confirmed.clear();
  table_.set_identity(kRootDir, identity);
  root_.state = begins ? RootState::starting : RootState::available;
  root_.reason.clear();
  reporter_.forget_paths(lock);
  passes_.missing().stop_holding(lock);
  const bool says_nothing = first || (begins && !another);
  passes_.begin(lock, first, says_nothing ? "" : another ? "another root was confirmed" : "the root came back");
  walk_.is_confirmed = another;
  signal_.state(lock);
}

void RootKeeper::read_mounts(const Locked& lock) {
  places_.read(lock, root_.place);
  watches_.forget_devices(lock);
}

int64_t RootKeeper::next_ns(const Locked&) const {
  const bool idle = root_.fd != nullptr && crew_.busy_workers == 0 && !dirty_.queued();
  return idle ? root_.fd_used_ns + kIdleFdNs : INT64_MAX;
}

void RootKeeper::close_idle(const Locked& lock, int64_t now_ns) {
  if (now_ns >= next_ns(lock)) root_.fd = nullptr;
}

// ---- what the operator knows --------------------------------------------------------------------------------------

bool RootKeeper::confirm(const Locked& lock) {
  const std::unordered_set<DirId> given_up = mounts_.give_up_lost(lock);
  for (const DirId id : given_up) {
    if (!table_.valid(id)) continue;
    schedule_.mark(lock, table_.at(id).parent, table_.at(id).name, kMarkVerify);
    schedule_.list(lock, id);
  }
  if (root_.standing.empty()) return !given_up.empty();
  root_.confirmed = root_.standing;
  schedule_.want_root_check(lock);
  return true;
}

}  // namespace fustor
