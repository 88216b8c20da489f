// What is to be looked at: marks of names, listings, and both of them later.
#pragma once

#include <cstdint>
#include <string_view>

#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/crew.h"
#include "watch/schedule/dirty_set.h"
#include "watch/schedule/timed_marks.h"
#include "watch/schedule/tree_walk.h"

namespace fustor {

/** What a listing is to do. */
struct ListRequest {
  bool recursive = false;  // with everything below it
  bool announce = false;   // report what is unchanged, too
  bool quiet = false;      // what the first listing finds was there before and is no change
  uint32_t pass = 0;       // the tree walk it is for, 0 = none
  int64_t since_ns = 0;    // when the oldest event behind it came, 0 = now
};

class Schedule {
 public:
  Schedule(TreeTable& table, TreeWalk& walk, DirtySet& dirty, Crew& crew)
      : table_(table), walk_(walk), dirty_(dirty), crew_(crew) {}

  /** A name is to be looked at. Without effect when the directory is gone, or its first listing is still to come. */
  void mark(const Locked& lock, DirId id, std::string_view name, uint16_t flags, uint64_t inode = 0);
  /** The directory's own row is to be looked at. */
  void mark_own(const Locked& lock, DirId id);
  /** Marks the name of a raw path; without effect when its directory is not known. */
  void mark_path(const Locked& lock, std::string_view path, uint16_t flags);
  /** The whole directory is to be listed. */
  void list(const Locked& lock, DirId id, const ListRequest& request = {});
  /** The directory may be readable now. Events from below were lost as well, so everything below is listed. */
  void list_what_was_hidden(const Locked& lock, DirId id);
  /** The mark is made at that time; a mark without a name lists the directory or, with kMarkOwn, means its own row. */
  void mark_later(const Locked& lock, int64_t at_ns, DirId id, std::string_view name, Mark mark);
  /** When the next of those is due; INT64_MAX when there is none. */
  int64_t next_ns(const Locked&) const { return timed_.next_ns(); }
  /** Takes the next one that is due; false when none is. */
  bool take_due(const Locked&, int64_t now_ns, TimedMark& out) { return timed_.take(now_ns, out); }
  /** Makes a mark whose time has come. */
  void make(const Locked& lock, const TimedMark& timed);

  /** Queues a dirty directory, unless a thread owns it or it is parked. */
  void wake_worker_for(const Locked& lock, DirId id, bool background);
  /** The task waits for an answer of the parent, or for retry_ns. */
  void park(const Locked& lock, DirId id, DirtyDirectory& task, int64_t retry_ns);
  /** A worker is to look at the root soon. */
  void want_root_check(const Locked& lock);
  /**
   * Whether a mark in this directory may be made a moment later: not while a first listing may overtake it, which
   * reports nothing.
   */
  bool may_wait(const Locked& lock, DirId id) const;
  /**
   * Whether the contents of this directory were there before the first tree walk and are no change: the walk has not
   * got there yet.
   */
  bool is_first_look(const Locked& lock, DirId parent) const;

  /** When the events that are being digested came; 0 = none are. */
  void set_arrival(const Locked&, int64_t now_ns) { arrived_ns_ = now_ns; }
  int64_t arrival_ns(const Locked&) const { return arrived_ns_; }

  /** Releases its memory. */
  void release(const Locked&) { timed_.clear(); }

  bool root_check_due = false;

 private:
  TreeTable& table_;
  TreeWalk& walk_;
  DirtySet& dirty_;
  Crew& crew_;
  TimedMarks timed_;
  int64_t arrived_ns_ = 0;
};

}  // namespace fustor
