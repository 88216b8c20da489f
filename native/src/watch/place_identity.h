// Which directory stands at a place, in words that outlive a restart of the machine.
#pragma once

#include <string>

#include "base/file_stat.h"

namespace fustor {

/**
 * Opaque: file system type, its id (where it has none, what it was mounted from), inode and time of birth. Device numbers are not part
 * of it, they are given out anew at every mount; the id of ext4 and btrfs comes from their UUID, that of xfs from its device. The time
 * of birth tells a new directory with an old inode number from the old one, where the file system keeps it. A FUSE file system makes inode
 * numbers up: there it is what was mounted and the way from there. "" when it cannot be told.
 */
std::string identity_text(int directory_fd, const FileStat& stat);

/**
 * Whether two such texts name the same place. A text of an earlier version, which called directories of a FUSE file system by their inode,
 * names the same place as one that says where they lie in what was mounted.
 */
bool is_same_place(const std::string& before, const std::string& now);

/** Whether an identity is that of a file system that is over when it is unmounted. */
bool lies_in_memory(const std::string& identity_text);

}  // namespace fustor
