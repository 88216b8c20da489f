// What a look at a name means, given what the table knows of it. Pure: no disk, no table, no lock.
#pragma once

#include <cstdint>

#include "base/file_stat.h"
#include "watch/model/observation.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/dirty_set.h"

namespace fustor {

/** What the task of a look asks for, apart from its names. */
struct LookContext {
  bool list = false;       // the look is part of a listing
  bool announce = false;   // report what is unchanged, too
  bool recursive = false;  // list the directories below, too
  bool quiet = false;      // what is new was there before and is no change
  bool settle = false;     // the listing confirms unsettled files
  uint32_t pass = 0;       // the tree walk it is for, 0 = none
  int64_t since_ns = 0;    // when the oldest event behind it came

  static LookContext of(const DirtyDirectory& task) {
    return {task.list, task.announce, task.recursive, task.quiet, task.settle, task.pass, task.since_ns};
  }
  /**
   * For a file that a tree walk missed and that is there after all. An audit may have left its row out, and Fusion may
   * have deleted it at the end of that audit. So its row is reported even when it did not change.
   */
  LookContext announcing() const { return {.announce = true, .pass = pass, .since_ns = since_ns}; }
};

// ---- names --------------------------------------------------------------------------------------------------------

/** What the table knows of a name. */
struct KnownName {
  bool is_known = false;
  bool is_directory = false;
  bool is_missing = false;         // a tree walk missed it (kMissing)
  bool is_lost_mount = false;      // a mount that is not there at the moment
  bool has_same_identity = false;  // a directory, and the one that was seen
};

enum class NameVerdict {
  keep,       // its rows stay, or the end of the tree walk decides
  set_aside,  // a tree walk missed it: a second look decides
  gone,
  seen,
  found_again,  // seen, and a tree walk had missed it
  silent,       // a mount that does not answer
  unreadable,   // it cannot be statted
};

/** `by_pass`: the look belongs to a tree walk that is not the first one. */
NameVerdict judge_name(const KnownName& known, const Observation& observation, bool by_pass);

// ---- files --------------------------------------------------------------------------------------------------------

/** What the table knows of a file, and what the look found about it. */
struct KnownFile {
  bool is_known = false;
  uint8_t flags = 0;       // EntryFlag
  bool is_changed = true;  // also when it is not known
  bool told_gone = false;  // its delete was reported before its directory was listed for the first time
  bool is_young = false;   // it was written less than settle_ms ago
};

struct FileVerdict {
  bool writing = false;
  bool unsettled = false;  // reported as not complete until it has been quiet for a while
  bool quiet = false;      // it is no change
  bool report = false;
  bool settle_later = false;  // look again after settle_ms

  bool is_complete() const { return !writing && !unsettled; }
};

FileVerdict judge_file(const KnownFile& known, const Observation& observation, const LookContext& context);

// ---- directories that are known -----------------------------------------------------------------------------------

struct KnownDirectory {
  bool lost_watch = false;       // its watch ended, and the engine did not end it
  bool is_other_device = false;  // than the directory around it, and nothing is mounted there
  bool hides = false;            // see Directory
  int unreadable = 0;            // see Directory
};

enum class DirectoryVerdict {
  list_recursively,      // as the task asks
  list_what_was_hidden,  // with everything below
  list,
  wake,                  // if it waits for its parent
};

/** What is to be done with a known directory that was seen in its place. */
DirectoryVerdict judge_directory(const KnownDirectory& known, const Observation& observation,
                                 const LookContext& context);

}  // namespace fustor
