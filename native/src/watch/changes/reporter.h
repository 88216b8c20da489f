// Differences become changes: in which order they are reported, and which rows have to go ahead of them.
//
// Changes get their sequence here, with the mutex held, so that there is one order of changes and of groups of snapshot
// rows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/name_hash.h"
#include "watch/changes/change_queue.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/tree_walk.h"

namespace fustor {

class Reporter {
 public:
  Reporter(TreeTable& table, const TreeWalk& walk, ChangeQueue& changes)
      : table_(table), walk_(walk), changes_(changes) {}

  /** Appends the change of a name, behind the rows of the directories above it that are still to be reported. */
  void row(const Locked& lock, DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic,
           int64_t since_ns);
  /** The same for a directory, whose own row is then reported. */
  void directory(const Locked& lock, DirId parent, DirId child, std::string_view name, const FileStat& stat,
                 int64_t since_ns);
  void root(const Locked& lock, const FileStat& stat, int64_t since_ns);
  void gone(const Locked& lock, DirId id, std::string_view name, bool container, int64_t since_ns);
  /**
   * Whether a delete of that name was reported while its directory waited for the first listing. What a first listing
   * finds is usually no change, because the snapshot holds its row. But here the delete may reach the receiver after
   * the snapshot's row and would remove the entry, so the row has to be reported as a change behind the delete. True
   * once for each name.
   */
  bool was_told_gone(const Locked& lock, DirId id, std::string_view name);
  /** The directory was listed for the first time, or leaves the table. */
  void forget_early_deletes(const Locked&, DirId id) { gone_early_.erase(id); }

  /** A directory's wire path, JSON-escaped. Valid until the next call, or until the table changes. */
  const std::string& json_dir(const Locked& lock, DirId id);
  /** Call it when directories have other names, or ids belong to other directories. */
  void forget_paths(const Locked&) {
    json_dir_of_ = told_above_ = kNoDir;
    spelling_++;
  }
  /** Another number whenever a path may be spelled otherwise, or an id may be another directory's. */
  uint64_t spelling() const { return spelling_; }

  uint64_t changes() const { return count_; }
  /** Releases its memory. */
  void release(const Locked& lock);

 private:
  void append(const Locked& lock, DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic,
              int64_t since_ns);
  /**
   * The receiver must not get a row before that of its directory. So the rows of `id` and of the directories above it
   * that were not reported yet are reported now:
   * - a directory below a renamed one gets its row from a listing, and an event in it may be quicker;
   * - during the first tree walk the rows of directories are left to the snapshot, and a change in one may be quicker.
   */
  void directories_above(const Locked& lock, DirId id, int64_t since_ns);

  TreeTable& table_;
  const TreeWalk& walk_;
  ChangeQueue& changes_;
  uint64_t count_ = 0;
  uint64_t spelling_ = 0;
  std::string json_dir_;       // cache of json_dir()
  DirId json_dir_of_ = kNoDir;
  DirId told_above_ = kNoDir;  // its own row and those above it were reported
  std::vector<DirId> chain_;   // in directories_above()
  // was_told_gone(), by directory not yet listed.
  std::unordered_map<DirId, std::unordered_set<std::string, NameHash, SameName>> gone_early_;
};

}  // namespace fustor
