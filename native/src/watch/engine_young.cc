// Files that were written not long ago are looked at again, because the kernel does not tell of everything that is written while a file
// stays open: asynchronous direct writes (databases, virtual machines), what is written through a loop device or through a mapping whose
// descriptor was closed. Their modification time tells, to whoever looks.
//
// A file is looked at again while its modification time is younger than young_ms; when, says young_schedule.h. What goes on being written
// stays young, and its rows are never older than that. At most kMostYoung files wait for such a look, half of the places are kept for those
// that nobody closed; what finds no place is left to audits. With every place taken this is 400 looks a second.
#include <algorithm>

#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr size_t kMostYoung = 10'000;
}

/** With the mutex held. `closed`: the kernel said so with the last write. */
void WatchEngine::watch_young(DirId id, std::string_view name, Entry& entry, bool closed) {
  if ((entry.flags & kYoung) || young_ >= (closed ? kMostYoung / 2 : kMostYoung)) return;
  const int64_t age_ms = std::max<int64_t>(0, wall_seconds() - entry.mtime_sec) * 1000;
  entry.flags |= kYoung;
  young_++;
  hold_back(young_schedule_.next_ns(monotonic_ns(), age_ms), id, name, Mark{kMarkYoung});
}

/** Its time has come; the look that follows decides whether there will be another one. */
void WatchEngine::grown_older(const Timed& timed) {
  young_--;
  if (!table_.valid(timed.directory)) return;
  Entry* entry = table_.at(timed.directory).find(timed.name);
  if (entry != nullptr) entry->flags &= static_cast<uint8_t>(~kYoung);
}

}  // namespace fustor
