#pragma once

#include <chrono>
#include <cstdint>

namespace fustor {

/** Nanoseconds of the monotonic clock: wall clock steps move no deadline. */
inline int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace fustor
