// The clocks of the engine. Any thread; no function waits or fails.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace fustor {

/** Nanoseconds of the monotonic clock: when the wall clock is set, no deadline moves. */
inline int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/** Seconds of the same clock, for ages that are kept in 32 bits. */
inline uint32_t monotonic_seconds() { return static_cast<uint32_t>(monotonic_ns() / 1'000'000'000); }

/** Seconds since 1970, exact to a few milliseconds. */
inline int64_t wall_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

}  // namespace fustor
