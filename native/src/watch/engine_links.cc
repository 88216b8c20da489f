// Hard links: the kernel names only the link that was used, so every known name of such a file is looked at together.
//
// `links_` holds the names of files that were seen with more than one link. A file's first name was usually seen when it was the only
// one: when a second name appears and the first is not known as a link yet, the table is walked for the inode. Walks gather all inodes
// that are wanted, hold the mutex for a slice at a time, and keep a distance of ten times their own duration.
#include <algorithm>
#include <unordered_set>

#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr int64_t kFirstWalkNs = 20'000'000;
constexpr int64_t kWalkDistance = 10;  // times its duration
constexpr size_t kSliceEntries = 20'000;
}  // namespace

void WatchEngine::note_link(DirId id, const Sighting& sighting, bool changed, bool quiet) {
  Entry* entry = table_.at(id).find(sighting.name);
  if (sighting.stat.nlink <= 1) {
    if (entry->flags & kLinked) forget_link(id, *entry);
    return;
  }
  if (!(entry->flags & kLinked)) {
    entry->flags |= kLinked;
    links_.emplace(entry->ino, std::pair(id, sighting.name));
    if (!quiet && links_.count(entry->ino) < sighting.stat.nlink) want_names_of(entry->ino);
  }
  if (!changed) return;
  const auto [first, last] = links_.equal_range(entry->ino);
  for (auto it = first; it != last; ++it) {
    if (it->second.first != id || it->second.second != sighting.name) mark(it->second.first, it->second.second, kMarkVerify);
  }
}

void WatchEngine::forget_link(DirId id, const Entry& entry) {
  if (!(entry.flags & kLinked)) return;
  const std::string name(table_.at(id).name_of(entry));
  const auto [first, last] = links_.equal_range(entry.ino);
  for (auto it = first; it != last;) {
    if (it->second.first == id && it->second.second == name) {
      it = links_.erase(it);
    } else {
      mark(it->second.first, it->second.second, kMarkVerify);
      ++it;
    }
  }
  if (Entry* own = table_.at(id).find(name)) own->flags &= static_cast<uint8_t>(~kLinked);
}

/** With the mutex held: some names of this inode are not known as links. */
void WatchEngine::want_names_of(uint64_t inode) {
  wanted_inodes_.insert(inode);
  if (next_link_walk_ns_ != INT64_MAX) return;
  next_link_walk_ns_ = std::max(monotonic_ns() + kFirstWalkNs, link_walk_not_before_ns_);
  wake_reader();
}

/** A worker's job, without the mutex. */
void WatchEngine::find_links() {
  std::unordered_set<uint64_t> wanted;
  const int64_t begun = monotonic_ns();
  Lock lock(mutex_);
  wanted.swap(wanted_inodes_);
  size_t looked_at = 0;
  for (DirId id = 0; id < table_.capacity() && !stopping_; id++) {
    if (!table_.valid(id)) continue;
    const Directory& directory = table_.at(id);
    for (const Entry& entry : directory.slots()) {
      if ((entry.flags & (kDead | kLinked)) || entry.child != kNoDir || !wanted.contains(entry.ino)) continue;
      mark(id, directory.name_of(entry), kMarkVerify);
    }
    looked_at += directory.slots().size() + 1;
    if (looked_at < kSliceEntries) continue;
    looked_at = 0;
    lock.unlock();
    lock.lock();
  }
  const int64_t now = monotonic_ns();
  link_walk_not_before_ns_ = now + (now - begun) * kWalkDistance;
  next_link_walk_ns_ = wanted_inodes_.empty() ? INT64_MAX : link_walk_not_before_ns_;
}

}  // namespace fustor
