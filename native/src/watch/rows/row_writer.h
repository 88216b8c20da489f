// Slices of a stream as rows in chunks, and the chunks on their way to the consumer. It knows neither the table nor the
// engine.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "base/chunk_queue.h"
#include "fustor/bulk_stream.h"
#include "fustor/chunk_pool.h"
#include "watch/rows/row_slice.h"

namespace fustor {

class RowWriter {
 public:
  /** `with_listed_in`: rows of files say from which state of their directory they were read. */
  RowWriter(const RowsOptions& options, bool with_listed_in)
      : pool_(options.chunk_bytes, options.pool_chunks), with_listed_in_(with_listed_in) {}

  // The thread that writes.

  /** Counts in the slice what it wrote. Waits while no chunk is free; false when cancelled. */
  bool write(RowSlice& slice);
  /** Hands over what is left. No further row comes. */
  void finish();

  // Any thread. None of these waits.

  /** As BulkStream::poll_next; `failure` as ChunkQueue::poll_next. */
  Poll poll_next(Chunk*& out, const std::atomic<int>& failure) { return queue_.poll_next(out, failure); }
  void set_on_ready(std::function<void()> on_ready) { queue_.set_on_ready(std::move(on_ready)); }
  void release(uint32_t slot) { pool_.release(slot); }
  void cancel() { pool_.cancel(); }
  const ChunkPool& pool() const { return pool_; }

 private:
  bool write_own(RowSlice& slice, const RowPiece& piece);
  /** Adds `row_` to a chunk, in the group of this sequence and directory. */
  bool append(RowSlice& slice, uint64_t sequence, std::string_view json_dir, uint8_t flags, bool new_group);
  /** Queues the chunk and calls on_ready. */
  void hand_over();

  ChunkPool pool_;
  ChunkQueue queue_;
  const bool with_listed_in_;
  Chunk* chunk_ = nullptr;  // being filled
  std::string row_;
};

}  // namespace fustor
