// The rows of the whole tree, copied out of the table directory by directory behind the pass that lists them.
//
// Not written by the pass itself: a slow consumer (an empty chunk pool) must hold up neither the arming of watches nor a resync.
// A directory is copied in slices of kSliceRows rows under the engine's mutex, each slice a group with a sequence of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/chunk_pool.h"
#include "fustor/bulk_stream.h"
#include "watch/tree_table.h"

namespace fustor {

class WatchEngine;

class SnapshotStream final : public BulkStream {
 public:
  SnapshotStream(std::shared_ptr<WatchEngine> engine, size_t chunk_bytes, uint32_t pool_chunks);
  ~SnapshotStream() override;

  // for the engine, with its mutex held
  void begin(uint32_t pass, bool pass_has_ended);
  void directory_listed(DirId id);
  void forget(DirId id);
  void pass_ended();
  void fail(int error);
  void run();  // without the mutex

  // BulkStream
  Poll poll_next(Chunk*& out) override;
  void set_on_ready(std::function<void()> on_ready) override;
  void release(uint32_t slot) override;
  void cancel() override;
  ScanSummary summary() const override;
  int root_error() const override;
  const ChunkPool& pool() const override { return pool_; }

 private:
  static constexpr uint32_t kSliceRows = 512;
  void produce();
  bool next_directory(DirId& id);
  bool copy_directory(DirId id);
  size_t copy_slice(DirId id, size_t slot, std::string& rows, std::vector<uint32_t>& ends);
  bool write_rows(const std::string& rows, const std::vector<uint32_t>& ends, uint64_t sequence);
  void hand_over();
  void visit_children(DirId id);
  void offer(DirId id);

  const std::shared_ptr<WatchEngine> engine_;
  ChunkPool pool_;
  std::thread thread_;

  // guarded by the engine's mutex
  std::condition_variable ready_;
  std::deque<DirId> pending_;
  std::vector<bool> offered_;
  std::vector<bool> visited_;
  uint32_t pass_ = 0;
  bool pass_ended_ = false;
  bool root_sent_ = false;
  int error_ = 0;
  ScanSummary summary_;
  const int64_t begun_ns_;
  int64_t ended_ns_ = 0;

  // the copying thread's own
  Chunk* chunk_ = nullptr;  // being filled

  // guarded by its own
  mutable std::mutex chunks_mutex_;
  std::deque<Chunk*> chunks_;
  std::function<void()> on_ready_;
  bool finished_ = false;
  std::atomic<bool> cancelled_{false};
  std::atomic<int> failure_{0};  // error_, for readers without the engine's mutex
};

}  // namespace fustor
