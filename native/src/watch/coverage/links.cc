#include "watch/coverage/links.h"

#include <algorithm>

#include "watch/monotonic.h"

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

// ---- files that come without a name -----------------------------------------------------------------------------

void Links::look_for(const Locked& lock, uint64_t inode, uint16_t flags) {
  const auto [first, last] = names_.equal_range(inode);
  for (auto it = first; it != last; ++it) schedule_.mark(lock, it->second.first, it->second.second, flags);
  if (first != last) return;
  const auto found = found_files_.find(inode);
  if (found != found_files_.end()) {
    const auto& [directory, name] = found->second;
    const Entry* entry = table_.valid(directory) ? table_.at(directory).find(name) : nullptr;
    if (entry != nullptr && entry->ino == inode) return schedule_.mark(lock, directory, name, flags);
    found_files_.erase(found);
  }
  const auto elsewhere = elsewhere_.find(inode);
  if (elsewhere != elsewhere_.end() && monotonic_ns() < elsewhere->second) return;
  // The next look at everything finds it.
  if (wanted_files_.size() >= kWantedFiles && !wanted_files_.contains(inode)) return;
  wanted_files_[inode] |= flags;
  want_walk(lock);
}

void Links::take_back(const Locked&, uint64_t inode) {
  const auto found = wanted_files_.find(inode);
  if (found != wanted_files_.end() && found->second == kMarkAttrib) wanted_files_.erase(found);
}

void Links::written_elsewhere(const Locked& lock, DirId id, const Observation& observation) {
  if (!(observation.flags & (kWritten | kMarkDue))) return;
  if (observation.flags & (kMarkCreated | kMarkGone | kMarkMovedTo)) return;
  uint64_t inode = observation.inode;
  if (inode == 0 && !gone_names_.empty()) {
    const uint64_t hash = hash_of(id, observation.name);
    const GoneName& gone = gone_names_[hash % kGoneNames];
    if (gone.hash == hash) inode = gone.inode;
  }
  if (inode == 0 || observation.name == '#' + std::to_string(inode)) return;  // a file without a name (O_TMPFILE)
  const auto written = static_cast<uint16_t>(observation.flags & kWritten);
  look_for(lock, inode, written != 0 ? written : uint16_t{kMarkVerify});
}

void Links::remember_gone(const Locked&, DirId id, const Entry& entry) {
  if (entry.kind != EntryKind::file) return;
  if (gone_names_.empty()) gone_names_.resize(kGoneNames);
  const uint64_t hash = hash_of(id, table_.at(id).name_of(entry));
  gone_names_[hash % kGoneNames] = {hash, entry.ino};
}

// ---- names of one file --------------------------------------------------------------------------------------------

/** While some of its names are not in the table, they may lie outside of the root. */
void Links::follow(const Locked&, uint64_t inode, uint32_t nlink) {
  source_.follow(inode, names_.count(inode) < nlink);
}

void Links::note(const Locked& lock, DirId id, const Observation& observation, bool changed, bool quiet) {
  Entry* entry = table_.at(id).find(observation.name);
  if (observation.stat.nlink <= 1) {
    if (entry->flags & kLinked) forget(lock, id, *entry);
    return;
  }
  if (!(entry->flags & kLinked)) {
    entry->flags |= kLinked;
    names_.emplace(entry->ino, std::pair(id, observation.name));
    if (!quiet && names_.count(entry->ino) < observation.stat.nlink) want_names_of(lock, entry->ino);
  }
  if (changed || observation.flags != 0) follow(lock, entry->ino, observation.stat.nlink);
  if (!changed) return;
  const auto [first, last] = names_.equal_range(entry->ino);
  for (auto it = first; it != last; ++it) {
    const auto& [directory, name] = it->second;
    if (directory != id || name != observation.name) schedule_.mark(lock, directory, name, kMarkVerify);
  }
}

