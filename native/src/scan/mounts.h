#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fustor {

/** proc, sysfs, cgroup and the like: their entries are no files and are never entered. */
bool is_pseudo_filesystem(int directory_fd);

/**
 * `.snapshot` on NFS and `.zfs` on ZFS: the file server's old copies of everything. Elsewhere these names are anybody's.
 */
bool is_server_snapshot(int directory_fd, std::string_view name);

/** Where something is mounted below `root` (absolute) now: raw paths relative to it. From /proc/self/mountinfo. */
std::vector<std::string> mounts_below(const std::string& root);

}  // namespace fustor
