// Files by their inode: hard links, and files of which the kernel does not say under which name they were written.
//
// The kernel names only the link that was used, so the engine looks at every known name of a file with several links
// together. `links_` holds the names of files that were seen with more than one link. A file's first name was usually
// seen when it was the only one: when a second name appears and the first one is not in `links_` yet, the engine walks
// the table for the inode. It never finds names that lie outside of the root; therefore it asks the source for events
// of writes through those as well (EventSource::follow).
//
// Three kinds of writes come without a usable name: through a file handle (an NFS server whose caches forgot the name),
// through a name that is gone while the file has others (a rotated log), and through a link outside. The engine at once
// looks at what it knows of the inode: its links, or the place where it was found the last time. Otherwise it walks the
// table, too; for a minute it assumes that an inode which is not there lies outside. There is no index by inode: it
// would cost a quarter of the table for a rare case.
//
// A walk looks for all wanted inodes together and holds the mutex for a slice at a time. The next one comes after ten
// times its duration.
#include <sys/inotify.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr int64_t kFirstWalkNs = 20'000'000;
constexpr int64_t kWalkDistance = 10;  // times its duration
constexpr size_t kSliceEntries = 20'000;
constexpr size_t kWantedFiles = 65'536;
constexpr size_t kFoundFiles = 4096;
constexpr size_t kElsewhere = 16'384;
constexpr int64_t kElsewhereNs = 60'000'000'000;
constexpr size_t kGoneNames = 4096;
constexpr uint16_t kWritten = kMarkModified | kMarkClosed | kMarkAttrib;

uint64_t hash_of(DirId id, std::string_view name) { return keyed_hash(keyed_hash(name), id); }
}  // namespace

// ---- files that come without a name ---------------------------------------------------------------------------------------------

/** Called by the reader, with the mutex held; so are all functions below. */
void WatchEngine::digest_file(const KernelEvent& event) {
  if (config_.raw) return;
  if (!(event.mask & IN_DELETE)) return look_for_file(event.inode, flags_of(event.mask));
  // Only the number of its links changed, and an event with a name reports the same.
  const auto found = wanted_files_.find(event.inode);
  if (found != wanted_files_.end() && found->second == kMarkAttrib) wanted_files_.erase(found);
}

void WatchEngine::look_for_file(uint64_t inode, uint16_t flags) {
  const auto [first, last] = links_.equal_range(inode);
  for (auto it = first; it != last; ++it) mark(it->second.first, it->second.second, flags);
  if (first != last) return;
  const auto found = found_files_.find(inode);
  if (found != found_files_.end()) {
    const auto& [directory, name] = found->second;
    const Entry* entry = table_.valid(directory) ? table_.at(directory).find(name) : nullptr;
    if (entry != nullptr && entry->ino == inode) return mark(directory, name, flags);
    found_files_.erase(found);
  }
  const auto elsewhere = elsewhere_.find(inode);
  if (elsewhere != elsewhere_.end() && monotonic_ns() < elsewhere->second) return;
  // The next look at everything finds it.
  if (wanted_files_.size() >= kWantedFiles && !wanted_files_.contains(inode)) return;
  wanted_files_[inode] |= flags;
  want_walk();
}

/**
 * The event was about another file than the one that stands under that name now. A process that has it open may go on
 * writing, and the file may have other names.
 */
void WatchEngine::written_elsewhere(DirId id, const Sighting& sighting) {
  if (!(sighting.flags & (kWritten | kMarkDue)) || (sighting.flags & (kMarkCreated | kMarkGone | kMarkMovedTo))) return;
  uint64_t inode = sighting.inode;
  if (inode == 0 && !gone_names_.empty()) {
    const uint64_t hash = hash_of(id, sighting.name);
    const GoneName& gone = gone_names_[hash % kGoneNames];
    if (gone.hash == hash) inode = gone.inode;
  }
  if (inode == 0 || sighting.name == '#' + std::to_string(inode)) return;  // a file without a name (O_TMPFILE)
  const auto written = static_cast<uint16_t>(sighting.flags & kWritten);
  look_for_file(inode, written != 0 ? written : uint16_t{kMarkVerify});
}

