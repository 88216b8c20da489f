// Files by their inode: hard links, and files of which the kernel does not say under which name they were written.
//
// The kernel names only the link that was used, so the engine looks at every known name of a file with several links
// together. `names_` holds the names of files that were seen with more than one link. A file's first name was usually
// seen when it was the only one: when a second name appears and the first one is not in `names_` yet, the engine walks
// the table for the inode. It never finds names that lie outside of the root; therefore it asks the source for events
// of writes through those as well (EventSource::follow).
//
// Three kinds of writes come without a usable name: through a file handle (an NFS server whose caches forgot the name),
// through a name that is gone while the file has others (a rotated log), and through a link outside. The engine at once
// looks at what it knows of the inode: its links, or the place where it was found the last time. Otherwise it walks the
// table, too; for a minute it assumes that an inode which is not there lies outside. There is no index by inode: it
// would cost a quarter of the table for a rare case.
//
// A walk looks for all wanted inodes together and holds the mutex for a slice at a time. The next one comes after ten
// times its duration.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/name_hash.h"
#include "watch/locked.h"
#include "watch/model/observation.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/schedule.h"
#include "watch/source/event_source.h"

namespace fustor {

class Links {
 public:
  Links(TreeTable& table, Schedule& schedule, EventSource& source, Crew& crew)
      : table_(table), schedule_(schedule), source_(source), crew_(crew) {}

  // Files that come without a name

  /** An event of a file by its inode alone. */
  void look_for(const Locked& lock, uint64_t inode, uint16_t flags);
  /** Only the number of its links changed, and an event with a name reports the same. */
  void take_back(const Locked& lock, uint64_t inode);
  /**
   * The event was about another file than the one that stands under that name now. A process that has it open may go on
   * writing, and the file may have other names.
   */
  void written_elsewhere(const Locked& lock, DirId id, const Observation& observation);
  /** A file leaves the table. For sources that do not say which file they mean. A newer name replaces an older one. */
  void remember_gone(const Locked& lock, DirId id, const Entry& entry);
  /** A file came into the table. */
  void has_come(const Locked&, uint64_t inode) {
    if (!elsewhere_.empty()) elsewhere_.erase(inode);
  }

  // Names of one file

  /** A file was seen; its entry is in the table. */
  void note(const Locked& lock, DirId id, const Observation& observation, bool changed, bool quiet);
  /** The entry is about to leave, or to show another file. */
  void forget(const Locked& lock, DirId id, const Entry& entry);

  // Walks over the table

  /** When the next walk is due; INT64_MAX when none is wanted. */
  int64_t next_walk_ns(const Locked&) const { return next_walk_ns_; }
  /** The reader: a worker is to walk now. */
  void begin_walk(const Locked&) {
    next_walk_ns_ = kUnderWay;
    walk_due_ = true;
    crew_.work.notify_one();
  }
  bool is_walk_due(const Locked&) const { return walk_due_; }
  /** A worker: goes through the table for the inodes that are wanted, in slices. Asks no file system. */
  void walk(Locked& lock, const bool& stopping);

  /** Releases its memory. */
  void release(const Locked& lock);

 private:
  using Place = std::pair<DirId, std::string>;
  using Wanted = std::unordered_map<uint64_t, uint16_t, InodeHash>;
  static constexpr int64_t kUnderWay = INT64_MAX - 1;
  struct GoneName {
    uint64_t hash;
    uint64_t inode;
  };

  void follow(const Locked& lock, uint64_t inode, uint32_t nlink);
  void want_names_of(const Locked& lock, uint64_t inode);
  void want_walk(const Locked& lock);
  void look_through(const Locked& lock, DirId id, const Wanted& files,
                    const std::unordered_set<uint64_t, InodeHash>& links);
  void has_walked(const Wanted& wanted);

  TreeTable& table_;
  Schedule& schedule_;
  EventSource& source_;
  Crew& crew_;
  std::unordered_multimap<uint64_t, Place, InodeHash> names_;  // of hard linked files
  std::unordered_set<uint64_t, InodeHash> wanted_inodes_;      // the engine looks for other names of these
  Wanted wanted_files_;                                        // written under an unknown name: their MarkFlags
  std::unordered_map<uint64_t, Place, InodeHash> found_files_;  // where the last of them were found
  // Not in the table; until when the engine relies on that.
  std::unordered_map<uint64_t, int64_t, InodeHash> elsewhere_;
  std::vector<GoneName> gone_names_;  // the last names of files that were taken out of the table, by hash
  int64_t next_walk_ns_ = INT64_MAX;
  int64_t not_before_ns_ = 0;
  bool walk_due_ = false;
};

}  // namespace fustor
