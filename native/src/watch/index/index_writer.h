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
   * Nothing changes the table or the set meanwhile. The mutex is taken for each directory, for those who ask the engine
   * something; `may_go_on` is asked between them.
   */
  IndexWriter(SpinningMutex& mutex, const TreeTable& table, const DirtySet& dirty, std::function<bool()> may_go_on)
      : mutex_(mutex), table_(table), dirty_(dirty), may_go_on_(std::move(may_go_on)) {}

  IndexOutcome write(const std::string& path, const IndexHeader& header);

 private:
  bool write_all(int fd, const IndexHeader& header);
  bool write_directories();
  /** Into memory, with the mutex held; false when it is none that an index can hold. */
  bool encode_directory(const Locked& lock, DirId id);
  bool encode_entry(DirId id, const DirtyDirectory* dirty, const Entry& entry, std::string_view name);
  /** Whether the receiver may lack the entry. Notes what follows from that for what lies below it. */
  bool is_untold(DirId id, const DirtyDirectory* dirty, const Entry& entry, std::string_view name);
  /** Ends the chunk. */
  void flush();
  void flush_if_full() {
    if (encoder_.bytes.size() >= kIndexChunkBytes) flush();
  }
  /** What was flushed goes into the file. */
  bool put();
  bool refuse(std::string reason);

  SpinningMutex& mutex_;
  const TreeTable& table_;
  const DirtySet& dirty_;
  const std::function<bool()> may_go_on_;
  IndexEncoder encoder_;
  std::string out_;
  std::vector<DirId> announced_;
  std::vector<bool> untold_;  // by directory: the receiver may lack everything in it
  int fd_ = -1;
  uint32_t chunks_ = 0;
  uint32_t seed_ = 0;  // the header's checksum
  IndexOutcome outcome_;
};

}  // namespace fustor
