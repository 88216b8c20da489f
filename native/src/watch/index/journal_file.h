// A journal on its way to a file (journal_format.h). Each append is one write(2) without fsync: it outlives the process,
// not the machine.
//
// Not thread safe: LiveIndex calls it with its own mutex held, never with the engine's. Every method may wait for the
// disk that the file lies on. Nobody but the file's owner may read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "watch/index/journal_format.h"

namespace fustor {

/** Where an earlier run stopped writing. */
struct JournalEnd {
  uint64_t bytes = 0;
  uint32_t frames = 0;
  uint32_t seed = 0;  // the header's checksum
};

class JournalFile {
 public:
  /** A new file at this path; what stood there is gone. 0 or errno. */
  int create(const std::string& path, const JournalHeader& header);
  /** Goes on in a file whose whole frames end there; what is behind them is cut off. 0 or errno. */
  int go_on(const std::string& path, const JournalHeader& header, const JournalEnd& end);
  /** 0 or errno. After an error the file is of no use. */
  int append(std::string_view payload);
  void close() { fd_.reset(); }
  bool is_open() const { return fd_.get() >= 0; }
  uint64_t bytes() const { return bytes_; }
  const JournalHeader& header() const { return header_; }

 private:
  int write_frame(std::string_view payload);

  UniqueFd fd_;
  JournalHeader header_;
  std::string frame_;
  uint64_t bytes_ = 0;
  uint32_t frames_ = 0;
  uint32_t seed_ = 0;
};

}  // namespace fustor
