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
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/name_hash.h"
#include "base/spinning_mutex.h"
#include "watch/locked.h"
#include "watch/model/observation.h"
#include "watch/model/tree_table.h"
#include "watch/mounts/devices.h"

namespace fustor {

class MountsBelow {
 public:
  MountsBelow(SpinningMutex& mutex, TreeTable& table, Devices& devices)
      : mutex_(mutex), table_(table), devices_(devices) {}

  bool is_mount_point(const Locked&, DirId parent, const FileStat& stat) const {
    return stat.is_mounted(table_.at(parent).identity.dev);
  }
  bool has_any(const Locked&) const { return !mounts_.empty(); }
  /** Whether something is mounted on this directory of the table. */
  bool has(const Locked&, DirId id) const { return !mounts_.empty() && mounts_.contains(id); }
  /** Whether the rows below this entry stay although its place shows something else, or nothing. */
  bool keeps(const Locked& lock, DirId parent, const Entry& entry, const Observation& observation);
  /** Whether the directory lies on a mount that is not there at the moment. */
  bool is_lost(const Locked& lock, DirId id) const;
  /** Whether this directory is the top of such a mount. */
  bool is_lost_mount(const Locked&, DirId id) const { return !lost_.empty() && lost_.contains(id); }
  const std::unordered_set<DirId>& lost(const Locked&) const { return lost_; }
  /** The operator gives up every mount that is lost; these. */
  std::unordered_set<DirId> give_up_lost(const Locked& lock);
  /** A directory that is reachable and lies on this file system, kNoDir when there is none. */
  DirId on_device(const Locked& lock, uint64_t dev) const;

  /** The observations of another directory are about to be applied. */
  void begin_directory(const Locked&) { covered_.clear(); }
  /** The entry is about to leave, because something was mounted on it or unmounted from it. */
  void note_covered(const Locked& lock, DirId parent, const Entry& entry, const Observation& observation);
  /** A directory came into the table. */
  void note_mount(const Locked& lock, DirId parent, DirId child, const Observation& observation);
  /** A mount that does not answer came into the table. */
  void note_silent(const Locked&, DirId child) { mounts_.try_emplace(child); }
  /** The directory leaves its place. */
  void forget_lost(const Locked&, DirId id) { lost_.erase(id); }
  /** The directory leaves the table. */
  void forget(const Locked& lock, DirId id);
  /** Releases its memory. */
  void release(const Locked& lock);

  /** Whether the mount of this place is back under another device number; then the table takes the number over. */
  bool is_same_mount(DirId id, int fd, const FileStat& self);
  /**
   * Device numbers and inodes of mounts are soon used again, so by them another file system may look the same. False
   * when it is another one than the table knows, and the operator has not accepted it.
   */
  bool is_known_mount(DirId id, int fd, const FileStat& self);

  /**
   * Whether this name still leads to the known directory although its numbers are others: its file system makes inode
   * numbers up, or (when no event named it) it is a btrfs subvolume, which gets another device number whenever its file
   * system is mounted.
   */
  bool has_new_number(const Locked& lock, DirId parent, DirId child, const Observation& observation) const;
  void renumber(const Locked& lock, DirId id, Identity identity);
  /** The same for a directory that was opened; takes the number over. */
  bool was_renumbered(DirId id, const FileStat& self);

 private:
  /** A directory on which something is mounted. */
  struct MountedHere {
    std::string text;              // its identity, "" until it was opened
    std::vector<Identity> covers;  // what was known at its place before it was mounted, the topmost first
  };

  SpinningMutex& mutex_;
  TreeTable& table_;
  Devices& devices_;
  std::unordered_map<DirId, MountedHere> mounts_;
  // By name, in the directory whose observations are being applied: the future MountedHere::covers.
  std::unordered_map<std::string, std::vector<Identity>, NameHash, SameName> covered_;
  std::unordered_set<DirId> lost_;      // mounts whose place shows something else; their rows are kept
  std::unordered_set<DirId> given_up_;  // those that were lost when the operator gave them up
};

}  // namespace fustor
