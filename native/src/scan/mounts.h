// What kind of file system a directory lies on, and which mount a path belongs to.
//
// Any thread may call these functions. Those with a descriptor ask its file system by fstatfs and may wait for it;
// trouble counts as "no", and for keeps_inode_numbers as "yes".
#pragma once

#include <string>
#include <string_view>

#include "base/mount_table.h"

namespace fustor {

/** proc, sysfs, cgroup and the like: their entries are no files, and scan and watch never enter them. */
bool is_pseudo_filesystem(int directory_fd);

/**
 * `.snapshot` on NFS and `.zfs` on ZFS: the file server's old copies of everything. On other file systems these are
 * ordinary names.
 */
bool is_server_snapshot(int directory_fd, std::string_view name);

/**
 * False when a file or directory may get another inode number while it stays the same: FUSE, FAT and CIFS make the
 * numbers up and forget them when the kernel drops its caches.
 */
bool keeps_inode_numbers(int directory_fd);

/**
 * Absolute path of an open directory, without links, from /proc; "" when it is longer than PATH_MAX or /proc is not
 * there. That of a deleted directory ends in " (deleted)".
 */
std::string place_of(int fd);

/**
 * Whether a place (absolute) lies below `root`; then `path` is its raw path relative to `root`. Compares text alone.
 */
bool is_below(const std::string& root, const std::string& place, std::string& path);

/**
 * The mount that a place (absolute) lies on, null when none is known. Compares text alone; valid as long as `mounts`.
 */
const Mount* mount_of(const std::string& place, const MountTable& mounts);

}  // namespace fustor
