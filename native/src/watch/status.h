// What the engine says of itself.
#pragma once

#include <array>
#include <cstdint>

#include "fustor/watch_status.h"
#include "watch/engine_rooms.h"
#include "watch/locked.h"
#include "watch/state.h"

namespace fustor {

class StatusBoard {
 public:
  StatusBoard(const State& state, const EngineRooms& rooms, const EventSource& source)
      : state_(state), rooms_(rooms), source_(source) {}

  /**
   * What takes a walk over the table to count is a few seconds old; counts from before the end of a tree walk are wrong
   * by far and not used.
   */
  WatchStatus make(const Locked& lock);
  /** A batch of changes was handed out, whose oldest event was so old. */
  void note_lag(const Locked&, double lag_ms);

 private:
  void walk_over_table(const Locked& lock);
  void add_unwatched(DirId id);
  void add_unreadable(DirId id);
  void add_what_was_counted(const Locked& lock, WatchStatus& status) const;
  void add_places(const Locked& lock, WatchStatus& status) const;

  const State& state_;
  const EngineRooms& rooms_;
  const EventSource& source_;
  WatchStatus walked_;
  int64_t walked_ns_ = 0;
  std::array<uint64_t, 11> lag_histogram_{};
};

}  // namespace fustor
