// What the event sources need to know of a file system: which one it is, what it is called, and whether our mark on it still lives.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fustor {

/** `dev` is what stat says; it is given out again after an unmount, hence the rest. */
struct FsIdentity {
  uint64_t dev = 0;
  uint64_t fsid = 0;  // statfs f_fsid: what fanotify calls the file system by. 0 = it has none
  uint32_t magic = 0;
  bool operator==(const FsIdentity&) const = default;
};

/** Of the file system a descriptor (O_PATH will do) lies on. 0 or errno. */
int identify_fs(int fd, FsIdentity& out);

/** "ext4", "tmpfs"; the magic number in hexadecimal when it has no name here. */
std::string fs_name(uint32_t magic);

/**
 * Device number of the superblock behind a mount (from /proc/self/mountinfo), as the kernel writes it in fdinfo. `dev` when the mount
 * is not listed: the two differ on btrfs only, where every subvolume shows a device of its own.
 */
uint32_t superblock_of_mount(int mount_id, uint64_t dev);

/** Superblocks the fanotify group `fd` holds marks on, from fdinfo; a mark ends with its file system, silently. False: cannot tell. */
bool marked_superblocks(int fd, std::vector<uint32_t>& out);

}  // namespace fustor
