// Watching a tree: what the addon sees of it. Every method may be called from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/filter.h"
#include "base/politeness.h"
#include "fustor/bulk_stream.h"

namespace fustor {

enum class WatchMode {
  automatic,  // per file system: fanotify, else inotify
  fanotify,
  inotify,
  poll,       // no kernel events at all
};

/** What may wait to be looked at before it is looked at more coarsely (watch/dirty_set.h). */
struct PressureLimits {
  size_t names_per_directory = 16'384;
  size_t names_in_all = 400'000;
  size_t directories = 250'000;
};

struct WatchConfig {
  std::string root;             // absolute path
  FilterSpec filter;
  unsigned threads = 0;         // 0 = number of cores, and up to 16 for passes over the tree while they wait for storage
  bool cross_mounts = true;
  int64_t settle_ms = 2000;     // a file found by a listing and younger than this is not atomic yet
  int64_t throttle_ms = 1000;   // shortest time between two rows of a file that is being written
  std::string expected_root;    // root_identity() of an earlier run: another directory is unavailable until it is confirmed; "" = any
  bool raw = false;             // hand out raw events instead of changes
  WatchMode mode = WatchMode::inotify;
  int64_t confirm_deletes_ms = 5000;  // a pass that misses more than half of the entries looks again after this time; 0 = at once
  uint64_t max_watches = 0;     // a budget of our own below the kernel's, 0 = the kernel's alone
  std::string canary;           // events of names that begin so are counted and go no further; "" = none
  int64_t poll_ms = 60'000;     // every directory without a watch is listed once in this time
  int64_t young_ms = 600'000;        // a file is looked at again from time to time while its modification time is younger; 0 = never
  int64_t look_again_ms = 25'000;    // at most this long after the last look, and a fifth of it at least
  int64_t elsewhere_poll_ms = 10'000;  // with `automatic`: as poll_ms, for file systems that others change behind the kernel's back; 0 = never
  size_t max_path_bytes = 4096;        // of directories, relative to the root: deeper ones count as unreadable; 0 = no limit
  int64_t hang_ms = 5000;              // what has not answered for so long counts as unreadable
  PressureLimits pressure;
  Politeness politeness;        // of passes over the whole tree; never of live work
};

enum class RootState { starting, available, unavailable };

/** What watches file systems of one kind, and why. */
struct EngineFact {
  std::string file_system;  // "ext4", "tmpfs", ...
  std::string engine;       // "fanotify", "inotify" or "none"
  std::string reason;       // a sentence for people
  uint64_t count = 1;       // file systems

