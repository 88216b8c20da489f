// Watching a tree: what the addon sees of the engine.
//
// Paths are raw bytes relative to the root ("" = the root), unless a member says `wire`: then they are spelled as
// docs/protocol.md says under "Names".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fustor/bulk_stream.h"
#include "fustor/sweep.h"
#include "fustor/watch_config.h"
#include "fustor/watch_status.h"

namespace fustor {

/** How the writing or the loading of an index ended: what the table held when the engine came to rest, in a file. */
struct IndexOutcome {
  std::string reason;      // why there is no index, as half a sentence; "" when there is one
  std::string generation;  // its name
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

/** What there is of an index while the watch runs. */
struct JournalStatus {
  std::string kept;     // generation of the checkpoint that a later run can go on from; "" = there is none
  std::string next;     // of one that was written and is not kept yet
  std::string trouble;  // why there is none any more, as half a sentence
  uint64_t bytes = 0;   // of the journals
};

struct LiveBatch {
  std::string json;  // array of changes
  std::string mark;  // a checkpoint: everything that it holds was handed out with this batch, or before. "" = none
  uint32_t count = 0;
  double lag_ms = 0;  // age of the oldest event behind it
};

/**
 * One watch of one tree. Any thread may call any method at any time, unless its comment says otherwise. Apart from
 * `close`, `freeze` and those of the index, no method waits for a file system or for a thread of the engine: each takes
 * the engine's mutex, which the engine holds for short sections only. So no method may be called out of `on_readable`,
 * which runs with that mutex held.
 *
 * Errors are values: an unavailable root is a state, trouble with one directory is counted in `status`.
 * std::system_error comes out of `start` and of each method that opens a stream when the kernel grants no thread.
 */
class Watcher {
 public:
  /**
   * Does what `close` does, but waits for every thread, also for one that hangs, unless `close` came before. The owner
   * therefore calls `close` first.
   */
  virtual ~Watcher() = default;

  /**
   * Takes the tree of an earlier run for known, before `start`: the first tree walk then reports what differs, and what
   * is not there any more as deleted. When another root than that of the index stands at the path, the root is
   * unavailable until it is confirmed. Without a file at that path, the checkpoint and the journal count that a run left
   * which was killed. What was of no use is removed; what was goes on as the checkpoint of this run. It waits for the
   * disk that the files lie on, and for nothing else.
   */
  virtual IndexOutcome load_index(const std::string& path) = 0;

  /**
   * Writes what the table holds beside `path`, while the watch goes on, and from then on notes the names that come and
   * go in a journal. A batch of `drain` with the same mark says that everything it holds was handed out. It holds the
   * engine's mutex for a few milliseconds at a time, and waits for the disk that the files lie on and for threads that
   * look at a directory. Not before the first tree walk has ended, and not while a file system is mounted below the
   * root. One call at a time.
   */
  virtual IndexOutcome write_checkpoint(const std::string& path, const std::string& generation,
                                        int64_t patience_ms) = 0;
  /**
   * A receiver has accepted everything up to the mark of this checkpoint: a later run may go on from it, whatever ends
   * this one but an end of the machine. It waits for the disk. Why not, "" when it counts.
   */
  virtual std::string keep_checkpoint(const std::string& generation) = 0;
  /** No later run may go on from a checkpoint of this one. It waits for the disk. */
  virtual void drop_checkpoints(const std::string& reason) = 0;
  virtual JournalStatus journal_status() const = 0;

  /**
   * From now on no thread looks at anything, so that no further change comes; those that are there can be drained.
   * Waits for the threads that look at something at the moment; false when they did not end in time. Afterwards the
   * watch is of use for `drain`, `save_index` and `close`.
   */
  virtual bool freeze(int64_t patience_ms) = 0;

  /**
   * Writes what the table holds, after `freeze` and after everything was drained: all of it was reported. Not while a
   * file system is mounted below the root. It waits for the disk that the file lies on; a file of that name stays when
   * it does not come to its end.
   */
  virtual IndexOutcome save_index(const std::string& path, const std::string& generation, int64_t patience_ms) = 0;

  /**
   * Opens the event source, starts the threads and begins the first tree walk; it waits for neither. False when no engine
   * can run now: the root is `unavailable`, `status` says why, and `start` may be called again. Once it was true, a
   * further call does nothing and is true; after `close`, too.
   */
  virtual bool start() = 0;

