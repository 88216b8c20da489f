// Throttling of scans and tree walks: the priority of their threads, and a limit on the entries they look at.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "fustor/politeness.h"

namespace fustor {

/**
 * For the calling thread and for good, because raising a priority again needs privileges. It does what is possible; 0
 * or the first errno.
 */
int apply_politeness(const Politeness& politeness);

/**
 * Entries a second over all threads that share it. A thread waits after it took some, so the first ones come at once.
 */
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  explicit RateLimit(double per_second) : per_second_(per_second) {}

  bool limits() const { return per_second_ > 0; }
  /** Takes so many; returns how long to wait before the next ones. Any thread; it does not wait itself. */
  Clock::duration take(uint64_t count, Clock::time_point now);

 private:
  const double per_second_;
  std::mutex mutex_;
  Clock::time_point paid_until_{};
};

}  // namespace fustor