  bool says_the_same(const EngineFact& other) const {
    return file_system == other.file_system && engine == other.engine && reason == other.reason;
  }
};

/** Directories without a watch, for one cause. */
struct Unwatched {
  static constexpr size_t kExamples = 20;
  uint64_t count = 0;
  uint64_t stale_ms = 0;              // age of the oldest among their last listings, in whole seconds; 0 also when none was listed yet
  std::vector<std::string> examples;  // wire paths, at most kExamples
};

/** Directories that cannot be read, for one reason. */
struct Unreadable {
  uint64_t count = 0;
  std::vector<std::string> examples;  // wire paths, at most Unwatched::kExamples
};

/** A place that does not answer: a mounted file system, or a directory. Everything else goes on. */
struct Hang {
  std::string path;  // raw, relative to the root, "" = the root
  int64_t since_ns = 0;
};

/** The same for status. */
struct Unanswered {
  std::string path;  // wire
  uint64_t for_ms = 0;
};

struct WatchStatus {
  RootState root = RootState::starting;
  std::string reason;  // why it is unavailable
  uint64_t entries = 0;
  uint64_t directories = 0;
  uint64_t table_bytes = 0;
  uint64_t watches_used = 0;
  uint64_t watches_limit = 0;  // 0 = unknown
  std::map<std::string, Unwatched> unwatched;  // by cause
  std::vector<EngineFact> engines;
  uint64_t unreadable = 0;
  uint64_t polled_elsewhere = 0;  // directories that are polled because others may change them behind the kernel's back
  std::map<std::string, Unreadable> unreadable_by;  // by reason, never ""
  std::vector<Unanswered> unanswered;               // the longest first, at most kExamples
  uint64_t held_deletes = 0;  // entries that the last pass missed, more than half of all: a second look decides
  static constexpr size_t kExamples = 20;
  std::vector<std::string> lost_mounts;  // wire paths, at most kExamples: what was mounted there is gone, its contents are kept
  uint64_t raw_events = 0;
  std::map<std::string, uint64_t> events_by_kind;
  /** Batches of changes handed out, by the age of their oldest hint: at most kLagLimitsMs[i], the last one without limit. */
  std::array<uint64_t, 11> lag_histogram{};
  static constexpr std::array<uint32_t, 10> kLagLimitsMs{1, 2, 5, 10, 25, 50, 100, 250, 1000, 10'000};
  uint64_t changes = 0;
  uint64_t overflows = 0;
  uint64_t resyncs = 0;
  std::string last_resync_reason;
  uint64_t collapsed_directories = 0;  // times when the marked names of a directory became too many and it was listed instead
  uint64_t collapsed_root = 0;         // times when dirty directories became too many and everything was listed instead
  uint64_t queue_depth = 0;
  double mark_ms = -1;    // from the start until the root's file system was marked (fanotify); -1 = not yet, or never
  double primed_ms = -1;  // from the start until every directory was watched and known; -1 = not yet
  std::string last_error;
};

struct LiveBatch {
  std::string json;  // array of changes
  uint32_t count = 0;
  double lag_ms = 0;  // age of the oldest hint behind it
};

class Watcher {
 public:
  virtual ~Watcher() = default;
  /** Begins the first pass. False when it cannot run now: the root's reason tells why, and it may be asked again. */
  virtual bool start() = 0;
  /** False when there is nothing at the moment. */
  virtual bool drain(LiveBatch& out) = 0;
  virtual std::string drain_raw() = 0;
  /**
   * Looks again at a path (raw bytes, relative, "" = root), with everything below if `recursive`, and reports what changed; with
   * `announce` also what did not.
   */
  virtual void recheck(const std::string& path, bool recursive, bool announce) = 0;
  /** Lists the whole tree again; differences come out as changes. */
  virtual void resync(const std::string& reason) = 0;
  /** The rows of the whole tree out of the table, each directory once it was listed in this pass. */
  virtual std::shared_ptr<BulkStream> open_snapshot(size_t chunk_bytes, uint32_t pool_chunks) = 0;
  /**
   * For comparing with what somebody else knows: every directory is listed and every entry statted once more (differences come out as
   * changes), and behind that come the rows of everything, each directory's own first, `audit_skipped` when it could not be listed to
   * its end; files carry `parent_path` and `parent_mtime`.
   */
  virtual std::shared_ptr<BulkStream> open_audit(size_t chunk_bytes, uint32_t pool_chunks) = 0;
  virtual WatchStatus status() const = 0;
  /** The state alone: cheap. `reason` is why it is unavailable. */
  virtual RootState root_state(std::string& reason) const = 0;
  /** Events about names that begin with `WatchConfig::canary`: cheap. */
  virtual uint64_t canary_events() const = 0;
  /** Moves whenever another place does not answer, or one answers again: cheap. */
  virtual uint64_t hang_changes() const = 0;
  /** Which directory stands at the root, as text that is the same after a restart of the machine; "" before it was found. */
  virtual std::string root_identity() const = 0;
  /**
   * Accepts what stands in the place of a root that is unavailable because it is another directory, and gives up mounts below the root
   * that are lost: what is not there then counts as deleted. False when there was nothing to accept.
   */
  virtual bool confirm_root() = 0;
  /**
   * Stops every thread and gives back what the kernel keeps for the watch, its descriptors and the table; nothing is called back after it
   * returned. The status stays as it was then. A thread that is in a system call which does not come back is left behind, and what it
   * touches is given back when it has come back.
   */
  virtual void close() = 0;
};

/**
 * `on_readable` is called from engine threads: when there is something to drain, and then again only after a drain came back empty; and at
 * every change of the root's state.
 */
std::shared_ptr<Watcher> create_watcher(WatchConfig config, std::function<void()> on_readable);

}  // namespace fustor
