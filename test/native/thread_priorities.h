// What priorities the threads of this process have, as the kernel says, and waiting until they are as expected.
#pragma once

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "patience.h"

namespace watching {

constexpr int kIdleIo = 3 << 13;  // IOPRIO_CLASS_IDLE of ioprio_set(2)

struct Priorities {
  int polite = 0;  // threads with the nice value that was asked about and the idle io class
  int half = 0;    // threads with one of the two: a thread that is just starting, or a fault
};

inline Priorities priorities_of_threads(int nice) {
  Priorities found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const auto id = static_cast<id_t>(std::stoul(task.path().filename()));
    const bool is_nice = ::getpriority(PRIO_PROCESS, id) == nice;
    const bool is_idle = ::syscall(SYS_ioprio_get, 1, id) == kIdleIo;
    if (is_nice && is_idle) found.polite++;
    if (is_nice != is_idle) found.half++;
  }
  return found;
}

/**
 * A thread makes itself polite as its first act, in two system calls, whenever the kernel first runs it. So this waits
 * until `least` to `most` threads are polite and none is half, and returns what it saw last.
 */
inline Priorities await_polite_threads(int nice, int least, int most) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10) * patience_factor();
  for (;;) {
    const Priorities seen = priorities_of_threads(nice);
    const bool is_right = seen.polite >= least && seen.polite <= most && seen.half == 0;
    if (is_right || std::chrono::steady_clock::now() > deadline) return seen;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace watching
