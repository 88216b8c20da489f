// Marks that are made later.
//
// Not thread safe: the engine's mutex guards it. No method waits or fails.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "watch/schedule/dirty_set.h"

namespace fustor {

struct TimedMark {
  DirId directory = kNoDir;
  std::string name;  // "": the whole directory is listed, or with kMarkOwn its own row is looked at
  Mark mark;
};

class TimedMarks {
 public:
  /** True when no other one comes before it: the reader has to wake up earlier. */
  bool add(int64_t at_ns, DirId directory, std::string_view name, Mark mark) {
    const bool sooner = at_ns < next_ns();
    marks_.emplace(at_ns, TimedMark{directory, std::string(name), mark});
    return sooner;
  }
  /** When the next one is due; INT64_MAX when there is none. */
  int64_t next_ns() const { return marks_.empty() ? INT64_MAX : marks_.begin()->first; }
  /** Takes the next one that is due; false when none is. */
  bool take(int64_t now_ns, TimedMark& out) {
    if (next_ns() > now_ns) return false;
    out = std::move(marks_.begin()->second);
    marks_.erase(marks_.begin());
    return true;
  }
  void clear() { marks_.clear(); }

 private:
  std::multimap<int64_t, TimedMark> marks_;
};

}  // namespace fustor
