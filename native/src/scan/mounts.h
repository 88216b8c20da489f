#pragma once

#include <string>
#include <string_view>

#include "base/mount_table.h"

namespace fustor {

/** proc, sysfs, cgroup and the like: their entries are no files and are never entered. */
bool is_pseudo_filesystem(int directory_fd);

/**
 * `.snapshot` on NFS and `.zfs` on ZFS: the file server's old copies of everything. Elsewhere these names are anybody's.
 */
bool is_server_snapshot(int directory_fd, std::string_view name);

/**
 * False where a directory or file may get another inode number while it stays the same one: FUSE, FAT and CIFS make the numbers up and
 * forget them when the kernel drops its caches.
 */
bool keeps_inode_numbers(int directory_fd);

/** Absolute path of an open directory, without links; "" when it has none (deleted, or longer than PATH_MAX). */
std::string place_of(int fd);

/** Whether a place (absolute) lies below `root`, and its raw path relative to it. */
bool is_below(const std::string& root, const std::string& place, std::string& path);

/** The mount that a place (absolute) lies on, null when none is known. */
const Mount* mount_of(const std::string& place, const MountTable& mounts);

}  // namespace fustor
