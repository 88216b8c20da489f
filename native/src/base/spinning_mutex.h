// A mutex for short sections: a thread that waits for it looks a few times whether it is free before it sleeps.
#pragma once

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <mutex>

namespace fustor {

/**
 * Putting a thread to sleep and waking it costs more than most waits: with two workers listing small directories a
 * fifth of the time. glibc's adaptive kind of mutex (PTHREAD_MUTEX_ADAPTIVE_NP, pthread_mutexattr_settype(3));
 * elsewhere an ordinary one.
 */
class SpinningMutex : public std::mutex {
 public:
  SpinningMutex() {
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
    pthread_mutexattr_t attributes;
    if (pthread_mutexattr_init(&attributes) != 0) return;
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_destroy(native_handle());
    pthread_mutex_init(native_handle(), &attributes);
    pthread_mutexattr_destroy(&attributes);
#endif
  }
  /** Whether it could be had within that time. */
  bool try_lock_for(std::chrono::microseconds patience) {
    timespec until{};
    clock_gettime(CLOCK_REALTIME, &until);
    const auto ns = std::chrono::nanoseconds(std::chrono::seconds(until.tv_sec)) + std::chrono::nanoseconds(until.tv_nsec) + patience;
    until.tv_sec = static_cast<time_t>(std::chrono::duration_cast<std::chrono::seconds>(ns).count());
    until.tv_nsec = static_cast<long>((ns % std::chrono::seconds(1)).count());
    return pthread_mutex_timedlock(native_handle(), &until) == 0;
  }
};

}  // namespace fustor
