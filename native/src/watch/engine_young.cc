// The engine looks again at files that were written not long ago, because some writes to a file that stays open cause
// no event: asynchronous direct writes (databases, virtual machines), writes through a loop device or through a mapping
// whose descriptor was closed. A stat shows them by the modification time.
//
// The engine looks at a file again while its modification time is younger than young_ms; young_schedule.h says when. A
// file that goes on being written stays young, and its row is never older than that. At most kMostYoung files wait for
// such a look. Half of the places are kept for files that were not closed; files without a place are left to audits.
// With every place taken this is 400 looks a second.
#include <algorithm>

#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr size_t kMostYoung = 10'000;
}

/** With the mutex held. `closed`: the last event said that the file was closed after writing. */
void WatchEngine::watch_young(DirId id, std::string_view name, Entry& entry, bool closed) {
  if ((entry.flags & kYoung) || young_ >= (closed ? kMostYoung / 2 : kMostYoung)) return;
  const int64_t age_ms = std::max<int64_t>(0, wall_seconds() - entry.mtime_sec) * 1000;
  entry.flags |= kYoung;
  young_++;
  hold_back(young_schedule_.next_ns(monotonic_ns(), age_ms), id, name, Mark{kMarkYoung});
}

/** It is time for the look, which decides whether there will be another one. */
void WatchEngine::grown_older(const Timed& timed) {
  young_--;
  if (!table_.valid(timed.directory)) return;
  Entry* entry = table_.at(timed.directory).find(timed.name);
  if (entry != nullptr) entry->flags &= static_cast<uint8_t>(~kYoung);
}

}  // namespace fustor