void Links::forget(const Locked& lock, DirId id, const Entry& entry) {
  if (!(entry.flags & kLinked)) {
    // Its other names may be in `names_` already, and this one not yet.
    if (names_.empty()) return;
    const auto [first, last] = names_.equal_range(entry.ino);
    for (auto it = first; it != last; ++it) schedule_.mark(lock, it->second.first, it->second.second, kMarkVerify);
    return;
  }
  const std::string name(table_.at(id).name_of(entry));
  const auto [first, last] = names_.equal_range(entry.ino);
  for (auto it = first; it != last;) {
    if (it->second.first == id && it->second.second == name) {
      it = names_.erase(it);
    } else {
      schedule_.mark(lock, it->second.first, it->second.second, kMarkVerify);
      ++it;
    }
  }
  // Until a thread has looked at a name that is left: the number of links may be from before.
  source_.follow(entry.ino, names_.contains(entry.ino));
  if (Entry* own = table_.at(id).find(name)) own->flags &= static_cast<uint8_t>(~kLinked);
}

/** Some names of this inode are not known as links. */
void Links::want_names_of(const Locked& lock, uint64_t inode) {
  wanted_inodes_.insert(inode);
  want_walk(lock);
}

// ---- walks --------------------------------------------------------------------------------------------------------

void Links::want_walk(const Locked&) {
  if (next_walk_ns_ != INT64_MAX) return;
  next_walk_ns_ = std::max(monotonic_ns() + kFirstWalkNs, not_before_ns_);
  crew_.wake_reader();
}

void Links::walk(Locked& lock, const bool& stopping) {
  walk_due_ = false;
  const int64_t begun = monotonic_ns();
  const Wanted files = std::exchange(wanted_files_, {});
  const std::unordered_set<uint64_t, InodeHash> links = std::exchange(wanted_inodes_, {});
  size_t looked_at = 0;
  const size_t end = files.empty() && links.empty() ? 0 : table_.capacity();
  for (DirId id = 0; id < end && id < table_.capacity() && !stopping; id++) {
    if (!table_.valid(id)) continue;
    look_through(lock, id, files, links);
    looked_at += table_.at(id).live_entries() + 1;
    if (looked_at < kSliceEntries) continue;
    looked_at = 0;
    lock.unlock();
    lock.lock();
  }
  has_walked(files);
  const int64_t now = monotonic_ns();
  not_before_ns_ = end == 0 ? now : now + (now - begun) * kWalkDistance;
  next_walk_ns_ = wanted_inodes_.empty() && wanted_files_.empty() ? INT64_MAX : not_before_ns_;
  if (next_walk_ns_ != INT64_MAX) crew_.wake_reader();
}

void Links::look_through(const Locked& lock, DirId id, const Wanted& files,
                         const std::unordered_set<uint64_t, InodeHash>& links) {
  const Directory& directory = table_.at(id);
  directory.each([&](const Entry& entry, std::string_view name) {
    if (entry.child != kNoDir) return;
    const auto file = files.empty() ? files.end() : files.find(entry.ino);
    if (file != files.end()) {
      if (found_files_.size() >= kFoundFiles) found_files_.clear();
      found_files_.insert_or_assign(entry.ino, std::pair(id, std::string(name)));
      schedule_.mark(lock, id, name, file->second);
    } else if (!(entry.flags & kLinked) && links.contains(entry.ino)) {
      schedule_.mark(lock, id, name, kMarkVerify);
    }
  });
}

/** Inodes that were not found count as outside of the root, until a listing finds one. */
void Links::has_walked(const Wanted& wanted) {
  const int64_t now = monotonic_ns();
  for (const auto& [inode, flags] : wanted) {
    if (found_files_.contains(inode)) continue;
    if (elsewhere_.size() >= kElsewhere) elsewhere_.clear();
    elsewhere_[inode] = now + kElsewhereNs;
  }
}

void Links::release(const Locked&) {
  names_ = {};
  wanted_files_ = {};
  found_files_ = {};
  elsewhere_ = {};
  gone_names_ = {};
}

}  // namespace fustor
