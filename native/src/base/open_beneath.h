#pragma once

#include <string_view>

#include "base/unique_fd.h"

namespace fustor {

/**
 * Opens a directory beneath `root_fd` for listing. `relative` is raw bytes without a leading slash, "" the root itself,
 * of any length. No component may be a symbolic link: a directory that is swapped for a link meanwhile never leads out
 * of the root. Any thread; it waits for the file systems on the way. 0 or errno (ELOOP or ENOTDIR for a link).
 */
int open_directory_beneath(int root_fd, std::string_view relative, UniqueFd& out);

/** The same with O_PATH, which needs no permission to read the directory. */
int open_path_beneath(int root_fd, std::string_view relative, UniqueFd& out);

}  // namespace fustor
