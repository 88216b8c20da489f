#pragma once

#include <string_view>

#include "base/unique_fd.h"

namespace fustor {

/**
 * Opens a directory beneath `root_fd` for listing. `relative` is raw bytes without a leading slash, "" the root itself, of any length.
 * No component may be a symbolic link: a directory that is swapped for a link while we look never leads out of the root. 0 or errno
 * (ELOOP or ENOTDIR for a link).
 */
int open_directory_beneath(int root_fd, std::string_view relative, UniqueFd& out);

/** The same with O_PATH: enough to name a directory that may not be read. */
int open_path_beneath(int root_fd, std::string_view relative, UniqueFd& out);

}  // namespace fustor
