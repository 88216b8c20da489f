// Puts what a journal says into the table of a checkpoint: afterwards the table holds every path that the receiver may
// hold, and facts only of entries that the receiver has as they are.
//
// Nothing leaves the table by it. A name of which the journal speaks has no facts, so its row is sent again or its delete
// is told. A directory that left, or that took a place at which something else was known, becomes a *stub*: a directory
// that no directory on a disk is. The engine tells the delete of that path first, and then the rows of whatever stands
// there.
//
// No thread runs yet, and nothing here asks a file system.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "watch/index/journal_reader.h"
#include "watch/model/tree_table.h"

namespace fustor {

class JournalReplay {
 public:
  /** Of the checkpoint of this generation: what the journal says before that began is in it. */
  JournalReplay(TreeTable& table, std::string generation) : table_(table), generation_(std::move(generation)) {}

  /** Journals in their order. False when one holds what no writer leaves. */
  bool apply(const JournalReader& journal);
  /** After the last one. False when no journal spoke of the checkpoint. */
  bool finish();

 private:
  bool apply(const NameRecord& record);
  /** `directory_` becomes the one at this path, kNoDir when that lies below a stub. False: it is no path. */
  bool enter(std::string_view path);
  bool is_stub(DirId id) const;
  Entry* find(std::string_view name) { return table_.at(directory_).find(name); }
  void add_file(std::string_view name);
  DirId add_directory(std::string_view name, uint64_t inode);
  /** Whatever is known of that name becomes a stub without contents. */
  void make_stub(std::string_view name);
  void take_out(Entry& entry);
  void remove_below(DirId top);
  void doubt_below(DirId top);
  void drop_node(uint64_t number);
  void forget_nodes();

  void appeared(const NameRecord& record);
  void moved(const NameRecord& record);
  void left(const NameRecord& record);

  TreeTable& table_;
  const std::string generation_;
  bool has_begun_ = false;
  bool is_written_ = false;  // the writer of the checkpoint had ended
  DirId directory_ = kNoDir;
  std::unordered_map<uint64_t, DirId> nodes_;  // that left, by the number that they had then
};

}  // namespace fustor
