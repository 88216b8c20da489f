#pragma once

#include <string>
#include <vector>

namespace fustor {

/** proc, sysfs, cgroup and the like: their entries are no files and are never entered. */
bool is_pseudo_filesystem(int directory_fd);

/** Where something is mounted below `root` (absolute) now: raw paths relative to it. From /proc/self/mountinfo. */
std::vector<std::string> mounts_below(const std::string& root);

}  // namespace fustor
