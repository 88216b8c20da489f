// What the calling thread has used so far: the difference of two readings shows whether it worked or waited.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <ctime>

namespace fustor {

struct ThreadUsage {
  int64_t wall_ns = 0;
  int64_t processor_ns = 0;
  long waits = 0;  // times it gave the processor up of its own accord
};

inline int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

/** Costs about a microsecond. */
inline ThreadUsage thread_usage() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return {clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_THREAD_CPUTIME_ID), usage.ru_nvcsw};
}

}  // namespace fustor
