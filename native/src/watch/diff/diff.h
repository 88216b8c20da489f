// Compares what a thread saw with the table: differences go into the table and become changes. Every method runs with
// the mutex held, and nothing here asks a file system.
#pragma once

#include <ctime>
#include <string_view>
#include <vector>

#include "watch/changes/new_names.h"
#include "watch/changes/reporter.h"
#include "watch/coverage/links.h"
#include "watch/coverage/watches.h"
#include "watch/diff/contests.h"
#include "watch/diff/judge.h"
#include "watch/hangs/regions.h"
#include "watch/locked.h"
#include "watch/model/detached.h"
#include "watch/model/observation.h"
#include "watch/model/tree_table.h"
#include "watch/mounts/mounts_below.h"
#include "watch/passes/passes.h"
#include "watch/schedule/schedule.h"
#include "watch/schedule/young_files.h"

namespace fustor {

class Diff {
 public:
  Diff(const WatchConfig& config, TreeTable& table, DirtySet& dirty, TreeWalk& walk, Root& root, Crew& crew,
       Schedule& schedule, Reporter& reporter, Streams& streams, Devices& devices, MountsBelow& mounts, Links& links,
       Watches& watches, Regions& regions, Passes& passes, NewNames& names)
      : config_(config), table_(table), dirty_(dirty), walk_(walk), root_(root), crew_(crew), schedule_(schedule),
        reporter_(reporter), streams_(streams), devices_(devices), mounts_(mounts), links_(links),
        watches_(watches), regions_(regions), passes_(passes), names_(names),
        young_(config.young_ms, config.look_again_ms, table, schedule) {}

  /** What was seen in one directory. Without effect when the calling thread was given up, or the directory is gone. */
  void apply(const Locked& lock, DirId id, std::vector<Observation>& observations, const LookContext& context);
  /** What was seen of the directory itself. */
  void apply_own(const Locked& lock, DirId id, const OwnObservation& own, const LookContext& context);
  /** Nothing in this directory is entered or reported any more: everything known in it leaves the table. */
  void apply_too_deep(const Locked& lock, DirId id, const LookContext& context);
  /** A directory that came before its parent was listed. The caller has seen that the table does not have it. */
  DirId apply_early(const Locked& lock, DirId parent, const Observation& observation);
  /** Removes a subtree that left its place and will not come back, with its watches. */
  void expire(const Locked& lock, DirId id);

  /** When `run_timers` has something to do; INT64_MAX when never. */
  int64_t next_ns(const Locked&) const { return detached_.next_ns(); }
  void run_timers(const Locked& lock, int64_t now_ns);
  /** Forgets what is long over. */
  void forget_old(const Locked&, int64_t now_ns, int64_t old_ns) { contests_.forget_old(now_ns, old_ns); }
  YoungFiles& young() { return young_; }

 private:
  void apply_leavers(const Locked& lock, DirId id, const std::vector<Observation>& observations,
                     const LookContext& context, bool by_pass);
  void apply_leaver(const Locked& lock, DirId id, Entry& entry, const Observation& observation,
                    const LookContext& context, bool by_pass);
  void apply_name(const Locked& lock, DirId id, const Observation& observation, const LookContext& context,
                  bool by_pass);
  void apply_unreadable(const Locked& lock, DirId id, int error);
  void apply_silent(const Locked& lock, DirId id, const Observation& observation, Entry* entry,
                    const LookContext& context);
  void apply_gone(const Locked& lock, DirId id, std::string_view name, const LookContext& context);
  void apply_seen(const Locked& lock, DirId id, const Observation& observation, Entry* entry,
                  const LookContext& context);
  void apply_file(const Locked& lock, DirId id, const Observation& observation, Entry* entry,
                  const LookContext& context);

  // diff_directories.cc

  void apply_known_directory(const Locked& lock, DirId id, const Observation& observation, Entry& entry,
                             const LookContext& context);
  void look_into(const Locked& lock, DirId id, DirId child, const Observation& observation, const LookContext& context);
  void apply_new_directory(const Locked& lock, DirId id, const Observation& observation, const LookContext& context);
  /** A mount has answered for the first time, or is gone and shows what it covered. */
  void has_answered(const Locked& lock, DirId child, const Observation& observation);
  /** Puts a new directory into the table. */
  DirId add(const Locked& lock, DirId parent, const Observation& observation, bool alias);
  /** A directory leaves its place: reports the delete and keeps the node for a moment. */
  void leave(const Locked& lock, DirId id, Entry& entry, const LookContext& context);
  /** True while the place under which the same directory is known has not been looked at. */
  bool waits_for_other_place(const Locked& lock, DirId id, const Observation& observation, DirId known);
  void remove_node(const Locked& lock, DirId id);

  const WatchConfig& config_;
  TreeTable& table_;
  DirtySet& dirty_;
  TreeWalk& walk_;
  Root& root_;
  Crew& crew_;
  Schedule& schedule_;
  Reporter& reporter_;
  Streams& streams_;
  Devices& devices_;
  MountsBelow& mounts_;
  Links& links_;
  Watches& watches_;
  Regions& regions_;
  Passes& passes_;
  NewNames& names_;
  YoungFiles young_;
  DetachedNodes detached_;
  Contests contests_;
  timespec now_{};  // the wall clock when the observations of a directory began to be applied
};

}  // namespace fustor
