// Bulk rows, pulled chunk by chunk: a stateless scan, or a snapshot or audit out of a watch's table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fustor/chunk_pool.h"

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

/** How a watch hands out rows in bulk. */
struct RowsOptions {
  static constexpr int64_t kNothing = INT64_MAX;

  size_t chunk_bytes;
  uint32_t pool_chunks;
  /**
   * Epoch second. A row carries kStrongRow when its entry was changed since by its ctime, which no program can set
   * back, or when a directory above it was: a directory that was moved takes along entries whose own times say nothing
   * of it. In an audit only a change counts that the mtime does not show, for the receiver takes such a row for an old
   * one. The root does not count as changed.
   */
  int64_t strong_since = kNothing;
};

enum class Poll { chunk, pending, end, failed };

/**
 * The threads of the stream produce chunks and wait only for free ones: a consumer that does not release chunks stops
 * them, and nothing else. Any thread may call any method, but only one at a time may be in `poll_next`. No method
 * throws.
 *
 * Destroying the last reference cancels the stream and waits for its threads. A scan gives up waiting after two seconds
 * for a thread that is in a system call which does not return; what such a thread uses is freed when it comes back. The
 * stream of a watch must not be destroyed in a thread of its engine, because its destructor takes the engine's mutex.
 */
class BulkStream {
 public:
  virtual ~BulkStream() = default;

  /**
   * Never waits. `chunk`: `out` belongs to the caller until `release`. `pending`: nothing at the moment. `end`: all
   * rows were handed out, or the stream was cancelled; `summary().complete` tells which. `failed`: the rows are
   * useless, `root_error` says why. Chunks that were produced before come out first in any case.
   */
  virtual Poll poll_next(Chunk*& out) = 0;

  /**
   * Set it before the first `poll_next`. The stream's threads call it when `poll_next` may answer something else than
   * `pending`. They hold no lock meanwhile, so it may call the stream; until it returns that thread produces nothing.
   */
  virtual void set_on_ready(std::function<void()> on_ready) = 0;

  /** Gives a chunk back that `poll_next` handed out. Waits for nothing; a free or unknown slot is ignored. */
  virtual void release(uint32_t slot) = 0;

  /**
   * Returns without waiting for the stream's threads. They stop at their next step, and `poll_next` then ends.
   * Idempotent.
   */
  virtual void cancel() = 0;

  /** What was counted so far. Final once `poll_next` has answered `end` or `failed`. */
  virtual ScanSummary summary() const = 0;

  /**
   * With `failed` the errno of the root, else 0. Of a scan: why the root could not be opened; ESTALE when another
   * directory than ScanConfig::expected_root stands there, ETIMEDOUT when it did not answer, ENOENT when the filter
   * leaves out the root itself. Of a snapshot or audit: ENOENT when the root is or becomes unavailable, ECANCELED when
   * the watch was closed, EAGAIN when the tree walk of an audit missed more than half of the entries.
   */
  virtual int root_error() const = 0;

  /** The pool behind the chunks. Its memory stays valid as long as the stream. */
  virtual const ChunkPool& pool() const = 0;
};

}  // namespace fustor
