// The watch engine. A kernel event only says where to look; the engine sends the difference to the tree table.
//
//   reader thread     turns events into marks ("look at name n in directory d"); it never stats and waits for no worker
//   worker threads    take one dirty directory at a time, open it beneath the root, stat the marked names (or list it:
//                     set the watch first, then list), and apply what they saw to the table; each difference becomes a
//                     change
//   helper threads    do the same for tree walks alone, while storage is slow (threads/workers.h)
//   spare threads     take the places of threads that wait for a file system which does not answer
//                     (threads/watchdog.h)
//   the prioritizer   looks at directories that events come from before the tree walk got there
//                     (threads/prioritizer.h), and at marked names while every worker is at a long listing; it lists
//                     nothing itself
//   snapshot threads  copy rows out of the table, directory by directory, behind the tree walk (rows/snapshot_stream.h)
//
// The rooms, each with the state that it alone changes; none includes one that stands behind it (ARCHITECTURE.md):
//
//   source/    kernel events                      coverage/  which directories are watched, and which are polled
//   model/     what was seen last (the table)     passes/    tree walks, and what they missed
//   schedule/  what is to be looked at, and when  diff/      what was seen against the table: effects
//   index/     the table in a file                root/      which directory the root is, and whether it is there
//   changes/   what is reported                   look/      opens, stats and lists
//   rows/      streams of rows in bulk            threads/   workers, prioritizer, and the watchdog over them
//   mounts/    what is mounted below the root     sweep/     shares of sweeps, and what was found out about them
//   hangs/     which mounts do not answer         reader.h   events and timers to marks
//
// state.h holds what they share, engine_rooms.h binds them together, and this class is their face. locked.h says how
// functions say what they do with the mutex.
//
// Why this converges:
//  - A directory has one owner at a time (Directory::busy), so two stats of one name are applied in the order in which
//    they were made.
//  - Marks that come while a thread owns the directory wait, and a thread looks at them afterwards: the last look is
//    younger than the last event.
//  - A directory that cannot be opened under its known path (a directory above it was renamed a moment ago) is parked,
//    and a thread looks whether its name still leads there. The answer moves the node, removes it or wakes it again.
//  - The engine concludes nothing from a name's absence in a listing: it stats the name before the name counts as
//    deleted.
//  - A directory that left its place keeps its table for a moment (DetachedNodes). If its inode turns up elsewhere (the
//    other half of a rename, in whatever read it comes, with or without its cookie) the node moves by one pointer;
//    otherwise its watches are removed. Pairing by inode needs no cookie and survives lost halves, exchanges and
//    rotations.
//  - Changes get their sequence while the mutex is held, as do the groups of snapshot rows: so there is one order of
//    both.
//  - The first tree walk reports nothing, because the snapshot holds every row it finds. There is one exception: when a
//    change of that name, or of a directory above it, was reported before. That change may reach the receiver after the
//    snapshot's row and would undo it, so the row is reported as a change behind it.
//
// The race that shaped it: one thread stats d/x; another thread sees that d is deleted and reports that; the first one
// reports x after it, and the receiver has a ghost. Hence a thread applies its stats with the mutex held, and only
// while the directory is still reachable.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "fustor/watch.h"
#include "watch/engine_rooms.h"
#include "watch/index/live_index.h"
#include "watch/rows/rows_view.h"
#include "watch/state.h"
#include "watch/status.h"
#include "watch/sweep/digest_table.h"

namespace fustor {

enum class RowsFor;

/**
 * The engine behind Watcher (fustor/watch.h, which documents the public methods). It has to be owned by a shared_ptr:
 * streams and threads that hang keep it alive.
 */
class WatchEngine final : public Watcher, public std::enable_shared_from_this<WatchEngine> {
 public:
  WatchEngine(WatchConfig config, std::unique_ptr<EventSource> source, std::function<void()> on_readable);
  ~WatchEngine() override;

  IndexOutcome load_index(const std::string& path) override;
  bool freeze(int64_t patience_ms) override;
  IndexOutcome save_index(const std::string& path, const std::string& generation, int64_t patience_ms) override;
  IndexOutcome write_checkpoint(const std::string& path, const std::string& generation, int64_t patience_ms) override;
  std::string keep_checkpoint(const std::string& generation) override { return live_index_.keep(generation); }
  void drop_checkpoints(const std::string& reason) override { live_index_.give_up(reason); }
  JournalStatus journal_status() const override { return live_index_.status(); }
  bool start() override;
  bool drain(LiveBatch& out) override;
  std::string drain_raw() override;
  void recheck(const std::string& path, bool recursive, bool announce) override;
  void resync(const std::string& reason) override;
  std::shared_ptr<BulkStream> open_snapshot(const RowsOptions& options) override;
  std::shared_ptr<BulkStream> open_changed(const RowsOptions& options) override;
  std::shared_ptr<BulkStream> open_audit(const RowsOptions& options) override;
  std::shared_ptr<Sweep> open_sweep(const SweepRules& rules) override;
  WatchStatus status() const override;
  RootState root_state(std::string& reason) const override;
  uint64_t canary_events() const override { return rooms_.reader.counts().canary; }
  uint64_t hang_changes() const override;
  std::string root_identity() const override;
  bool confirm_root() override;
  void close() override;

 private:
  friend class TreeSweep;

  /** From a thread of the prober: a mount answered after the thread that asked had stopped waiting. */
  void mount_answered(const std::string& place);
  /** The nearest known directory above a path marks the name in it that leads there. */
  void mark_nearest(const Locked& lock, const std::string& path, uint16_t flags);
  /** A stream that follows the tree walk which is running, or a new one. Takes the mutex. */
  std::shared_ptr<BulkStream> open_beside_walk(RowsFor purpose, const RowsOptions& options);
  /** Whether no thread looks at anything. */
  bool is_at_rest(const Locked& lock) const;
  /** Why what the table holds cannot be written down, "" when it can. */
  std::string why_no_index(const Locked& lock) const;
  /** The same while the watch goes on. */
  std::string why_no_checkpoint(const Locked& lock) const;
  /** Why the checkpoint and the journal would mislead a later run, "" when they do not. */
  std::string why_index_misleads(const Locked& lock) const;
  bool take_batch(LiveBatch& out);
  void fill_header(const Locked& lock, IndexHeader& header);
  IndexOutcome write_index(const std::string& path, const IndexHeader& header, int64_t patience_ms, bool is_live);
  /** What the rows tell that are about to be handed out goes into the journal. Takes the mutex. */
  void note_names();
  /** False while the root is unavailable, and when the engine stops. */
  bool may_look() const { return !state_.root.is_unavailable() && !state_.life.stopping; }
  /**
   * Releases the event source, the table and every descriptor. Only when no thread of the engine runs any more.
   */
  void let_go();

  /** For a stream of rows, which keeps the engine alive by it. */
  std::shared_ptr<RowsView> rows_view() { return {shared_from_this(), &rows_view_}; }

  State state_;
  SpinningMutex& mutex_;
  TreeTable& table_;
  std::unique_ptr<EventSource> source_;
  EngineRooms rooms_;
  LiveIndex live_index_;
  std::string index_root_;  // identity of the root that the checkpoint is about
  RowsView rows_view_;
  mutable StatusBoard board_;
  WatchStatus last_status_;  // after `close`
  std::thread reader_;
  DigestTable digests_;
};

}  // namespace fustor
