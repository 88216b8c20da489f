// File systems that do not answer: a server that is away, a FUSE daemon that hangs, a disk in trouble. They stop
// nothing but themselves.
//
// A system call has no time limit, so the engine gives one to its threads. Each thread counts its steps (ThreadWatch).
// When the steps of a thread stand still for kStuckNs while it is at a directory, the thread is stuck, and
//
//  - a spare thread takes its place, so that as many threads as before look at everything else (Workers::replace);
//  - its region (everything on one mount) gets at most Regions::kMostStuck threads, and no further one after hang_ms:
//    the region's dirty directories are put aside until a thread comes back from there;
//  - after hang_ms the directories for which the tree walk still waits there count as unreadable: snapshots and audits
//    go on without them, audits with `audit_skipped`, and their rows stay as they are. The engine gives the stuck
//    thread up: it drops what the thread brings back, and lists the thread's directory as a whole.
//
// A mount point is an entry of the directory above, which must not wait for it: MountProber looks at mount points. The
// reader runs the watchdog several times a second while any thread is at work. It asks no file system itself, and no
// thread waits for one with the mutex held.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "fustor/watch_status.h"
#include "watch/hangs/regions.h"
#include "watch/locked.h"
#include "watch/look/looker.h"
#include "watch/passes/passes.h"
#include "watch/root/root_keeper.h"

namespace fustor {

class Watchdog {
 public:
  Watchdog(int64_t hang_ms, TreeTable& table, DirtySet& dirty, TreeWalk& walk, Root& root, Crew& crew, Signal& signal,
           Regions& regions, Passes& passes, RootKeeper& root_keeper, const Looker& looker)
      : hang_ns_(hang_ms * 1'000'000), table_(table), dirty_(dirty), walk_(walk), root_(root), crew_(crew),
        signal_(signal), regions_(regions), passes_(passes), root_keeper_(root_keeper), looker_(looker) {}

  /** How many threads are stuck and are to be replaced: those that take realtime work, and those that do not. */
  using Stuck = std::array<size_t, 2>;
  /** Finds the threads that wait for a file system, and goes on without them. Reads /proc/self/task. */
  Stuck look(const Locked& lock, int64_t now_ns);
  /** When to look next; INT64_MAX while no thread is at work. */
  int64_t next_ns(const Locked&) const;
  bool is_due(const Locked&, int64_t now_ns) const { return crew_.has_come_back || now_ns >= next_ns_; }

  /** The places that have not answered for hang_ms, the longest first. */
  std::vector<Hang> hangs(const Locked& lock, int64_t now_ns) const;
  /** Signals when these are others than before. */
  void note_hangs(const Locked& lock, int64_t now_ns);
  uint64_t hang_changes(const Locked&) const { return changes_; }

 private:
  /** Whether this thread waits for a file system. */
  bool is_stuck(ThreadWatch& thread, int64_t now_ns) const;
  void judge_stuck(const Locked& lock, ThreadWatch& thread, bool hung);
  /** The results of this thread do not count any more. */
  void give_up(const Locked& lock, ThreadWatch& thread);

  const int64_t hang_ns_;
  TreeTable& table_;
  DirtySet& dirty_;
  TreeWalk& walk_;
  Root& root_;
  Crew& crew_;
  Signal& signal_;
  Regions& regions_;
  Passes& passes_;
  RootKeeper& root_keeper_;
  const Looker& looker_;
  int64_t next_ns_ = 0;
  std::vector<std::string> told_;  // the places of the last note_hangs()
  uint64_t changes_ = 0;
};

}  // namespace fustor
