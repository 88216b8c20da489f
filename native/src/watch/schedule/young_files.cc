#include "watch/schedule/young_files.h"

#include <algorithm>

#include "watch/monotonic.h"

namespace fustor {

void YoungFiles::begin_directory(const Locked&) {
  young_since_ = young_ms_ > 0 ? wall_seconds() - young_ms_ / 1000 : INT64_MAX;
}

void YoungFiles::watch(const Locked& lock, DirId id, std::string_view name, Entry& entry, bool closed) {
  if ((entry.flags & kYoung) || waiting_ >= (closed ? kMost / 2 : kMost)) return;
  const int64_t age_ms = std::max<int64_t>(0, wall_seconds() - entry.mtime_sec) * 1000;
  entry.flags |= kYoung;
  waiting_++;
  schedule_.mark_later(lock, times_.next_ns(monotonic_ns(), age_ms), id, name, Mark{kMarkYoung});
}

void YoungFiles::look_is_due(const Locked&, const TimedMark& timed) {
  waiting_--;
  if (!table_.valid(timed.directory)) return;
  Entry* entry = table_.at(timed.directory).find(timed.name);
  if (entry != nullptr) entry->flags &= static_cast<uint8_t>(~kYoung);
}

}  // namespace fustor
