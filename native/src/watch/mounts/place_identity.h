// Which directory stands at a place, as text that is the same after a restart of the machine. Any thread may call these
// functions.
#pragma once

#include <string>

#include "base/file_stat.h"

namespace fustor {

/**
 * Opaque text: type of the file system, its id (or what it was mounted from, when it has none), inode and time of
 * birth. Device numbers are not part of it, because the kernel gives them out again at every mount; the id of ext4 and
 * btrfs comes from their UUID, that of xfs from its device. The time of birth tells a new directory from an old one
 * with the same inode number, if the file system keeps it. FUSE makes inode numbers up: there the text is what was
 * mounted and the way from there.
 *
 * Asks the file system of `directory_fd`, for which it may wait, and reads /proc. "" when the file system does not
 * answer statfs.
 */
std::string identity_text(int directory_fd, const FileStat& stat);

/**
 * Whether two such texts name the same place. It also accepts the text of an earlier version for a FUSE file system,
 * which named the inode instead of the way from the mount. Asks no file system.
 */
bool is_same_place(const std::string& before, const std::string& now);

/** Whether the text is that of a file system whose contents are gone when it is unmounted. Asks no file system. */
bool lies_in_memory(const std::string& identity_text);

}  // namespace fustor
