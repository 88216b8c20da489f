// Whether a thread waits for a disk or a server, and not for the processor: only then more threads help.
//
// A scan and the watch ask the same question with the same answers, and both measure what the thread has used
// (thread_usage.h). They differ in what else a thread may wait for:
//
//   WindowMeter   a thread of a scan: it asks file systems and does nothing else, but for short waits for locks. All of
//                 its time counts, in windows, which costs one look at the clock for each directory.
//   SectionMeter  a thread of the watch: it also waits for the engine's mutex, which more threads would make worse. So
//                 only the system calls that ask the file system count, and of them only those in which the thread gave
//                 the processor up of its own accord. Two readings around each call are dear: the meter measures one
//                 task of kSampled, and every task while the last one was blocked.
//
// Each thread has a meter of its own; no method waits or fails.
#pragma once

#include <cstdint>
#include <ctime>

#include "base/thread_usage.h"

namespace fustor {

/** With more threads not even a scan with a cold cache becomes faster (measured). */
constexpr unsigned kMostThreads = 16;

enum class StorageVerdict { undecided, slow, quick };

/**
 * Compares a thread's wall time with its processor time over windows of kWindowNs, and answers what kSureAfter windows
 * in a row have said. A thread that waits for the processor has little processor time as well, but the kernel takes the
 * processor away from it: waits for storage show as voluntary context switches.
 */
class WindowMeter {
 public:
  WindowMeter() { restart(); }

  /** The thread waited for something else: the window begins anew. */
  void restart() { begin_ = thread_usage(); }

  /** Call it now and then; `undecided` until enough windows are full. */
  StorageVerdict judge() {
    const StorageVerdict now = judge_window();
    if (now == StorageVerdict::undecided) return now;
    agreeing_ = now == last_ ? agreeing_ + 1 : 1;
    last_ = now;
    if (agreeing_ < kSureAfter) return StorageVerdict::undecided;
    agreeing_ = 0;
    return now;
  }

 private:
  static constexpr int64_t kWindowNs = 10'000'000;
  // On average waits for locks are as short as that, waits for disks are longer.
  static constexpr int64_t kShortWaitNs = 5'000;
  static constexpr long kFewWaits = 4;
  static constexpr int kSureAfter = 2;

  StorageVerdict judge_window() {
    if (clock_ns(CLOCK_MONOTONIC) - begin_.wall_ns < kWindowNs) return StorageVerdict::undecided;
    const ThreadUsage end = thread_usage();
    const int64_t wall = end.wall_ns - begin_.wall_ns;
    const int64_t processor = end.processor_ns - begin_.processor_ns;
    const long waits = end.waits - begin_.waits;
    begin_ = end;
    if (processor * 10 > wall * 7 || waits * kShortWaitNs > wall) return StorageVerdict::quick;
    if (processor * 2 < wall && waits >= kFewWaits) return StorageVerdict::slow;
    return StorageVerdict::undecided;
  }

  ThreadUsage begin_;
  StorageVerdict last_ = StorageVerdict::undecided;
  int agreeing_ = 0;
};

/** Judges by tasks: a task is blocked when more than half of the time of its measured calls was waiting. */
class SectionMeter {
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

  /** After each task; answers what kSureAfter measured tasks in a row have said. */
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
