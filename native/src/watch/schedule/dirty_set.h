// What has to be looked at again, by directory. Marks of one name merge, so the set is bounded by what exists, not by
// what happens.
//
// Under pressure the set grows coarser instead of larger (PressureLimits). No change is lost by that, because a look at
// more finds more:
//   names        too many in one directory: that directory is listed as a whole instead;
//                too many in all: every directory with marked names is; 130 bytes remain for each directory
//   directories  too many: those that wait only because of an event are forgotten, and one resync lists everything
//                instead (Reader::relieve). It comes after the tree walk that is running, and after growing pauses
//                while resyncs follow each other closely.
// What a listing could not repair is never forgotten: rows that were asked for although nothing changed, the time to
// confirm an unsettled file, and the work of a tree walk. The engine asks `too_many` after each read of events, so the
// set exceeds its limit by one read at most.
//
// Not thread safe: the engine's mutex guards it. No method waits or fails.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "base/name_hash.h"
#include "fustor/watch_config.h"
#include "watch/model/tree_table.h"

namespace fustor {

enum MarkFlag : uint16_t {
  kMarkCreated = 1,
  kMarkModified = 2,
  kMarkClosed = 4,     // closed after writing, as the last event: a later kMarkModified removes the flag
  kMarkMovedTo = 8,
  kMarkGone = 16,      // deleted or moved away
  kMarkAttrib = 32,
  kMarkSettle = 64,    // it is time to confirm an unsettled file
  kMarkAnnounce = 128, // report even if nothing changed
  kMarkVerify = 256,   // look whether the known entry is still under this name
  kMarkYoung = 1024,   // a young file: it may have been written again without an event (YoungFiles)
  kMarkOwn = 2048,     // without a name: the directory's own row
  kMarkDue = 512,      // a write that was held back may be reported now; earlier marks said whether the file is open
};

/** Both marks of a name as one. Whether the file is still open, the later one decides. */
inline uint16_t merge_marks(uint16_t old, uint16_t later) {
  if (later & kMarkModified) old &= static_cast<uint16_t>(~kMarkClosed);
  return old | later;
}

struct Mark {
  uint16_t flags = 0;
  uint64_t contested_since = 0;  // the directory is also known elsewhere: sequence of the first look that found this
  uint64_t inode = 0;            // of the file that the event was about, 0 = the event did not say
};

using MarkedNames = std::unordered_map<std::string, Mark, NameHash, SameName>;

struct DirtyDirectory {
  bool list = false;       // every name
  bool announce = false;   // report what is unchanged, too
  bool recursive = false;  // pass list and announce on to the directories below
  bool quiet = true;       // the listing is a first look: what it finds was there before and is no change
  bool self = false;       // the directory's own row
  bool settle = false;     // the listing replaces marks with kMarkSettle
  bool names_only = false; // leaves the listing to another thread
  bool in_live = false;    // already in that queue
  bool in_background = false;
  bool parked = false;     // it could not be opened under its known path; its name in the parent is marked
  uint32_t pass = 0;       // belongs to this tree walk, 0 = to none
  int64_t since_ns = 0;    // when the oldest mark came
  MarkedNames names;
};

/** Which dirty directories a thread takes: all, those of realtime changes, those of tree walks. */
enum class Duty : uint8_t { any, live, background };

class DirtySet {
 public:
  explicit DirtySet(PressureLimits limits = {}) : limits_(limits) {}

  /** One turn in so many is for tree walks even under a steady stream of realtime marks: a walk has to end. */
  static constexpr uint32_t kBackgroundTurn = 8;

  /** The dirty directory of that id, made when there is none. Valid until the next call that changes the set. */
  DirtyDirectory& of(DirId id, int64_t now_ns);
  /** A name is to be looked at. The directory is not queued by that: `enqueue`. */
  void mark(DirId id, std::string_view name, uint16_t flags, int64_t now_ns, uint64_t inode = 0);
  bool has(DirId id) const { return directories_.contains(id); }
  /** Null when it is not dirty. Valid until the next call that changes the set. */
  const DirtyDirectory* find(DirId id) const {
    const auto found = directories_.find(id);
    return found == directories_.end() ? nullptr : &found->second;
  }
  /** Takes it out of the set; it must be in it. */
  DirtyDirectory take(DirId id);
  /** Merges an unfinished task back; what came since is newer. */
  void put_back(DirId id, DirtyDirectory&& task, int64_t now_ns);
  /** Forgets it, if it is there. */
  void drop(DirId id);
  /** Marked names in all directories. */
  size_t names() const { return names_; }
  size_t size() const { return directories_.size(); }

  /**
   * Queues a directory once, however many marks come; false when it was queued already. A queue may hold ids that are
   * clean again: after `pop` ask `has`.
   */
  bool enqueue(DirId id, bool background);
  /** The next directory; false when none is queued. */
  bool pop(DirId& id, Duty duty = Duty::any);
  /** The same for realtime marks alone. */
  bool pop_live(DirId& id);
  /** Takes the marked names alone, for a directory that is being listed. */
  MarkedNames take_names(DirId id);
  bool queued(Duty duty = Duty::any) const {
    return (duty != Duty::background && !live_.empty()) || (duty != Duty::live && !background_.empty());
  }
  bool live_queued() const { return !live_.empty(); }
  void clear();

  /** Whether so many directories are dirty that the engine should forget hints and list everything instead. */
  bool too_many() const { return directories_.size() > limits_.directories + kept_; }
  /** Forgets the directories that wait only because of an event, if those are most. Returns how many these were. */
  size_t forget_hints();
  /** How often the marked names of a directory were replaced by a listing. */
  uint64_t collapses() const { return collapses_; }

 private:
  void collapse(DirtyDirectory& dirty);

  const PressureLimits limits_;
  size_t kept_ = 0;         // directories that could not be forgotten: `too_many` counts beyond these
  uint64_t collapses_ = 0;
  std::unordered_map<DirId, DirtyDirectory> directories_;
  size_t names_ = 0;  // in all directories
  std::deque<DirId> live_;
  std::deque<DirId> background_;
  uint32_t turn_ = 0;
};

}  // namespace fustor
