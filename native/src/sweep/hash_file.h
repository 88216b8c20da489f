// The digest of one file, read so that nothing else notices.
//
//   - Only regular files are opened, without following a link, without O_NONBLOCK's waits and, where the kernel allows
//     it (the file's owner, or CAP_FOWNER), without a new access time.
//   - Files whose contents are not on the disk (a size, and no blocks) are not read: an HSM would recall them.
//   - What was not in the page cache before is dropped from it afterwards. RWF_NOWAIT says what was there; where it does
//     not, nothing is dropped. Read-ahead is off (FADV_RANDOM): what it brings could not be told from what was there.
//   - Holes are not read; they count as the zeros that a program would see.
//   - The file is statted before and after. What changed meanwhile has no digest.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "sweep/share.h"

namespace fustor {

/** When a task has to stop. The flag may be set by another thread at any time. */
class TaskEnd {
 public:
  using Clock = std::chrono::steady_clock;
  TaskEnd(int64_t ms, const std::atomic<int32_t>* cancelled)
      : at_(Clock::now() + std::chrono::milliseconds(ms)), cancelled_(cancelled) {}

  bool is_cancelled() const { return cancelled_ != nullptr && cancelled_->load(std::memory_order_relaxed) != 0; }
  bool has_come() const { return is_cancelled() || Clock::now() >= at_; }

 private:
  const Clock::time_point at_;
  const std::atomic<int32_t>* const cancelled_;
};

enum class HashStep : uint8_t { done, unfinished };

/**
 * Reads the file on. `open` is its state between tasks: empty at the beginning, set when `unfinished` comes back. With
 * `done`, `finding` holds verdict, error and digest. Waits for the file system.
 */
HashStep hash_file(int directory_fd, const char* name, const SweepFacts& known, const SweepRules& rules, const TaskEnd& end,
                   std::optional<OpenFile>& open, uint64_t& read_bytes, SweepFinding& finding);

}  // namespace fustor