/** For sources that do not say which file they mean. A newer name replaces an older one. */
void WatchEngine::remember_gone(DirId id, const Entry& entry) {
  if (entry.kind != EntryKind::file) return;
  if (gone_names_.empty()) gone_names_.resize(kGoneNames);
  const uint64_t hash = hash_of(id, table_.at(id).name_of(entry));
  gone_names_[hash % kGoneNames] = {hash, entry.ino};
}

// ---- links ----------------------------------------------------------------------------------------------------------------------

/** While some of its names are not in the table, they may lie outside of the root. */
void WatchEngine::follow_links_of(uint64_t inode, uint32_t nlink) { source_->follow(inode, links_.count(inode) < nlink); }

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
  if (changed || sighting.flags != 0) follow_links_of(entry->ino, sighting.stat.nlink);
  if (!changed) return;
  const auto [first, last] = links_.equal_range(entry->ino);
  for (auto it = first; it != last; ++it) {
    if (it->second.first != id || it->second.second != sighting.name) mark(it->second.first, it->second.second, kMarkVerify);
  }
}

void WatchEngine::forget_link(DirId id, const Entry& entry) {
  if (!(entry.flags & kLinked)) {
    // Its other names may be in `links_` already, and this one not yet.
    const auto [first, last] = links_.empty() ? std::pair(links_.end(), links_.end()) : links_.equal_range(entry.ino);
    for (auto it = first; it != last; ++it) mark(it->second.first, it->second.second, kMarkVerify);
    return;
  }
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
  // Until a thread has looked at a name that is left: the number of links may be from before.
  source_->follow(entry.ino, links_.contains(entry.ino));
  if (Entry* own = table_.at(id).find(name)) own->flags &= static_cast<uint8_t>(~kLinked);
}

/** With the mutex held: some names of this inode are not known as links. */
void WatchEngine::want_names_of(uint64_t inode) {
  wanted_inodes_.insert(inode);
  want_walk();
}

void WatchEngine::want_walk() {
  if (next_link_walk_ns_ != INT64_MAX) return;
  next_link_walk_ns_ = std::max(monotonic_ns() + kFirstWalkNs, link_walk_not_before_ns_);
  wake_reader();
}

/** Called by a worker, without the mutex. */
void WatchEngine::find_links() {
  const int64_t begun = monotonic_ns();
  Lock lock(mutex_);
  std::unordered_map<uint64_t, uint16_t, InodeHash> files = std::exchange(wanted_files_, {});
  const std::unordered_set<uint64_t, InodeHash> links = std::exchange(wanted_inodes_, {});
  size_t looked_at = 0;
  const size_t end = files.empty() && links.empty() ? 0 : table_.capacity();
  for (DirId id = 0; id < end && id < table_.capacity() && !stopping_; id++) {
    if (!table_.valid(id)) continue;
    const Directory& directory = table_.at(id);
    for (const Entry& entry : directory.slots()) {
      if ((entry.flags & kDead) || entry.child != kNoDir) continue;
      const auto file = files.empty() ? files.end() : files.find(entry.ino);
      if (file != files.end()) {
        if (found_files_.size() >= kFoundFiles) found_files_.clear();
        found_files_.insert_or_assign(entry.ino, std::pair(id, std::string(directory.name_of(entry))));
        mark(id, directory.name_of(entry), file->second);
      } else if (!(entry.flags & kLinked) && links.contains(entry.ino)) {
        mark(id, directory.name_of(entry), kMarkVerify);
      }
    }
    looked_at += directory.slots().size() + 1;
    if (looked_at < kSliceEntries) continue;
    looked_at = 0;
    lock.unlock();
    lock.lock();
  }
  has_walked(files);
  const int64_t now = monotonic_ns();
  link_walk_not_before_ns_ = end == 0 ? now : now + (now - begun) * kWalkDistance;
  next_link_walk_ns_ = wanted_inodes_.empty() && wanted_files_.empty() ? INT64_MAX : link_walk_not_before_ns_;
  if (next_link_walk_ns_ != INT64_MAX) wake_reader();
}

/** Inodes that were not found count as outside of the root, until a listing finds one. */
void WatchEngine::has_walked(const std::unordered_map<uint64_t, uint16_t, InodeHash>& wanted) {
  const int64_t now = monotonic_ns();
  for (const auto& [inode, flags] : wanted) {
    if (found_files_.contains(inode)) continue;
    if (elsewhere_.size() >= kElsewhere) elsewhere_.clear();
    elsewhere_[inode] = now + kElsewhereNs;
  }
}

}  // namespace fustor
