// What looks at the disk have seen, before it is compared with the table.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_stat.h"

namespace fustor {

/** What a stat of one name said, or that the name is gone. */
struct Observation {
  std::string name;
  FileStat stat{};
  int error = 0;                 // 0, ENOENT, or why it could not be statted
  uint16_t flags = 0;            // MarkFlag; 0 = found by a listing
  bool mount = false;            // a mount that did not answer or refused us: `stat` is made up (look_at_mount)
  uint64_t sequence = 0;         // taken before the stat
  uint64_t contested_since = 0;  // see Mark
  uint64_t inode = 0;            // see Mark
};

/** What a stat of an open directory said. */
struct OwnObservation {
  FileStat stat{};
  uint64_t sequence = 0;  // taken before the stat
  bool seen = false;
};

}  // namespace fustor
