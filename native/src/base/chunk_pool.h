// Buffers for rows in bulk: a fixed number, handed back explicitly. An empty pool is what slows a producer down.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace fustor {

/** JSON rows separated by single commas. Owned by one side at a time: the producer, a queue, or the consumer until `release`. */
struct Chunk {
  uint32_t slot = 0;
  char* data = nullptr;
  size_t capacity = 0;
  size_t used = 0;                        // the comma behind the last row included
  uint32_t rows = 0;
  std::vector<uint32_t> row_offsets;      // rows + 1: row i is [offset[i], offset[i + 1] - 1)
  std::vector<uint32_t> group_first_row;  // a group is a run of rows read together from one directory
  std::vector<double> group_sequence;     // the clock just before the group's first row was read

  /** Every block `data` ever pointed to, the present one last: a consumer may still look at an earlier one. */
  std::vector<std::unique_ptr<char[]>> memory;

  bool fits(size_t row_bytes) const { return used + row_bytes + 1 <= capacity; }
  void begin_group(uint64_t sequence);
  /** A row that does not fit makes the chunk grow: paths have no longest length, because directories nest beyond PATH_MAX. */
  void append(std::string_view row);
  void clear();

 private:
  void grow(size_t least);
};

/** Thread safe. */
class ChunkPool {
 public:
  /** `chunk_bytes` is raised to what all but absurdly long paths need. */
  ChunkPool(size_t chunk_bytes, uint32_t chunks);

  /** An empty chunk; waits until one is free, and says whether it had to. nullptr once cancelled. */
  Chunk* acquire(bool* waited = nullptr);
  /** Back into the pool. The memory stays valid as long as the pool, also when the chunk has grown since. */
  void release(uint32_t slot);
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
