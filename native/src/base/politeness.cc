#include "base/politeness.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fustor {

namespace {
constexpr int kIoprioWhoProcess = 1;  // linux/ioprio.h is newer than some headers we build with
}

// Linux gives each thread its own nice value and io priority, and a thread's id stands for it alone.
int apply_politeness(const Politeness& politeness) {
  int error = 0;
  const auto self = static_cast<id_t>(::syscall(SYS_gettid));
  if (politeness.nice != 0 && ::setpriority(PRIO_PROCESS, self, politeness.nice) != 0) error = errno;
  if (politeness.io_priority != 0 && ::syscall(SYS_ioprio_set, kIoprioWhoProcess, 0, politeness.io_priority) != 0 && error == 0) error = errno;
  return error;
}

RateLimit::Clock::duration RateLimit::take(uint64_t count, Clock::time_point now) {
  const auto price = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(static_cast<double>(count) / per_second_));
  std::lock_guard lock(mutex_);
  paid_until_ = std::max(paid_until_, now) + price;
  return paid_until_ - now;
}

}  // namespace fustor
