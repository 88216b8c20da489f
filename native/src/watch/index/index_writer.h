// Writes the tree table into an index (index_format.h).
//
// The file appears under its name as a whole or not at all: it is written beside it, brought to the disk, and renamed.
// Nobody but its owner may read it, for it holds every name of the tree.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/spinning_mutex.h"
#include "fustor/watch.h"
#include "watch/index/index_format.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/dirty_set.h"

namespace fustor {

class IndexWriter {
 public:
  /**
   * The mutex is taken for each directory, and again and again for a long one; `may_go_on` is asked between them.
   *
   * `is_live`: the table and the set change meanwhile. What comes or goes is in the journal then (live_index.h), so it
   * does not matter which state of it the file has. The file is written at half the speed of a core, and it is not
   * brought to the disk: it counts in this boot of the machine only.
   */
  IndexWriter(SpinningMutex& mutex, TreeTable& table, const DirtySet& dirty, bool is_live,
              std::function<bool()> may_go_on)
      : mutex_(mutex), table_(table), dirty_(dirty), is_live_(is_live), may_go_on_(std::move(may_go_on)) {}

  IndexOutcome write(const std::string& path, const IndexHeader& header);

 private:
  bool write_all(int fd, const IndexHeader& header);
  bool write_directories();
  /** Into `copies_`. Waits for a thread that owns the directory; false when it is none that an index can hold. */
  bool copy_directory(DirId id);
  /** Entries from `slot` on, as many as may be copied at once; true at the end. */
  bool copy_piece(const Locked& lock, DirId id, size_t& slot);
  void copy_entry(const Locked& lock, DirId id, const DirtyDirectory* dirty, const Entry& entry, std::string_view name);
  /** A name that left and came back between two pieces is there twice; the later one counts. */
  void drop_older();
  bool encode_copies();
  /** Whether the receiver may lack the entry. Notes what follows from that for what lies below it. */
  bool is_untold(DirId id, const DirtyDirectory* dirty, const Entry& entry, std::string_view name);
  void pause_after(int64_t begun_ns) const;
  /** Ends the chunk. */
  void flush();
  void flush_if_full() {
    if (encoder_.bytes.size() >= kIndexChunkBytes) flush();
  }
  /** What was flushed goes into the file. */
  bool put();
  bool refuse(std::string reason);

  SpinningMutex& mutex_;
  TreeTable& table_;
  const DirtySet& dirty_;
  const bool is_live_;
  const std::function<bool()> may_go_on_;
  IndexEncoder encoder_;
  std::string out_;
  struct Copy {
    FileStat stat;
    size_t name_begin;
    uint32_t name_length;
    DirId child;
    bool is_open;
    bool is_untold;
  };
  std::vector<Copy> copies_;  // of the directory that is written
  std::string copied_names_;
  bool is_placed_ = true;     // on the root's file system, with contents where the table has a directory
  std::vector<DirId> announced_;
  std::vector<bool> untold_;  // by directory: the receiver may lack everything in it
  int fd_ = -1;
  uint32_t chunks_ = 0;
  uint32_t seed_ = 0;  // the header's checksum
  IndexOutcome outcome_;
};

}  // namespace fustor
