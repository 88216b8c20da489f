// File systems that do not answer: which directories lie on one, and which of them wait until it answers.
//
// A region is everything on one mount: when a file system hangs, it hangs as a whole. The root's own region holds
// everything on the root's file system; one directory in it that hangs is no reason to stop looking at the rest.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/mounts/mounts_below.h"
#include "watch/schedule/schedule.h"

namespace fustor {

struct Region {
  size_t stuck = 0;                 // threads
  bool hung = false;                // for so long that its directories count as unreadable
  std::unordered_set<DirId> aside;  // dirty directories in it that wait until it answers
};

class Regions {
 public:
  static constexpr size_t kMostStuck = 4;  // threads in one region

  Regions(TreeTable& table, const MountsBelow& mounts, DirtySet& dirty, const Crew& crew, Schedule& schedule)
      : table_(table), mounts_(mounts), dirty_(dirty), crew_(crew), schedule_(schedule) {}

  /** The directory at which this one's file system is mounted, or the root. */
  DirId of(const Locked& lock, DirId id) const;
  /** Whether no further thread may enter that region. */
  bool is_blocked(const Locked& lock, DirId region) const;
  /** Keeps a dirty directory of a blocked region out of the queues. Null when its region is not blocked. */
  const Region* put_aside(const Locked& lock, DirId id);

  /** The watchdog looks at every thread anew: no region has stuck threads until `note_stuck` says so. */
  void begin_round(const Locked& lock);
  void note_stuck(const Locked& lock, DirId region, bool hung);
  /** Regions that are not blocked any more get their directories back. Returns directories that wait in hung ones. */
  std::unordered_set<DirId> end_round(const Locked& lock);

  /** The directory leaves the table. */
  void forget(const Locked& lock, DirId id);
  /** The root is lost: nothing is dirty any more. */
  void forget_all_aside(const Locked& lock);
  /** Releases its memory. */
  void release(const Locked&) { regions_ = {}; }

 private:
  /** Queues what was put aside in that region. */
  void take_up(const Locked& lock, Region& region);

  TreeTable& table_;
  const MountsBelow& mounts_;
  DirtySet& dirty_;
  const Crew& crew_;
  Schedule& schedule_;
  std::unordered_map<DirId, Region> regions_;  // only those in which a thread is stuck
};

}  // namespace fustor
