// What the reader reads in one turn, and how it gets the mutex afterwards. The reader's thread alone.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "base/spinning_mutex.h"
#include "watch/locked.h"
#include "watch/source/event_source.h"

namespace fustor {

class EventBatch {
 public:
  EventBatch(SpinningMutex& mutex, EventSource& source) : mutex_(mutex), source_(source) {}

  /**
   * Reads once without waiting, if the source is `readable`, and takes the mutex. While others hold the mutex this reads
   * on, so that the kernel's queue does not overflow meanwhile. `read`: how many events came, also those that are about
   * nothing watched.
   */
  Locked read_and_lock(bool readable, size_t& read);
  /** Valid until the next call. */
  const std::vector<KernelEvent>& events() const { return events_; }

 private:
  void read_once(size_t& read);
  /** The names and handles of the events from `from` on stay valid when the source reads again. */
  void keep_names(size_t from);

  SpinningMutex& mutex_;
  EventSource& source_;
  std::vector<KernelEvent> events_;
  std::deque<std::string> kept_names_;  // of events from reads before the last one
};

}  // namespace fustor
