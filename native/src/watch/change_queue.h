// Changes on their way to JavaScript: JSON text in batches, bounded. When it is full the workers stop looking (marks merge meanwhile),
// the reader never waits. Not thread safe: the engine's mutex guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "base/file_stat.h"
#include "base/json_row.h"

namespace fustor {

struct ChangeBatch {
  std::string json = "[";
  uint32_t count = 0;
  int64_t since_ns = 0;
};

class ChangeQueue {
 public:
  /** `json_dir` is the directory's wire path, JSON-escaped, "" for the root. */
  void upsert(std::string_view json_dir, std::string_view name, const FileStat& stat, AtomicFlag atomic, uint64_t sequence, int64_t since_ns);
  void upsert_root(const FileStat& stat, uint64_t sequence, int64_t since_ns);
  void remove(std::string_view json_dir, std::string_view name, bool container, uint64_t sequence, int64_t since_ns);
  void raw(uint32_t mask, std::string_view json_path, uint32_t cookie, int32_t watch);

  bool full() const { return bytes_ > kFullBytes; }
  bool empty() const { return batches_.empty(); }
  size_t count() const { return count_; }
  /** False when there is nothing. */
  bool take(ChangeBatch& out);
  /** JSON lines of raw events. */
  std::string take_raw() {
    raw_lost_ = false;
    return std::exchange(raw_, {});
  }
  bool has_raw() const { return !raw_.empty(); }
  void drop_changes();

 private:
  static constexpr size_t kFullBytes = 8 << 20;
  static constexpr size_t kRawBytes = 32 << 20;
  static constexpr uint32_t kBatchChanges = 1000;
  static constexpr size_t kBatchBytes = 256 << 10;
  std::string& open_change(const char* operation, int64_t since_ns);
  void close_change(size_t before);

  std::deque<ChangeBatch> batches_;
  std::string raw_;
  bool raw_lost_ = false;
  size_t bytes_ = 0;
  size_t count_ = 0;
};

}  // namespace fustor
