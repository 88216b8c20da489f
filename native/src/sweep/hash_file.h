// The digest of one file, read so that nothing else notices.
//
//   - Only regular files are opened, without following a link, without O_NONBLOCK's waits and, where the kernel allows
//     it (the file's owner, or CAP_FOWNER), without a new access time.
//   - Files whose contents are not on the disk are not read: an HSM would recall them. They have a size and no blocks,
//     which says so only where the file system counts blocks at all.
//   - What was not in the page cache before is dropped from it afterwards. RWF_NOWAIT says what was there; where it does
//     not, nothing is dropped. Read-ahead is off (FADV_RANDOM): what it brings could not be told from what was there.
//   - Holes are not read; they count as the zeros that a program would see. A file with more than kMostZeros of them
//     counts as too large: an hour of a processor for nothing.
//   - One read asks for as much as the file system answers within a moment, so that a slow one is seen to answer.
//   - The file is statted before and after. What changed meanwhile has no digest.
#pragma once

#include <cstdint>
#include <optional>

#include "sweep/share.h"
#include "sweep/task_signs.h"

namespace fustor {

constexpr uint64_t kMostZeros = uint64_t{4} << 40;

enum class HashStep : uint8_t { done, unfinished };

/**
 * Reads the file on. `open` is its state between tasks: empty at the beginning, set when `unfinished` comes back. With
 * `done`, `finding` holds verdict, error and digest. Waits for the file system.
 */
HashStep hash_file(int directory_fd, const char* name, const SweepEntry& entry, const SweepRules& rules, const TaskEnd& end,
                   std::optional<OpenFile>& open, uint64_t& read_bytes, SweepFinding& finding);

}  // namespace fustor
