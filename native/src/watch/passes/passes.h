// Tree walks: when one begins, what it counts as done, and what follows its end.
#pragma once

#include <cstdint>
#include <string>

#include "watch/changes/reporter.h"
#include "watch/locked.h"
#include "watch/model/root.h"
#include "watch/model/tree_table.h"
#include "watch/passes/missing.h"
#include "watch/rows/streams.h"
#include "watch/schedule/schedule.h"
#include "watch/schedule/tree_walk.h"
#include "watch/schedule/unknown_directories.h"
#include "watch/signal.h"
#include "watch/source/event_source.h"

namespace fustor {

class Passes {
 public:
  Passes(const WatchConfig& config, TreeTable& table, DirtySet& dirty, TreeWalk& walk, Root& root, Crew& crew,
         Signal& signal, EventSource& source, UnknownDirectories& unknown_directories, Schedule& schedule,
         Reporter& reporter, Streams& streams, NewNames& names)
      : config_(config), table_(table), dirty_(dirty), walk_(walk), root_(root), crew_(crew), signal_(signal),
        source_(source), unknown_directories_(unknown_directories), schedule_(schedule), reporter_(reporter),
        streams_(streams), missing_(config.confirm_deletes_ms, table, walk, schedule, streams, crew, names) {}

  /**
   * Lists every directory once more, parents first. A quiet walk is the first: it finds what was there before, so it
   * reports no changes. Without a reason it does not count as a resync.
   */
  void begin(const Locked& lock, bool quiet, const std::string& reason);
  /** Ends the tree walk when its last directory is done. */
  void finish_if_done(const Locked& lock);
  /** A walk follows after a pause, which grows while resyncs follow each other closely. */
  void want_resync(const Locked& lock, const std::string& reason);
  /** Audits that waited for the end of a walk get one of their own: what it had listed may have changed since. */
  void begin_audits(const Locked& lock);
  /** The walk and the snapshots go on without this directory; `error` becomes its `unreadable`, its rows stay. */
  void go_on_without(const Locked& lock, DirId id, int error);

  /** When `run_timers` has something to do; INT64_MAX when never. */
  int64_t next_ns(const Locked& lock) const;
  void run_timers(const Locked& lock, int64_t now_ns);

  Missing& missing() { return missing_; }
  const Missing& missing() const { return missing_; }
  uint64_t resyncs(const Locked&) const { return resyncs_; }
  const std::string& last_resync_reason(const Locked&) const { return last_reason_; }
  /** When the first walk ended, 0 = not yet. */
  int64_t primed_ns(const Locked&) const { return primed_ns_; }

 private:
  bool may_begin() const { return !walk_.has_pending() && root_.is_available(); }

  const WatchConfig& config_;
  TreeTable& table_;
  DirtySet& dirty_;
  TreeWalk& walk_;
  Root& root_;
  Crew& crew_;
  Signal& signal_;
  EventSource& source_;
  UnknownDirectories& unknown_directories_;
  Schedule& schedule_;
  Reporter& reporter_;
  Streams& streams_;
  Missing missing_;
  ResyncWish resync_;
  uint64_t resyncs_ = 0;
  std::string last_reason_;
  int64_t primed_ns_ = 0;
};

}  // namespace fustor
