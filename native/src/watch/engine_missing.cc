// What a tree walk misses is looked at twice before it counts as deleted.
//
// When a server in trouble returns an empty listing, that looks like a deletion. So a tree walk sets aside what it
// misses (or finds replaced) and goes on. At its end the engine looks again at everything set aside, by name. When that
// is more than half of the table, it waits for confirm_deletes_ms before the second look. Deletes that came with an
// event are never held back: their marks have flags, and looks of a listing have none.
#include <cerrno>
#include <utility>

#include "watch/monotonic.h"
#include "watch/snapshot_stream.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr uint64_t kFewDeletes = 100;
}

/** With the mutex held; so are the other functions. */
void WatchEngine::set_aside(DirId id, Entry& entry) {
  entry.flags |= kMissing;
  missing_in_.insert(id);
}

uint64_t WatchEngine::count_missing() const {
  uint64_t count = 0;
  std::vector<DirId> below;
  const auto add = [&](const Directory& directory, bool all) {
    for (const Entry& entry : directory.slots()) {
      if ((entry.flags & kDead) || !(all || (entry.flags & kMissing))) continue;
      count++;
      if (entry.child != kNoDir) below.push_back(entry.child);
    }
  };
  for (const DirId id : missing_in_) {
    if (table_.valid(id)) add(table_.at(id), false);
  }
  while (!below.empty()) {
    const DirId id = below.back();
    below.pop_back();
    add(table_.at(id), true);
  }
  return count;
}

/** At the end of a tree walk. */
void WatchEngine::judge_missing() {
  held_deletes_ = missing_in_.empty() ? 0 : count_missing();
  const bool most = held_deletes_ > kFewDeletes && held_deletes_ * 2 > table_.entry_count;
  if (!most || pass_confirmed_ || config_.confirm_deletes_ms == 0) return look_at_missing();
  if (held_until_ns_ == 0) held_until_ns_ = monotonic_ns() + config_.confirm_deletes_ms * 1'000'000;
  // An audit that came to its end would make Fusion delete all of it.
  for (SnapshotStream* stream : snapshots_) {
    if (stream->is_audit()) stream->fail(EAGAIN);
  }
  wake_reader();
}

/**
 * The second look: what is still missing then counts as deleted. Until a thread has looked, the flag stays, so that no
 * audit copies a row that may be wrong.
 */
void WatchEngine::look_at_missing() {
  held_until_ns_ = 0;
  held_deletes_ = 0;
  const std::unordered_set<DirId> directories = std::exchange(missing_in_, {});
  for (const DirId id : directories) {
    if (!table_.valid(id)) continue;
    Directory& directory = table_.at(id);
    for (Entry& entry : directory.slots()) {
      if ((entry.flags & kDead) || !(entry.flags & kMissing)) continue;
      mark(id, directory.name_of(entry), kMarkVerify);
    }
  }
}

}  // namespace fustor
