// What a stream copies out of the table while it holds the engine's mutex, and writes as rows afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/file_stat.h"
#include "watch/model/entry.h"

namespace fustor {

/** The row of a directory itself, ahead of its entries. */
struct OwnRow {
  bool wanted = false;
  bool skipped = false;
  uint8_t flags = 0;     // RowFlag
  std::string json_dir;  // where it lies, with its name; both empty for the root
  std::string name;
  FileStat stat{};
};

/** The share of one directory in a slice. */
struct RowPiece {
  std::string json_dir;
  uint64_t sequence;
  OwnRow own;
  size_t end = 0;  // behind its last entry
  Timestamp listed_at{};  // audit: the directory's own mtime
};

struct RowSlice {
  std::vector<RowPiece> pieces;
  std::vector<Entry> entries;  // name_offset is into `names`; flags are those of the row (RowFlag)
  std::string names;
  size_t looks = 0;
  uint64_t written_rows = 0;
  uint64_t written_bytes = 0;

  void clear() {
    pieces.clear();
    entries.clear();
    names.clear();
    looks = 0;
    written_rows = written_bytes = 0;
  }
};

}  // namespace fustor
