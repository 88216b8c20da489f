// Whether a thread waits for a disk or a server and not for the processor: only then more threads help.
//
// Each thread has a meter of its own; no method waits or fails.
#pragma once

#include <cstdint>
#include <ctime>

#include "base/thread_usage.h"

namespace fustor {

enum class Bottleneck { undecided, storage, processor };

/**
 * Compares a thread's wall time with its processor time over windows of kWindowNs. A thread that waits for the
 * processor has little processor time as well, but the kernel takes the processor away from it: waits for storage show
 * as voluntary context switches.
 */
class BlockMeter {
 public:
  BlockMeter() { restart(); }

  void restart() { begin_ = thread_usage(); }

  /** Call it now and then; `undecided` until a window is full. */
  Bottleneck judge() {
    if (clock_ns(CLOCK_MONOTONIC) - begin_.wall_ns < kWindowNs) return Bottleneck::undecided;
    const ThreadUsage end = thread_usage();
    const int64_t wall = end.wall_ns - begin_.wall_ns;
    const int64_t processor = end.processor_ns - begin_.processor_ns;
    const long waits = end.waits - begin_.waits;
    begin_ = end;
    if (processor * 10 > wall * 7 || waits * kShortWaitNs > wall) return Bottleneck::processor;
    if (processor * 2 < wall && waits >= kFewWaits) return Bottleneck::storage;
    return Bottleneck::undecided;
  }

 private:
  static constexpr int64_t kWindowNs = 10'000'000;
  // On average waits for locks are as short as that, waits for disks are longer.
  static constexpr int64_t kShortWaitNs = 5'000;
  static constexpr long kFewWaits = 4;

  ThreadUsage begin_;
};

/** Answers only what kSureAfter windows in a row have answered, and then begins again. */
class SureMeter {
 public:
  void restart() { meter_.restart(); }

  Bottleneck judge() {
    const Bottleneck now = meter_.judge();
    if (now == Bottleneck::undecided) return now;
    agreeing_ = now == last_ ? agreeing_ + 1 : 1;
    last_ = now;
    if (agreeing_ < kSureAfter) return Bottleneck::undecided;
    agreeing_ = 0;
    return now;
  }

 private:
  static constexpr int kSureAfter = 2;
  BlockMeter meter_;
  Bottleneck last_ = Bottleneck::undecided;
  int agreeing_ = 0;
};

/** With more threads not even a scan with a cold cache becomes faster (measured). */
constexpr unsigned kMostThreads = 16;

}  // namespace fustor