  /** The next batch of changes. False when there is none at the moment, and always in raw mode. */
  virtual bool drain(LiveBatch& out) = 0;

  /** Raw mode: the events so far as JSON lines, "" when there are none. */
  virtual std::string drain_raw() = 0;

  /**
   * Has a path looked at again, with everything below it if `recursive`. It returns at once; differences come out as
   * changes, and with `announce` also rows that did not change. A path that the table does not know makes the engine
   * look at the nearest directory above that it knows. Without effect while the root is unavailable.
   */
  virtual void recheck(const std::string& path, bool recursive, bool announce) = 0;

  /**
   * Has the whole tree listed again; differences come out as changes. The walk begins a moment later, after the one
   * that is running and while the root is available; requests that follow each other closely become one.
   */
  virtual void resync(const std::string& reason) = 0;

  /**
   * The rows of the whole tree out of the table, each directory once the tree walk has listed it. It joins the walk
   * that is running or takes one that ended within the last minute; otherwise it begins a new one. Errors:
   * BulkStream::root_error. The stream keeps the engine alive.
   */
  virtual std::shared_ptr<BulkStream> open_snapshot(const RowsOptions& options) = 0;

  /**
   * As open_snapshot, but only the rows with kStrongRow: what was changed since that second, and what lies below a
   * directory that was.
   */
  virtual std::shared_ptr<BulkStream> open_changed(const RowsOptions& options) = 0;

  /**
   * Rows for a comparison with what the receiver holds. A tree walk of its own lists every directory and stats every
   * entry once more; differences come out as changes. Behind it come the rows of everything, each directory's own row
   * first, with `audit_skipped` when the directory could not be listed to its end; rows of files carry `parent_path`
   * and `parent_mtime`. The walk begins when the one that is running has ended. Errors and life as of `open_snapshot`.
   */
  virtual std::shared_ptr<BulkStream> open_audit(const RowsOptions& options) = 0;

  /**
   * A sweep over everything that is known now, directory by directory. Shares are made when they are asked for, so what
   * changes meanwhile is compared with what it changed to.
   */
  virtual std::shared_ptr<Sweep> open_sweep(const SweepRules& rules) = 0;

  /**
   * Everything there is to know. What takes a walk over the table (`table_bytes`, `unwatched`, `unreadable`) is up to
   * five seconds old, 0.2 s in a small table: the engine's threads wait while it is counted. After `close` the status
   * stays as it was then.
   */
  virtual WatchStatus status() const = 0;

  /** The state alone, without a walk. `reason` is why it is unavailable, else "". */
  virtual RootState root_state(std::string& reason) const = 0;

  /** How many events had a name that begins with `WatchConfig::canary`. Takes no mutex. */
  virtual uint64_t canary_events() const = 0;

  /** Changes whenever another place does not answer, or one answers again. */
  virtual uint64_t hang_changes() const = 0;

  /**
   * Which directory stands at the root, as text that is the same after a restart of the machine; "" before it was
   * found.
   */
  virtual std::string root_identity() const = 0;

  /**
   * Accepts the other directory that stands at an unavailable root, and gives up mounts below the root that are lost:
   * what is not there then counts as deleted. It returns before the engine has looked. False when there was nothing to
   * accept.
   */
  virtual bool confirm_root() = 0;

  /**
   * Stops every thread and releases what the kernel keeps for the watch, its descriptors and the table. Nothing is
   * called back after it returned. It waits for the threads, but leaves one behind that stands still in a system call
   * for a second; what such a thread uses is released when the call returns. Not by two threads at once and not by a
   * thread of the engine; a second call does nothing.
   */
  virtual void close() = 0;
};

/**
 * Makes a watch that has not started. Throws nothing but std::bad_alloc.
 *
 * Threads of the engine, and the thread in `start`, call `on_readable` with the engine's mutex held: it must return at
 * once and must not call the watcher. They call it when there is something to drain, and then again only after a
 * `drain` that found nothing; and at every change of the root's state or of the places that do not answer.
 */
std::shared_ptr<Watcher> create_watcher(WatchConfig config, std::function<void()> on_readable);

}  // namespace fustor
