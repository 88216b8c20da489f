// The rows of the whole tree, copied out of the table directory by directory behind the tree walk that lists them.
//
// In an audit the stream copies each directory once the audit's own walk has listed it, with the directory's own row
// before the rows of its children: only then it is known whether the directory could be read. The receiver of the rows
// concludes that a child which is missing is gone. Therefore a directory that was not listed to its end says so
// (`audit_skipped`), and a file's row says from which state of its directory it was read.
//
// The stream also knows which rows are strong (RowsOptions::strong_since). It copies a directory after the one above
// it, so one bit for each directory passes on to everything below what a changed directory means for it.
//
// A thread of the stream writes the rows, not the walk itself: a slow consumer (an empty chunk pool) must delay neither
// the setting of watches nor a resync. The thread copies entries in slices of kSliceRows with the engine's mutex held,
// a slice of many small directories or of a part of one; each directory's share is a group with a sequence of its own.
// It writes the JSON afterwards, without the mutex.
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

#include "fustor/bulk_stream.h"
#include "fustor/chunk_pool.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/rows/row_writer.h"
#include "watch/rows/rows_view.h"

namespace fustor {

/** `restatement`: as a snapshot, without the rows that are not strong. */
enum class RowsFor { snapshot, restatement, audit };

/**
 * The public methods of BulkStream are documented there (fustor/bulk_stream.h). `cancel`, `summary` and the destructor
 * take the engine's mutex, so none of them may be called with it held. The stream keeps the engine alive.
 */
class SnapshotStream final : public BulkStream {
 public:
  SnapshotStream(std::shared_ptr<RowsView> view, RowsFor purpose, const RowsOptions& options);
  ~SnapshotStream() override;

  // For the engine. None of them waits; trouble ends the stream by `fail`.

  /** The walk to follow; `pass_has_ended`: everything is listed already. */
  void begin(const Locked& lock, uint32_t pass, bool pass_has_ended);
  bool is_audit() const { return purpose_ == RowsFor::audit; }
  /** True also when the stream was cancelled and needs no walk any more. */
  bool has_begun() const { return begun_ || cancelled_; }
  /** The walk has listed this directory, or has found that it cannot be listed. */
  void directory_listed(const Locked& lock, DirId id);
  /** The directory leaves the table; its id may be given to another one. */
  void forget(const Locked& lock, DirId id);
  /** The directory is about to drop its removed entries, so the others get other slots. */
  void slots_move(const Locked& lock, DirId id);
  /** Everything is listed. */
  void pass_ended(const Locked& lock);
  /** The rows are useless: `poll_next` will answer `failed`, with this errno. The first error counts. */
  void fail(const Locked& lock, int error);
  /** The table is about to be destroyed; `fail` came before. */
  void leave_table(const Locked& lock);

  /** Starts the copying thread; once, without the mutex. Throws std::system_error when the kernel grants no thread. */
  void run();

  // BulkStream: any thread

  Poll poll_next(Chunk*& out) override;
  void set_on_ready(std::function<void()> on_ready) override;
  void release(uint32_t slot) override;
  void cancel() override;
  ScanSummary summary() const override;
  int root_error() const override;
  const ChunkPool& pool() const override { return writer_.pool(); }

 private:
  static constexpr size_t kSliceRows = 512;
  static constexpr size_t kSliceLooks = 4096;  // entries and directories: a restatement leaves out nearly all of them
  static constexpr size_t kWorthWaking = 32;  // directories
  static constexpr std::chrono::milliseconds kPatience{10};
  static constexpr std::chrono::milliseconds kLatePause{50};
  static constexpr int64_t kLatePatienceNs = 2'000'000'000;

  // Only in the copying thread.

  /** The thread function. */
  void produce();
  /** Takes the mutex. Waits for listed directories and copies their entries; false at the end of the rows. */
  bool gather(RowSlice& slice);
  /** Releases the mutex while it waits. */
  void wait_for_directories(Locked& lock);
  /** Releases the mutex while it waits for directories that appeared during the walk, 2 s in all. */
  bool offer_rest(Locked& lock);
  void begin_reading(const Locked& lock, DirId id);
  void stop_reading(const Locked& lock);
  void copy_piece(const Locked& lock, RowSlice& slice);
  /** Copies one entry of the directory, if it gets a row. */
  void copy_entry(const Locked& lock, RowSlice& slice, const Entry& entry, std::string_view name);
  /** Whether the row of an entry in this directory is strong. If so, everything below the entry is, too. */
  bool is_strong(const Locked& lock, DirId id, const Entry& entry);
  OwnRow own_row(const Locked& lock, DirId id);
  /** Adds what was written to the summary. */
  void count(const Locked& lock, const RowSlice& slice);
  /** Offers the children of a directory that are listed already. */
  void visit_children(const Locked& lock, DirId id);
  /** Also by the engine. Queues a directory for copying, once. */
  void offer(const Locked& lock, DirId id);

  const std::shared_ptr<RowsView> view_;
  const RowsFor purpose_;
  const int64_t strong_since_;
  RowWriter writer_;
  std::thread thread_;

  // Guarded by the engine's mutex.
  std::condition_variable ready_;
  std::deque<DirId> pending_;
  std::vector<bool> queued_;  // in `pending_`, once, so that it has no more ids than there are, however slow the consumer is
  std::vector<bool> offered_;
  std::vector<bool> visited_;
  std::vector<bool> settled_;  // audit: listed since it began, or known as unreadable
  std::vector<bool> strong_;   // every row in the directory is strong
  int64_t waited_for_late_ns_ = 0;
  uint32_t pass_ = 0;
  bool begun_ = false;
  bool pass_ended_ = false;
  DirId reading_ = kNoDir;  // copied in part; its entries keep their slots (Directory::readers)
  size_t slot_ = 0;         // the next of it
  int error_ = 0;
  ScanSummary summary_;
  const int64_t begun_ns_;
  int64_t ended_ns_ = 0;

  std::atomic<bool> cancelled_{false};
  std::atomic<int> failure_{0};  // error_, for readers without the engine's mutex
};

}  // namespace fustor
