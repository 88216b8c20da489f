// Names that were created a moment ago wait for the close that usually follows at once: one look and one row then tell
// of both. Otherwise the reader, which wakes up at the first event, would have many new files looked at twice.
//
// A name waits for kPatienceNs at most, and at most kMost names wait; one that comes later is looked at as soon as its
// event is read. So a file that stays open is reported that much later, and nothing waits in vain: fifos and links have
// no close at all.
//
// Pure and not thread safe: the engine's mutex guards it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "watch/schedule/dirty_set.h"

namespace fustor {

class CreatedNames {
 public:
  static constexpr size_t kMost = 64;
  static constexpr int64_t kPatienceNs = 4'000'000;

  struct Name {
    DirId directory = kNoDir;
    std::string name;
    Mark mark;
    int64_t arrived_ns = 0;  // when its first event came
  };

  /**
   * What an event says of a name. False when it is to wait. True when it is to be marked now: `mark` and `arrived_ns`
   * then hold what the events before it said, too.
   */
  bool is_due(DirId directory, std::string_view name, Mark& mark, int64_t& arrived_ns);
  /** Takes the name that has waited longest, if its time is over; false when there is none. */
  bool take(int64_t now_ns, Name& out);
  /** When `take` has one; INT64_MAX when none waits. */
  int64_t next_ns() const { return count_ == 0 ? INT64_MAX : names_[0].arrived_ns + kPatienceNs; }

 private:
  /** Removes it; the others stay in the order in which they came. */
  void remove(size_t at);

  std::array<Name, kMost> names_;  // strings keep their memory
  size_t count_ = 0;
};

}  // namespace fustor
