// Stats mount points of file systems that may not answer (a server that is away, a FUSE daemon that hangs). Each look
// has a thread of its own, and the caller waits a bounded time for it. So the directory that holds such a mount point
// is never delayed for long.
//
// At most one look at a place is under way: a place that hangs costs one thread. Such a thread lives until its system
// call returns, also after the prober is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file_stat.h"

namespace fustor {

class MountProber {
 public:
  /**
   * A thread of the prober calls `answered`, without a lock, when an answer came after the caller of `stat` had stopped
   * waiting.
   */
  MountProber(int64_t patience_ms, std::function<void(const std::string& place)> answered);

  /**
   * As stat_at, for patience_ms at most: then ETIMEDOUT. A second look at the same `place` waits for the first one
   * within that time. EAGAIN when the kernel grants no thread. Any thread.
   */
  int stat(int directory_fd, const std::string& name, const std::string& place, FileStat& out);

  /** Places that have not answered yet, and since when (monotonic nanoseconds). Any thread; does not wait. */
  std::vector<std::pair<std::string, int64_t>> waiting() const;

 private:
  struct State;
  const int64_t patience_ms_;
  const std::shared_ptr<State> state_;  // threads that wait keep it alive
};

}  // namespace fustor
