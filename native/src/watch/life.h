// Whether the engine runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace fustor {

/** The engine's mutex guards what is not atomic. */
struct Life {
  bool started = false;
  bool stopping = false;
  std::atomic<bool> frozen{false};  // no thread looks at anything any more
  bool has_index = false;  // the table was filled by an earlier run
  std::atomic<bool> closing{false};  // as `stopping`, for threads in the middle of a listing
  int64_t started_ns = 0;
  std::string last_error;  // what could not be done, for the status
};

}  // namespace fustor
