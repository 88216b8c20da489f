#include "watch/model/directory_facts.h"

namespace fustor {

namespace {
size_t hash_name(std::string_view name) { return static_cast<size_t>(keyed_hash(name)); }
}  // namespace

void Entry::assign(const FileStat& stat) {
  ino = stat.ino;
  size = stat.size;
  mtime_sec = stat.mtime.sec;
  mtime_nsec = stat.mtime.nsec;
  ctime_sec = stat.ctime.sec;
  ctime_nsec = stat.ctime.nsec;
  kind = stat.kind;
}

FileStat Entry::to_stat() const {
  FileStat stat{};
  stat.ino = ino;
  stat.size = size;
  stat.mtime = {mtime_sec, mtime_nsec};
  stat.ctime = {ctime_sec, ctime_nsec};
  stat.kind = kind;
  return stat;
}

uint32_t DirectoryFacts::index_find(std::string_view wanted) const {
  const size_t mask = index_.size() - 1;
  for (size_t at = hash_name(wanted) & mask; index_[at] != 0; at = (at + 1) & mask) {
    const Entry& entry = entries_[index_[at] - 1];
    if (!(entry.flags & kDead) && name_of(entry) == wanted) return index_[at] - 1;
  }
  return UINT32_MAX;
}

Entry* DirectoryFacts::find(std::string_view wanted) {
  if (!index_.empty()) {
    const uint32_t slot = index_find(wanted);
    return slot == UINT32_MAX ? nullptr : &entries_[slot];
  }
  for (Entry& entry : entries_) {
    if (!(entry.flags & kDead) && name_of(entry) == wanted) return &entry;
  }
  return nullptr;
}

void DirectoryFacts::index_put(uint32_t slot) {
  const size_t mask = index_.size() - 1;
  size_t at = hash_name(name_of(entries_[slot])) & mask;
  while (index_[at] != 0) at = (at + 1) & mask;
  index_[at] = slot + 1;
}

void DirectoryFacts::rebuild_index() {
  if (entries_.size() <= kIndexFrom) {
    index_ = {};
    return;
  }
  size_t size = 32;
  while (size < entries_.size() + entries_.size() / 2) size *= 2;
  index_.assign(size, 0);
  for (uint32_t slot = 0; slot < entries_.size(); slot++) {
    if (!(entries_[slot].flags & kDead)) index_put(slot);
  }
}

Entry& DirectoryFacts::append(std::string_view new_name, const FileStat& stat, uint8_t flags) {
  Entry entry{};
  entry.assign(stat);
  entry.name_offset = names_.size() & Entry::kMostOffset;
  entry.name_length = static_cast<uint16_t>(new_name.size());
  entry.child = kNoDir;
  entry.flags = flags;
  names_.append(new_name);
  entries_.push_back(entry);
  if (entries_.size() > kIndexFrom) {
    if (index_.size() < entries_.size() + entries_.size() / 4) {
      rebuild_index();
    } else {
      index_put(static_cast<uint32_t>(entries_.size() - 1));
    }
  }
  return entries_.back();
}

void DirectoryFacts::bury(Entry& entry) {
  entry.flags = kDead;
  entry.child = kNoDir;
  dead_++;
}

void DirectoryFacts::compact() {
  std::vector<Entry> entries;
  std::string names;
  entries.reserve(entries_.size() - dead_);
  for (const Entry& old : entries_) {
    if (old.flags & kDead) continue;
    Entry entry = old;
    entry.name_offset = names.size() & Entry::kMostOffset;
    names.append(name_of(old));
    entries.push_back(entry);
  }
  entries_ = std::move(entries);
  names_ = std::move(names);
  dead_ = 0;
  rebuild_index();
}

void DirectoryFacts::shrink_to_fit() {
  if (dead_ > 0) compact();
  entries_.shrink_to_fit();
  names_.shrink_to_fit();
}

void DirectoryFacts::clear() {
  entries_ = {};
  names_ = {};
  index_ = {};
  dead_ = 0;
}

size_t DirectoryFacts::heap_bytes() const {
  return entries_.capacity() * sizeof(Entry) + names_.capacity() + index_.capacity() * sizeof(uint32_t) +
         (name.capacity() > 15 ? name.capacity() : 0);
}

}  // namespace fustor
