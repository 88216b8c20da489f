// What a tree walk misses is looked at twice before it counts as deleted.
//
// When a server in trouble returns an empty listing, that looks like a deletion. So a tree walk sets aside what it
// misses (or finds replaced) and goes on. At its end the engine looks again at everything set aside, by name. When that
// is more than half of the table, it waits for confirm_deletes_ms before the second look. Deletes that came with an
// event are never held back: their marks have flags, and looks of a listing have none.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "watch/changes/new_names.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/rows/streams.h"
#include "watch/schedule/schedule.h"
#include "watch/schedule/tree_walk.h"

namespace fustor {

class Missing {
 public:
  Missing(int64_t confirm_deletes_ms, TreeTable& table, const TreeWalk& walk, Schedule& schedule, Streams& streams,
          Crew& crew, NewNames& names)
      : confirm_deletes_ms_(confirm_deletes_ms), table_(table), walk_(walk), schedule_(schedule), streams_(streams),
        crew_(crew), names_(names) {}

  /** The walk missed this entry. */
  void set_aside(const Locked& lock, DirId id, Entry& entry) {
    entry.flags |= kMissing;
    names_.doubted(lock, id, table_.at(id).name_of(entry));  // an audit leaves it out, and the receiver may drop it
    directories_.insert(id);
  }
  /** Another walk begins. */
  void forget_all(const Locked&) { directories_.clear(); }
  /** The directory leaves the table. */
  void forget(const Locked&, DirId id) { directories_.erase(id); }
  /**
   * At the end of a walk: looks again at what it missed; when that is most of the tree, only after confirm_deletes_ms,
   * and audits fail with EAGAIN.
   */
  void judge(const Locked& lock);
  /**
   * The second look: what is still missing then counts as deleted. Until a thread has looked, the flag stays, so that
   * no audit copies a row that may be wrong.
   */
  void look(const Locked& lock);

  /** Whether the second look waits; it is due at `held_until_ns`. */
  bool is_held(const Locked&) const { return held_until_ns_ != 0; }
  int64_t held_until_ns(const Locked&) const { return held_until_ns_; }
  /** How many entries wait for it. */
  uint64_t held(const Locked&) const { return held_until_ns_ == 0 ? 0 : held_; }
  /** The root came back: the walk that follows judges anew. */
  void stop_holding(const Locked&) { held_until_ns_ = 0; }

 private:
  uint64_t count() const;

  const int64_t confirm_deletes_ms_;
  TreeTable& table_;
  const TreeWalk& walk_;
  Schedule& schedule_;
  Streams& streams_;
  Crew& crew_;
  NewNames& names_;
  std::unordered_set<DirId> directories_;  // with entries set aside
  int64_t held_until_ns_ = 0;
  uint64_t held_ = 0;
};

}  // namespace fustor
