// Buffers for bulk rows: a fixed number, which the consumer gives back. An empty pool slows the producer down.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace fustor {

/** What is known of a row beside its text. */
enum RowFlag : uint8_t {
  /**
   * The receiver may hold something of this path that it takes for newer, so the row has to be sent in a form that
   * wins.
   */
  kStrongRow = 1,
  /** The row of a directory that was not listed to its end. It is never strong. */
  kSkippedRow = 2,
};

/**
 * JSON rows separated by single commas. One side owns it at a time: the producer, a queue, or the consumer until
 * `release`.
 */
struct Chunk {
  uint32_t slot = 0;
  char* data = nullptr;
  size_t capacity = 0;
  size_t used = 0;                        // with the comma behind the last row
  uint32_t rows = 0;
  std::vector<uint32_t> row_offsets;      // rows + 1: row i is [offset[i], offset[i + 1] - 1)
  std::vector<uint8_t> row_flags;         // RowFlag, one byte a row
  std::vector<uint32_t> group_first_row;  // a group is a run of rows read together from one directory
  std::vector<double> group_sequence;     // the clock just before the group's first row was read
  std::string group_dirs;                 // each group's directory as a json_dir (json_row.h), one after the other
  std::vector<uint32_t> group_dir_ends;   // in group_dirs, one a group

  /** Every block to which `data` ever pointed, the present one last: a consumer may still read an earlier one. */
  std::vector<std::unique_ptr<char[]>> memory;

  bool fits(size_t row_bytes) const { return used + row_bytes + 1 <= capacity; }
  /** `json_dir`: the directory in which all rows of the group lie, or the root, whose own row lies in no directory. */
  void begin_group(uint64_t sequence, std::string_view json_dir);
  /** A row that does not fit makes the chunk grow: a path may be longer than PATH_MAX. */
  void append(std::string_view row, uint8_t flags = 0);
  void clear();

 private:
  void grow(size_t least);
  /** It got no row. */
  void drop_last_group();
};

/** Any thread. Only `acquire` waits; no method fails. */
class ChunkPool {
 public:
  /** `chunk_bytes` is raised to the size of the longest row with a path of PATH_MAX bytes. */
  ChunkPool(size_t chunk_bytes, uint32_t chunks);

  /** An empty chunk. Waits until one is free; `waited` says whether it had to. nullptr once `cancel` was called. */
  Chunk* acquire(bool* waited = nullptr);
  /**
   * Puts a chunk back; a free or unknown slot is ignored. Its memory stays valid as long as the pool, also when the
   * chunk grows later.
   */
  void release(uint32_t slot);
  /** Ends every `acquire`, now and later. */
  void cancel();

  uint32_t size() const { return static_cast<uint32_t>(chunks_.size()); }
  const Chunk& at(uint32_t slot) const { return *chunks_[slot]; }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<uint32_t> free_;
  bool cancelled_ = false;
};

}  // namespace fustor
