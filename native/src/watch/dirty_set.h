// What has to be looked at again, per directory. Marks of one name merge, so the set is bounded by what exists, not by what happens.
//
// Under pressure it grows coarser instead of larger (PressureLimits), and no change is lost by that, because a look at more finds more:
//   names        too many in one directory: that directory is listed as a whole instead;
//                too many in all: every directory with marked names is; what is left is about 130 bytes for each directory
//   directories  too many: those that only wait because the kernel told of them are forgotten, and one resync lists everything instead
//                (WatchEngine::relieve). It comes after the pass that is running, and later each time when one follows another closely.
// What a listing could not make good is never forgotten: rows that were asked for although nothing changed, the time to confirm an
// unsettled file, and the work of a pass. The engine asks after each read of events, so the set exceeds its limit by one read at most.
//
// Not thread safe: the engine's mutex guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "base/name_hash.h"
#include "fustor/watch.h"
#include "watch/tree_table.h"

namespace fustor {

enum MarkFlag : uint16_t {
  kMarkCreated = 1,
  kMarkModified = 2,
  kMarkClosed = 4,     // the last thing said: a later kMarkModified takes it away
  kMarkMovedTo = 8,
  kMarkGone = 16,      // deleted or moved away
  kMarkAttrib = 32,
  kMarkSettle = 64,    // the time to confirm an unsettled file has come
  kMarkAnnounce = 128, // report even if nothing changed
  kMarkVerify = 256,   // is the directory known under this name still there
  kMarkYoung = 1024,   // written not long ago: whether it has been written again, nobody may have told (engine_young.cc)
  kMarkDue = 512,      // a held-back write may be reported now; whether the file is still open the other marks have said
};

/** Both marks of a name as one, the later one having the last word on whether the file is still open. */
inline uint16_t merge_marks(uint16_t old, uint16_t later) {
  if (later & kMarkModified) old &= static_cast<uint16_t>(~kMarkClosed);
  return old | later;
}

struct Mark {
  uint16_t flags = 0;
  uint64_t contested_since = 0;  // the directory seen here is also known elsewhere: the sequence of the first such sighting
  uint64_t inode = 0;            // of the file that the kernel told of, 0 = it did not say
};

using MarkedNames = std::unordered_map<std::string, Mark, NameHash, SameName>;

struct DirtyDirectory {
  bool list = false;       // every name
  bool announce = false;   // report what is unchanged, too
  bool recursive = false;  // hand list and announce on to the directories below
  bool quiet = true;       // the listing is a first look: what is found was there before and is no change
  bool self = false;       // the directory's own row
  bool settle = false;     // the listing takes the place of marks that it is time to confirm unsettled files
  bool names_only = false; // leaves the listing to somebody else
  bool in_live = false;    // already in that queue
  bool in_background = false;
  bool parked = false;     // it could not be opened where it was known to be; its parent has been asked
  uint32_t pass = 0;       // belongs to this pass over the whole tree
  int64_t since_ns = 0;    // when the oldest mark came
  MarkedNames names;
};

/** What a worker takes. */
enum class Duty : uint8_t { any, live, background };

class DirtySet {
 public:
  explicit DirtySet(PressureLimits limits = {}) : limits_(limits) {}

  /** One turn in so many is for background work even under a steady stream of live marks: a pass has to end. */
  static constexpr uint32_t kBackgroundTurn = 8;

  DirtyDirectory& of(DirId id, int64_t now_ns);
  void mark(DirId id, std::string_view name, uint16_t flags, int64_t now_ns, uint64_t inode = 0);
  bool has(DirId id) const { return directories_.contains(id); }
  DirtyDirectory take(DirId id);
  /** Merges an unfinished task back, older than what came since. */
  void put_back(DirId id, DirtyDirectory&& task, int64_t now_ns);
  void drop(DirId id);
  size_t names() const { return names_; }
  size_t size() const { return directories_.size(); }

  /** Once per directory however many marks come. Queues hold ids that may be stale: whoever pops asks `has`. */
  void enqueue(DirId id, bool background);
  bool pop(DirId& id, Duty duty = Duty::any);
  /** Live marks only. */
  bool pop_live(DirId& id);
  /** The marked names of a directory that is listed at the moment. */
  MarkedNames take_names(DirId id);
  bool queued(Duty duty = Duty::any) const {
    return (duty != Duty::background && !live_.empty()) || (duty != Duty::live && !background_.empty());
  }
  bool live_queued() const { return !live_.empty(); }
  void clear();

  /** Whether so many directories are dirty that hints should be forgotten and everything be listed instead. */
  bool too_many() const { return directories_.size() > limits_.directories + kept_; }
  /** Forgets the directories that wait only because the kernel told of them, if those are most. How many it were. */
  size_t forget_hints();
  /** How many times the names of a directory gave way to a listing. */
  uint64_t collapses() const { return collapses_; }

 private:
  void collapse(DirtyDirectory& dirty);

  const PressureLimits limits_;
  size_t kept_ = 0;         // directories that could not be forgotten: to be asked again only when there are as many more
  uint64_t collapses_ = 0;
  std::unordered_map<DirId, DirtyDirectory> directories_;
  size_t names_ = 0;  // in all directories
  std::deque<DirId> live_;
  std::deque<DirId> background_;
  uint32_t turn_ = 0;
};

}  // namespace fustor
