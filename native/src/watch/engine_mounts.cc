// What is mounted below the root, and directories whose device or inode number changes while they stay what they are.
//
// A mount point is what the kernel calls one (FileStat::mount_point). A device number of its own does not make one: a
// btrfs subvolume is a directory that is deleted, exchanged and moved like any other.
//
// What lay on a mount that is not there at the moment was not deleted: its rows stay until the mount is back or the
// operator gives it up (`confirm_root`). Nothing changes these rows meanwhile: when the same file system is mounted
// elsewhere, it gets rows of its own there. There are two exceptions, for mounts that cannot vanish by accident:
//  - a part of the file system around it (a bind mount): that file system is there, so the unmount was intended;
//  - a file system in memory that was mounted, while the engine ran, on a directory that the engine knew: when that
//    directory shows again, the contents of the memory are gone.
#include <algorithm>
#include <cerrno>

#include "scan/mounts.h"
#include "watch/place_identity.h"
#include "watch/watch_engine.h"

namespace fustor {

/**
 * Whether the rows below this entry stay although its place shows something else, or nothing. With the mutex held; so
 * are the functions below that do not say otherwise.
 */
bool WatchEngine::keeps_mount(DirId parent, const Entry& entry, const Sighting& sighting) {
  const auto mount = mounts_.find(entry.child);
  if (mount == mounts_.end() || given_up_mounts_.contains(entry.child)) return false;
  if (sighting.error == 0 && sighting.stat.kind != EntryKind::directory) return false;
  const Directory& child = table_.at(entry.child);
  if (child.barred || child.live_entries() == 0) return false;  // the engine never saw anything in it
  if (child.identity.dev == table_.at(parent).identity.dev) return false;
  const std::vector<Identity>& covers = mount->second.covers;
  const bool uncovered = sighting.error != 0 ? !covers.empty()
                                             : std::find(covers.begin(), covers.end(), identity_of(sighting.stat)) != covers.end();
  if (uncovered && lies_in_memory(mount->second.text)) return false;
  lost_mounts_.insert(entry.child);
  return true;
}

/** Whether it lies on a mount that is not there at the moment. */
bool WatchEngine::is_lost(DirId id) const {
  if (lost_mounts_.empty()) return false;
  for (DirId at = id; at != kRootDir && table_.valid(at); at = table_.at(at).parent) {
    if (lost_mounts_.contains(at)) return true;
  }
  return false;
}

/** `entry` is about to leave, because something was mounted on it or unmounted from it. */
void WatchEngine::note_covered(DirId parent, const Entry& entry, const Sighting& sighting) {
  if (sighting.error != 0 || !is_mount_point(parent, sighting.stat)) return;
  const auto mount = mounts_.find(entry.child);
  std::vector<Identity> covers;
  if (mount != mounts_.end()) covers = mount->second.covers;
  const auto uncovered = std::find(covers.begin(), covers.end(), identity_of(sighting.stat));
  if (uncovered != covers.end()) {
    covers.erase(covers.begin(), uncovered + 1);
  } else {
    covers.insert(covers.begin(), table_.at(entry.child).identity);
  }
  covered_[std::string(table_.at(parent).name_of(entry))] = std::move(covers);
}

/** A new directory in the table. */
void WatchEngine::note_mount(DirId parent, DirId child, const Sighting& sighting) {
  if (!is_mount_point(parent, sighting.stat)) return;
  MountedHere& mount = mounts_[child];
  if (const auto covered = covered_.find(sighting.name); covered != covered_.end()) mount.covers = covered->second;
}

/**
 * Whether the directory that was mounted here has come back under another device number; then the table takes the
 * number over. Takes the mutex.
 */
bool WatchEngine::is_same_mount(DirId id, int fd, const FileStat& self) {
  Lock lock(mutex_);
  const auto known = mounts_.find(id);
  if (known == mounts_.end() || known->second.text.empty()) return false;
  const std::string before = known->second.text;
  lock.unlock();
  const bool same = is_same_place(before, identity_text(fd, self));
  lock.lock();
  if (!same || !table_.valid(id)) return false;
  renumber(id, identity_of(self));
  lost_mounts_.erase(id);
  return true;
}

/**
 * Device numbers and inodes of mounts are soon used again, so by them another file system may look the same. False when
 * it is another one than the table knows, and the operator has not accepted it. Takes the mutex.
 */
bool WatchEngine::is_known_mount(DirId id, int fd, const FileStat& self) {
  std::string text = identity_text(fd, self);
  Lock lock(mutex_);
  const auto known = mounts_.find(id);
  if (known == mounts_.end()) return true;
  MountedHere& mount = known->second;
  const bool same = mount.text.empty() || is_same_place(mount.text, text) || given_up_mounts_.erase(id) > 0;
  if (same) {
    mount.text = std::move(text);
    lost_mounts_.erase(id);
  } else {
    lost_mounts_.insert(id);
  }
  return same;
}

// ---- numbers that change --------------------------------------------------------------------------------------------------------

/**
 * Whether this name still leads to the known directory although its numbers are others: its file system makes inode
 * numbers up, or (when no event named it) it is a btrfs subvolume, which gets another device number whenever its file
 * system is mounted.
 */
bool WatchEngine::has_new_number(DirId parent, DirId child, const Sighting& sighting) const {
  const Identity known = table_.at(child).identity;
  const Identity seen = identity_of(sighting.stat);
  if (sighting.error != 0 || sighting.stat.kind != EntryKind::directory || mounts_.contains(child) || is_mount_point(parent, sighting.stat)) return false;
  if (known.dev == seen.dev) {
    const auto traits = devices_.find(seen.dev);
    return traits != devices_.end() && !traits->second.keeps_inodes;
  }
  return (sighting.flags & ~(kMarkVerify | kMarkAnnounce)) == 0 && known.ino == seen.ino && seen.dev != table_.at(parent).identity.dev;
}

void WatchEngine::renumber(DirId id, Identity identity) {
  const Identity before = table_.at(id).identity;
  if (before.dev != identity.dev) table_.change_device(id, before.dev, identity.dev);
  table_.set_identity(id, identity);
}

/** The same for a directory that was opened. Takes the mutex. */
bool WatchEngine::was_renumbered(DirId id, const FileStat& self) {
  Lock lock(mutex_);
  if (!table_.valid(id) || id == kRootDir || mounts_.contains(id) || self.mount_point == MountPoint::yes) return false;
  const auto traits = devices_.find(self.dev);
  if (table_.at(id).identity.dev != self.dev || traits == devices_.end() || traits->second.keeps_inodes) return false;
  renumber(id, identity_of(self));
  return true;
}

/** Unchanged, whatever its number is now. */
bool WatchEngine::is_same_file(const Entry& entry, const FileStat& stat) const {
  if (entry.same_content(stat)) return true;
  if (entry.ino == stat.ino) return false;
  const auto traits = devices_.find(stat.dev);
  if (traits == devices_.end() || traits->second.keeps_inodes) return false;
  FileStat renumbered = stat;
  renumbered.ino = entry.ino;
  return entry.same_content(renumbered);
}

/** Takes the mutex. */
void WatchEngine::learn_device(int fd, uint64_t dev) {
  const bool keeps_inodes = keeps_inode_numbers(fd);
  Lock lock(mutex_);
  devices_[dev].keeps_inodes = keeps_inodes;
}

}  // namespace fustor
