// Which directory stands at a place, in words that outlive a restart of the machine.
#pragma once

#include <string>

#include "base/file_stat.h"

namespace fustor {

/**
 * Opaque: file system type, its id (where it has none, what it was mounted from), inode and time of birth. Device numbers are not part
 * of it, they are given out anew at every mount; the id of ext4 and btrfs comes from their UUID, that of xfs from its device. The time
 * of birth tells a new directory with an old inode number from the old one, where the file system keeps it. "" when it cannot be told.
 */
std::string identity_text(int directory_fd, const FileStat& stat);

}  // namespace fustor
