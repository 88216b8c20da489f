// What the event sources need to know about a file system: which one it is, what it is called, and whether our mark on
// it still exists.
//
// Any thread may call these functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fustor {

/** `dev` is what stat says. The kernel gives it out again after an unmount, so it alone does not name a file system. */
struct FsIdentity {
  uint64_t dev = 0;
  uint64_t fsid = 0;  // statfs f_fsid: what fanotify calls the file system by. 0 = it has none
  uint32_t magic = 0;
  bool operator==(const FsIdentity&) const = default;
};

/**
 * Identifies the file system of a descriptor (O_PATH is enough), for which it may wait. 0, or errno of fstat or
 * fstatfs.
 */
int identify_fs(int fd, FsIdentity& out);

/** "ext4", "tmpfs"; the magic number in hexadecimal when this table has no name for it. Asks no file system. */
std::string fs_name(uint32_t magic);

/**
 * Device number of the superblock behind a mount (from /proc/self/mountinfo), as the kernel writes it in fdinfo. When
 * the mount is not listed, `dev`: the two differ on btrfs only, where every subvolume shows a device of its own. Reads
 * /proc alone.
 */
uint32_t superblock_of_mount(int mount_id, uint64_t dev);

/**
 * The superblocks on which the fanotify group `fd` holds marks, from fdinfo: a mark ends silently with its file system.
 * False when fdinfo does not say. Reads /proc alone.
 */
bool marked_superblocks(int fd, std::vector<uint32_t>& out);

}  // namespace fustor
