// The index while the engine runs: the newest checkpoint that a receiver has accepted, and the journal of the names that
// came or went since. docs/decisions/0033 says what this promises.
//
//   tree.index             what an orderly stop left; it counts before everything else
//   tree.checkpoint        the table at some moment, every row of it accepted
//   tree.journal           names since that began to be written
//   tree.checkpoint.next   a younger one, whose rows are still on their way
//   tree.journal.next      names since that began to be written; it continues tree.journal
//
// `kept` puts the younger pair in the place of the older one. Until then the older one counts, with both journals.
//
// Who may call what: `load` before the engine starts; everything else from any thread. Each method takes a mutex of its
// own and, for short sections, the engine's: none may be called with that held. Each may wait for the disk that the files
// lie on. What cannot be written costs the index: the files go, `status` says why, and nothing is tried again before the
// next checkpoint.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/spinning_mutex.h"
#include "fustor/watch.h"
#include "watch/index/index_format.h"
#include "watch/index/journal_file.h"
#include "watch/index/journal_reader.h"
#include "watch/changes/new_names.h"
#include "watch/model/tree_table.h"

namespace fustor {

class LiveIndex {
 public:
  /** `boot`: of the machine; "" = unknown, and then no checkpoint is made. */
  LiveIndex(SpinningMutex& mutex, NewNames& names, std::string boot)
      : mutex_(mutex), names_(names), boot_(std::move(boot)) {}

  /**
   * What an earlier run left at `path` (that of tree.index): into `table` and `header`. From then on names are noted
   * behind it. Without a reason in the outcome it is of use; with one, nothing of it is left.
   */
  IndexOutcome load(const std::string& path, const std::string& settings, TreeTable& table, IndexHeader& header);

  /** A checkpoint is about to be written: names are noted from now on. Why not, "" when they are. */
  std::string begin(const std::string& path, const std::string& generation);
  /** Where it is to be written. */
  std::string next_checkpoint() const { return path_ + ".checkpoint.next"; }
  /** It was written. Why it is of no use, "" when it is. */
  std::string written(const std::string& generation);
  /** A receiver has accepted everything of that checkpoint, and the pipe has noted so. Why not, "" when it counts now. */
  std::string keep(const std::string& generation);

  /**
   * Names wait for the journal, or are on their way into it. Takes no mutex. Names are on their way before they stop
   * waiting, so there is no moment between the two.
   */
  bool has_unwritten() const { return names_.has_any() || is_writing_.load(std::memory_order_acquire); }
  /** What was noted is in the journal afterwards. Before rows that the engine made are handed to anybody. */
  void flush() {
    if (has_unwritten()) write_names();
  }
  /** No later run may go on from what is there. */
  void give_up(const std::string& reason);
  /** tree.index was written: what served until then goes. */
  void end();
  JournalStatus status() const;

 private:
  using Held = std::lock_guard<std::mutex>;
  void write_names();
  std::string name(const char* suffix) const { return path_ + suffix; }
  IndexOutcome load_left_in_order(const std::string& settings, TreeTable& table, IndexHeader& header);
  IndexOutcome load_checkpoint(const std::string& settings, TreeTable& table, IndexHeader& header);
  /** "" or why not. */
  std::string replay(TreeTable& table, const std::string& generation);
  std::string check_chain(const JournalReader* journals, size_t count) const;
  std::string adopt(const std::string& generation);
  int begin_next_journal(const Held& held);
  /** Takes what was noted and appends it, and then a record of its own. 0 or errno. */
  int append_names(const Held&, const NameRecord* record);
  void remove_files(const Held&);
  void fail(const Held&, const std::string& reason);

  SpinningMutex& mutex_;  // the engine's
  NewNames& names_;
  const std::string boot_;
  std::atomic<bool> is_writing_{false};  // what was taken from `names_` is not in the journal yet
  mutable std::mutex files_;  // guards what follows
  std::string path_;
  JournalFile journal_;
  bool has_next_ = false;     // `journal_` is tree.journal.next
  uint64_t bytes_before_ = 0; // of tree.journal, when it is not the one that is written
  std::string kept_;          // generation of tree.checkpoint; "" = there is none
  std::string next_;          // of tree.checkpoint.next
  bool next_is_written_ = false;
  std::string trouble_;
};

}  // namespace fustor
