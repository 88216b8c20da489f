// Reads an index (index_format.h) into a tree table.
//
// Distrust: every number is checked before it counts, and whatever is not as a writer leaves it means that there is no
// index. A table is handed over only when the whole file was read and is whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fustor/watch.h"
#include "watch/index/index_format.h"
#include "watch/model/tree_table.h"

namespace fustor {

class IndexReader {
 public:
  /** `settings`: an index that was made with others is none. Waits for the disk that the file lies on. */
  IndexOutcome read(const std::string& path, const std::string& settings);

  const IndexHeader& header() const { return header_; }
  /** Of use after a `read` without a reason. All identities have the device 0. */
  TreeTable& table() { return table_; }

 private:
  bool read_all(const std::string& settings);
  bool open();
  bool read_magic();
  bool read_header(const std::string& settings);
  bool read_directories();
  bool read_entry(DirId parent);
  bool read_end();
  /** The next chunk becomes the one that is decoded. */
  bool next_chunk();
  bool take(void* out, size_t size);
  bool damaged() { return refuse("it is damaged"); }
  bool refuse(std::string reason);

  std::vector<char> file_;  // what was read of it and not taken yet
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t left_ = 0;  // bytes of the file that are still to be taken
  int fd_ = -1;
  std::string chunk_;
  uint32_t chunks_ = 0;
  uint32_t seed_ = 0;
  uint32_t head_sum_ = 0;  // of every byte so far, until the header is read
  IndexDecoder decoder_;
  IndexHeader header_;
  TreeTable table_;
  std::vector<DirId> announced_;
  IndexOutcome outcome_;
};

}  // namespace fustor
