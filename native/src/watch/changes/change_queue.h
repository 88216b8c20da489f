// Changes on their way to JavaScript: JSON text in batches, bounded. When the queue is full the workers stop looking,
// and marks merge meanwhile; the reader never waits.
//
// Not thread safe: the engine's mutex guards it. No method waits or fails; only raw events beyond a bound are dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "base/file_stat.h"
#include "base/json_row.h"

namespace fustor {

/** A JSON array without its closing bracket until ChangeQueue::take. */
struct ChangeBatch {
  std::string json = "[";
  uint32_t count = 0;
  int64_t since_ns = 0;  // when the oldest event behind it came
  std::string mark;      // handed out with it; nothing is appended behind it
};

class ChangeQueue {
 public:
  /**
   * Appends the change of an entry. `json_dir` is its directory's wire path, JSON-escaped, "" for the root; `name` is
   * raw. `since_ns`: when the oldest event behind the change came.
   */
  void upsert(std::string_view json_dir, std::string_view name, const FileStat& stat, AtomicFlag atomic,
              uint64_t sequence, int64_t since_ns);
  /** The same for the root's own row. */
  void upsert_root(const FileStat& stat, uint64_t sequence, int64_t since_ns);
  /** Appends the delete of an entry; `container`: of a directory with everything below it. */
  void remove(std::string_view json_dir, std::string_view name, bool container, uint64_t sequence, int64_t since_ns);
  /** Behind everything that is in the queue now. */
  void mark(std::string text);
  /**
   * Appends a kernel event for drain_raw. Beyond kRawBytes the first one becomes an IN_Q_OVERFLOW, and the others are
   * dropped.
   */
  void raw(uint32_t mask, std::string_view json_path, uint32_t cookie, int32_t watch);

  /** A worker that would append more has to wait; nothing else keeps the bound. */
  bool full() const { return bytes_ > kFullBytes; }
  bool empty() const { return batches_.empty(); }
  /** Changes in all batches. */
  size_t count() const { return count_; }
  /** The oldest batch, complete; false when there is none. */
  bool take(ChangeBatch& out);
  /** All raw events as JSON lines. */
  std::string take_raw() {
    raw_lost_ = false;
    return std::exchange(raw_, {});
  }
  bool has_raw() const { return !raw_.empty(); }
  /** Raw mode: drops the changes, which drain() does not hand out. */
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
