// Whether a thread of the engine waits for a disk or a server while it looks at directories.
//
// A thread also waits for the processor and for the engine's mutex, and more threads would make both worse. So the
// probe measures only the system calls that ask the file system, and counts only calls in which the thread gave the
// processor up of its own accord. Reading the clocks costs time: the probe measures one task of kSampled, and every
// task while the last one was blocked.
//
// Each thread has a probe of its own; no method waits or fails.
#pragma once

#include <cstdint>

#include "base/thread_usage.h"

namespace fustor {

enum class StorageVerdict { undecided, slow, quick };

class StorageProbe {
 public:
  /** Before each task. */
  void begin_task() { measured_ = blocked_in_a_row_ > 0 || ++tasks_ % kSampled == 0; }

  /** `begin` and `end` go around system calls that may have to wait for storage; nothing else may wait in between. */
  void begin() {
    if (measured_) from_ = thread_usage();
  }
  void end() {
    if (!measured_) return;
    const ThreadUsage to = thread_usage();
    wall_ns_ += to.wall_ns - from_.wall_ns;
    if (to.waits > from_.waits) blocked_ns_ += to.wall_ns - from_.wall_ns - (to.processor_ns - from_.processor_ns);
  }

  /** After each task. */
  StorageVerdict end_task() {
    if (!measured_) return StorageVerdict::undecided;
    const bool blocked = blocked_ns_ >= kNoticeableNs && blocked_ns_ * 2 > wall_ns_;
    blocked_ns_ = wall_ns_ = 0;
    blocked_in_a_row_ = blocked ? blocked_in_a_row_ + 1 : 0;
    quick_in_a_row_ = blocked ? 0 : quick_in_a_row_ + 1;
    if (blocked_in_a_row_ > 0 && blocked_in_a_row_ % kSureAfter == 0) return StorageVerdict::slow;
    if (quick_in_a_row_ > 0 && quick_in_a_row_ % kSureAfter == 0) return StorageVerdict::quick;
    return StorageVerdict::undecided;
  }

 private:
  static constexpr unsigned kSampled = 16;
  static constexpr int kSureAfter = 3;
  static constexpr int64_t kNoticeableNs = 100'000;  // shorter waits are locks in the kernel

  bool measured_ = false;
  unsigned tasks_ = 0;
  int blocked_in_a_row_ = 0;
  int quick_in_a_row_ = 0;
  int64_t wall_ns_ = 0;
  int64_t blocked_ns_ = 0;
  ThreadUsage from_;
};

}  // namespace fustor
