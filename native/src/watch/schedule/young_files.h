// The engine looks again at files that were written not long ago, because some writes to a file that stays open cause
// no event: asynchronous direct writes (databases, virtual machines), writes through a loop device or through a mapping
// whose descriptor was closed. A stat shows them by the modification time.
//
// The engine looks at a file again while its modification time is younger than young_ms; young_schedule.h says when. A
// file that goes on being written stays young, and its row is never older than that. At most kMost files wait for such
// a look. Half of the places are kept for files that were not closed; files without a place are left to audits. With
// every place taken this is 400 looks a second.
#pragma once

#include <cstdint>
#include <string_view>

#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/schedule.h"
#include "watch/schedule/young_schedule.h"

namespace fustor {

class YoungFiles {
 public:
  YoungFiles(int64_t young_ms, int64_t look_again_ms, TreeTable& table, Schedule& schedule)
      : young_ms_(young_ms), times_(look_again_ms), table_(table), schedule_(schedule) {}

  /** The observations of another directory are about to be applied: what time it is counts for all of them. */
  void begin_directory(const Locked& lock);
  bool is_young(const Entry& entry) const { return entry.mtime_sec >= young_since_; }
  /** A young file was seen. `closed`: the last event said that it was closed after writing. */
  void watch(const Locked& lock, DirId id, std::string_view name, Entry& entry, bool closed);
  /** It is time for a look (kMarkYoung), which decides whether there will be another one. */
  void look_is_due(const Locked& lock, const TimedMark& timed);

 private:
  static constexpr size_t kMost = 10'000;

  const int64_t young_ms_;  // 0 = files are never looked at again
  YoungSchedule times_;
  TreeTable& table_;
  Schedule& schedule_;
  size_t waiting_ = 0;
  int64_t young_since_ = 0;  // seconds: files written later are young
};

}  // namespace fustor
