// Directories that are listed from time to time: those without a watch, all of them once in poll_ms, and those on file
// systems that other machines change without an event. A share of them is listed each second.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "fustor/watch_config.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/schedule.h"

namespace fustor {

class Polls {
 public:
  Polls(const WatchConfig& config, TreeTable& table, Schedule& schedule, Crew& crew)
      : config_(config), table_(table), schedule_(schedule), crew_(crew) {}

  /** The directory has no watch. */
  void add_unwatched(const Locked& lock, DirId id, bool elsewhere);
  /** It has a watch now. */
  void remove_unwatched(const Locked&, DirId id) { unwatched_.members.erase(id); }
  /** It is watched, and other machines change it without an event here. */
  void add_elsewhere(const Locked& lock, DirId id);
  /** The directory leaves the table. */
  void forget(const Locked& lock, DirId id);
  size_t count_elsewhere(const Locked&) const { return elsewhere_.members.size(); }

  /** When `poll_some` has something to do; INT64_MAX when never. */
  int64_t next_ns(const Locked&) const { return next_ns_; }
  /** The reader: asks for this second's share of listings, while the root is there. */
  void poll_some(const Locked& lock, bool root_is_there, int64_t now_ns);

  /** Releases its memory. */
  void release(const Locked& lock);

 private:
  struct Round {
    std::unordered_set<DirId> members;
    std::vector<DirId> left;  // of this round
    int64_t begun_ns = 0;
    size_t share = 1;         // directories a tick
  };
  void want(int64_t interval_ms);
  /** One kind of directories, `most` of them at a time. */
  void poll_share(const Locked& lock, Round& round, int64_t interval_ms, size_t most, int64_t now_ns);

  const WatchConfig& config_;
  TreeTable& table_;
  Schedule& schedule_;
  Crew& crew_;
  Round unwatched_;
  Round elsewhere_;  // those without a watch are in both
  int64_t next_ns_ = INT64_MAX;
};

}  // namespace fustor
