// What a watch says of itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fustor {

enum class RootState { starting, available, unavailable };

/** Which engine watches file systems of one kind, and why. */
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
  // Age of the oldest among their last listings, in whole seconds; 0 also when none was listed yet.
  uint64_t stale_ms = 0;
  std::vector<std::string> examples;  // wire paths, at most kExamples
};

/** Directories that cannot be read, for one reason. */
struct Unreadable {
  uint64_t count = 0;
  std::vector<std::string> examples;  // wire paths, at most Unwatched::kExamples
};

/** A place that does not answer: a mounted file system, or a directory. Everything else is watched as before. */
struct Hang {
  std::string path;  // raw, relative to the root, "" = the root
  int64_t since_ns = 0;
};

/** The same as WatchStatus shows it. */
struct Unanswered {
  std::string path;  // wire
  uint64_t for_ms = 0;
};

/**
 * The numbers of a status, each once: its member, and its name in JavaScript (src/native/watch.ts says what it means).
 * The addon hands over every line.
 */
#define FUSTOR_WATCH_NUMBERS(NUMBER)         \
  NUMBER(entries, "entries")                 \
  NUMBER(directories, "directories")         \
  NUMBER(table_bytes, "tableBytes")          \
  NUMBER(watches_used, "watchesUsed")        \
  NUMBER(watches_limit, "watchesLimit")      \
  NUMBER(unreadable, "unreadable")           \
  NUMBER(polled_elsewhere, "polledElsewhere") \
  NUMBER(held_deletes, "heldDeletes")        \
  NUMBER(raw_events, "rawEvents")            \
  NUMBER(changes, "changes")                 \
  NUMBER(overflows, "overflows")             \
  NUMBER(resyncs, "resyncs")                 \
  NUMBER(queue_depth, "queueDepth")

struct WatchStatus {
  RootState root = RootState::starting;
  std::string reason;  // why it is unavailable
#define FUSTOR_MEMBER(member, name) uint64_t member = 0;
  FUSTOR_WATCH_NUMBERS(FUSTOR_MEMBER)
#undef FUSTOR_MEMBER
  std::map<std::string, Unwatched> unwatched;  // by cause
  std::vector<EngineFact> engines;
  std::map<std::string, Unreadable> unreadable_by;  // by reason; no reason is ""
  std::vector<Unanswered> unanswered;               // the longest first, at most kExamples
  static constexpr size_t kExamples = 20;
  std::vector<std::string> lost_mounts;  // wire paths, at most kExamples: a mount there is gone, and its rows are kept
  std::map<std::string, uint64_t> events_by_kind;
  /**
   * Batches of changes handed out, by the age of their oldest event: at most kLagLimitsMs[i], the last one without
   * limit.
   */
  std::array<uint64_t, 11> lag_histogram{};
  static constexpr std::array<uint32_t, 10> kLagLimitsMs{1, 2, 5, 10, 25, 50, 100, 250, 1000, 10'000};
  std::string last_resync_reason;
  uint64_t collapsed_directories = 0;  // how often a directory had too many marked names and was listed instead
  uint64_t collapsed_root = 0;         // how often too many directories were dirty and everything was listed instead
  double mark_ms = -1;    // from the start until the root's file system was marked (fanotify); -1 = not yet, or never
  double primed_ms = -1;  // from the start until every directory was watched and known; -1 = not yet
  std::string last_error;
};

}  // namespace fustor
