// Looks at places where a file system is mounted that may not answer (a server that is away, a FUSE daemon that hangs): each look on a
// thread of its own, for which nobody waits long. The directory that holds such a place is never held up by it.
//
// At most one look at a place is under way, and none begins while one waits: a place that hangs costs one thread.
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
  /** `answered` is called with the place, from a thread of the prober, when an answer came that nobody waited for any more. */
  MountProber(int64_t patience_ms, std::function<void(const std::string& place)> answered);

  /** As stat_at; ETIMEDOUT when there is no answer yet. `place` tells one look from another. Any thread. */
  int stat(int directory_fd, const std::string& name, const std::string& place, FileStat& out);

  /** Places that owe an answer, and since when (monotonic). */
  std::vector<std::pair<std::string, int64_t>> waiting() const;

 private:
  struct State;
  const int64_t patience_ms_;
  const std::shared_ptr<State> state_;  // threads that wait keep it
};

}  // namespace fustor
