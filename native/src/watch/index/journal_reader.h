// Reads a journal back (journal_format.h), whatever it holds. Distrust: a file that was cut in its last frame is good up
// to there; any other that is not as a writer leaves it is none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "watch/index/journal_file.h"
#include "watch/index/journal_format.h"

namespace fustor {

class JournalReader {
 public:
  /** Why it is of no use, "" when it is. Waits for the disk that the file lies on. */
  std::string read(const std::string& path);

  const JournalHeader& header() const { return header_; }
  /** Payloads, in their order; valid as long as the reader is. */
  const std::vector<std::string_view>& frames() const { return frames_; }
  /** Its last frame is not there as a whole. */
  bool is_cut() const { return end_.bytes != bytes_.size(); }
  const JournalEnd& end() const { return end_; }

 private:
  bool next_frame(std::string_view& payload);

  std::string bytes_;
  JournalHeader header_;
  std::vector<std::string_view> frames_;
  JournalEnd end_;
  bool is_damaged_ = false;
};

}  // namespace fustor
