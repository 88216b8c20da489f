// The rows of the whole tree, copied out of the table directory by directory behind the pass that lists them.
//
// In an audit each directory is copied once it was listed in the audit's own pass, and its own row leads the rows of what lies in it: only
// then is it known whether it could be read. Whoever gets the rows concludes that what is missing in a directory is gone; a directory that
// was not listed to its end says so (`audit_skipped`), and a file tells which state of its directory it was read from.
//
// Not written by the pass itself: a slow consumer (an empty chunk pool) must hold up neither the arming of watches nor a resync.
// Entries are copied in slices of kSliceRows under the engine's mutex, a slice of many small directories or of a part of one; each
// directory's share is a group with a sequence of its own. The JSON is written afterwards, without the mutex.
#pragma once

#include <atomic>
#include <chrono>
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

enum class RowsFor { snapshot, audit };

class SnapshotStream final : public BulkStream {
 public:
  SnapshotStream(std::shared_ptr<WatchEngine> engine, RowsFor purpose, size_t chunk_bytes, uint32_t pool_chunks);
  ~SnapshotStream() override;

  // for the engine, with its mutex held
  void begin(uint32_t pass, bool pass_has_ended);
  bool is_audit() const { return purpose_ == RowsFor::audit; }
  bool has_begun() const { return begun_ || cancelled_; }  // or needs to no more
  void directory_listed(DirId id);
  void forget(DirId id);
  void slots_move(DirId id);  // the dead ones of that directory are about to be dropped
  void pass_ended();
  void fail(int error);
  void leave_table();  // it is about to go; `fail` came before
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
  static constexpr size_t kSliceRows = 512;
  static constexpr size_t kWorthWaking = 32;  // directories
  static constexpr std::chrono::milliseconds kPatience{10};
  static constexpr std::chrono::milliseconds kLatePause{50};
  static constexpr int64_t kLatePatienceNs = 2'000'000'000;

  /** The row of the directory itself, ahead of its entries. */
  struct OwnRow {
    bool wanted = false;
    bool skipped = false;
    std::string json_dir;  // where it lies, with its name; both empty for the root
    std::string name;
    FileStat stat{};
  };

  /** The share of one directory in a slice. */
  struct Piece {
    std::string json_dir;
    uint64_t sequence;
    OwnRow own;
    size_t end = 0;  // behind its last entry
    Timestamp listed_at{};  // audit: the directory's own mtime
  };
  struct Slice {
    std::vector<Piece> pieces;
    std::vector<Entry> entries;  // name_offset is into `names`
    std::string names;
    uint64_t written_rows = 0;
    uint64_t written_bytes = 0;

    void clear() {
      pieces.clear();
      entries.clear();
      names.clear();
      written_rows = written_bytes = 0;
    }
  };

  void produce();
  bool gather(Slice& slice);
  void wait_for_directories(std::unique_lock<std::mutex>& lock);
  bool offer_rest(std::unique_lock<std::mutex>& lock);
  void begin_reading(DirId id);
  void stop_reading();
  void copy_piece(Slice& slice);
  OwnRow own_row(DirId id);
  void count(const Slice& slice);
  bool write_rows(Slice& slice);
  bool append_row(Slice& slice, uint64_t sequence, bool new_group);
  void hand_over();
  void visit_children(DirId id);
  void offer(DirId id);

  const std::shared_ptr<WatchEngine> engine_;
  const RowsFor purpose_;
  ChunkPool pool_;
  std::thread thread_;

  // guarded by the engine's mutex
  std::condition_variable ready_;
  std::deque<DirId> pending_;
  std::vector<bool> offered_;
  std::vector<bool> visited_;
  std::vector<bool> settled_;  // audit: listed, or known not to be listable, since it began
  int64_t waited_for_late_ns_ = 0;
  uint32_t pass_ = 0;
  bool begun_ = false;
  bool pass_ended_ = false;
  DirId reading_ = kNoDir;  // copied in part; its slots stay where they are (Directory::readers)
  size_t slot_ = 0;         // the next of it
  int error_ = 0;
  ScanSummary summary_;
  const int64_t begun_ns_;
  int64_t ended_ns_ = 0;

  // the copying thread's own
  Chunk* chunk_ = nullptr;  // being filled
  std::string row_;

  // guarded by its own
  mutable std::mutex chunks_mutex_;
  std::deque<Chunk*> chunks_;
  std::function<void()> on_ready_;
  bool finished_ = false;
  std::atomic<bool> cancelled_{false};
  std::atomic<int> failure_{0};  // error_, for readers without the engine's mutex
};

}  // namespace fustor
