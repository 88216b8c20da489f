// Rows in bulk, pulled chunk by chunk: a stateless scan, or a snapshot out of a watch's table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/chunk_pool.h"

namespace fustor {

struct ScanError {
  std::string path;       // wire form
  int error;              // errno
  const char* operation;  // "open", "list" or "stat"
};

struct ScanSummary {
  uint64_t directories = 0;
  uint64_t files = 0;
  uint64_t symlinks = 0;
  uint64_t others = 0;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  uint64_t failed_directories = 0;
  uint64_t vanished = 0;  // gone between listing and stat: normal on a living tree
  std::map<int, uint64_t> errors_by_errno;
  std::vector<ScanError> errors;  // the first kMostErrors
  double elapsed_ms = 0;
  bool complete = false;  // neither cancelled nor cut short

  static constexpr size_t kMostErrors = 100;
};

enum class Poll { chunk, pending, end, failed };

/** Every method may be called from any thread; `poll_next` by one at a time. Destroying it cancels and joins. */
class BulkStream {
 public:
  virtual ~BulkStream() = default;
  /** Never waits. A chunk belongs to the caller until `release`. */
  virtual Poll poll_next(Chunk*& out) = 0;
  /** Called from producer threads when `poll_next` may answer something else than `pending`. Set before the first poll. */
  virtual void set_on_ready(std::function<void()> on_ready) = 0;
  virtual void release(uint32_t slot) = 0;
  virtual void cancel() = 0;
  virtual ScanSummary summary() const = 0;
  /** errno of the root with `failed`. */
  virtual int root_error() const = 0;
  /** The pool behind the chunks: its memory lives as long as the stream. */
  virtual const ChunkPool& pool() const = 0;
};

}  // namespace fustor
