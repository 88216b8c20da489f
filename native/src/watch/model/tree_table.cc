#include "watch/model/tree_table.h"

#include <algorithm>

#include "base/name_hash.h"

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

// ---- Directory ----------------------------------------------------------------------------------------------------------------

uint32_t Directory::index_find(std::string_view wanted) const {
  const size_t mask = index_.size() - 1;
  for (size_t at = hash_name(wanted) & mask; index_[at] != 0; at = (at + 1) & mask) {
    const Entry& entry = entries_[index_[at] - 1];
    if (!(entry.flags & kDead) && name_of(entry) == wanted) return index_[at] - 1;
  }
  return UINT32_MAX;
}

Entry* Directory::find(std::string_view wanted) {
  if (!index_.empty()) {
    const uint32_t slot = index_find(wanted);
    return slot == UINT32_MAX ? nullptr : &entries_[slot];
  }
  for (Entry& entry : entries_) {
    if (!(entry.flags & kDead) && name_of(entry) == wanted) return &entry;
  }
  return nullptr;
}

void Directory::index_put(uint32_t slot) {
  const size_t mask = index_.size() - 1;
  size_t at = hash_name(name_of(entries_[slot])) & mask;
  while (index_[at] != 0) at = (at + 1) & mask;
  index_[at] = slot + 1;
}

void Directory::rebuild_index() {
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

Entry& Directory::insert(std::string_view new_name, const FileStat& stat) {
  Entry entry{};
  entry.assign(stat);
  entry.name_offset = names_.size() & Entry::kMostOffset;
  entry.name_length = static_cast<uint16_t>(new_name.size());
  entry.child = kNoDir;
  entry.flags = seen_phase ? kSeenBit : 0;
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

void Directory::erase(Entry& entry) {
  entry.flags = kDead;
  entry.child = kNoDir;
  dead_++;
  if (readers == 0 && dead_ > 32 && dead_ > entries_.size() / 2) compact();
}

bool Directory::is_crowded() const { return dead_ > kMostDead && dead_ > entries_.size() / 2; }

void Directory::compact() {
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

void Directory::shrink() {
  if (readers > 0) return;
  if (dead_ > 0) compact();
  entries_.shrink_to_fit();
  names_.shrink_to_fit();
}

void Directory::clear() {
  entries_ = {};
  names_ = {};
  index_ = {};
  dead_ = 0;
}

size_t Directory::bytes() const {
  return entries_.capacity() * sizeof(Entry) + names_.capacity() + index_.capacity() * sizeof(uint32_t) +
         (name.capacity() > 15 ? name.capacity() : 0) + sizeof(Directory);
}

// ---- TreeTable ----------------------------------------------------------------------------------------------------------------

TreeTable::TreeTable() {
  directories_.emplace_back();
  Directory& root = directories_[kRootDir];
  root.alive = root.attached = true;
  root_entry_.kind = EntryKind::directory;
  root_entry_.child = kRootDir;
  directory_count_ = 1;
}

DirId TreeTable::add(DirId parent, std::string_view name, Identity identity, bool alias) {
  DirId id;
  if (free_.empty()) {
    id = static_cast<DirId>(directories_.size());
    directories_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
    directories_[id] = Directory();
  }
  Directory& directory = directories_[id];
  directory.parent = parent;
  directory.name = name;
  directory.alive = directory.attached = true;
  directory.identity = identity;
  if (!alias) by_identity_[identity] = id;
  directory_count_++;
  return id;
}

void TreeTable::set_identity(DirId id, Identity identity) {
  forget_identity(id);
  directories_[id].identity = identity;
  by_identity_[identity] = id;
}

void TreeTable::forget_identity(DirId id) {
  const auto found = by_identity_.find(directories_[id].identity);
  if (found != by_identity_.end() && found->second == id) by_identity_.erase(found);
}

void TreeTable::change_device(DirId top, uint64_t from, uint64_t to) {
  std::vector<DirId> pending{top};
  while (!pending.empty()) {
    const DirId id = pending.back();
    pending.pop_back();
    Directory& directory = directories_[id];
    if (directory.identity.dev != from) continue;
    const auto found = by_identity_.find(directory.identity);
    const bool answers = found != by_identity_.end() && found->second == id;
    if (answers) by_identity_.erase(found);
    directory.identity.dev = to;
    if (answers) by_identity_.try_emplace(directory.identity, id);
    for (const Entry& entry : directory.slots()) {
      if (!(entry.flags & kDead) && entry.child != kNoDir) pending.push_back(entry.child);
    }
  }
}

DirId TreeTable::by_identity(Identity identity) const {
  const auto found = by_identity_.find(identity);
  return found == by_identity_.end() ? kNoDir : found->second;
}

void TreeTable::detach(DirId id) { directories_[id].attached = false; }

void TreeTable::attach(DirId id, DirId parent, std::string_view name) {
  Directory& directory = directories_[id];
  directory.parent = parent;
  directory.name = name;
  directory.attached = true;
}

void TreeTable::remove(DirId id) {
  Directory& directory = directories_[id];
  forget_identity(id);
  entry_count -= directory.live_entries();
  directory.alive = directory.attached = false;
  directory.clear();
  directory_count_--;
  if (!directory.busy && directory.readers == 0) free_.push_back(id);
}

void TreeTable::leave_reader(DirId id) {
  Directory& directory = directories_[id];
  directory.readers--;
  if (!directory.alive && !directory.busy && directory.readers == 0) recycle(id);
}

std::string TreeTable::path_of(DirId id) const {
  size_t length = 0;
  for (DirId at = id; at != kRootDir; at = directories_[at].parent) length += directories_[at].name.size() + 1;
  if (length == 0) return {};
  std::string path(length - 1, '/');
  size_t end = path.size();
  for (DirId at = id; at != kRootDir; at = directories_[at].parent) {
    const std::string& name = directories_[at].name;
    end -= name.size();
    path.replace(end, name.size(), name);
    if (end > 0) end--;
  }
  return path;
}

bool TreeTable::reachable(DirId id) const {
  for (DirId at = id; at != kRootDir; at = directories_[at].parent) {
    if (!directories_[at].alive || !directories_[at].attached) return false;
  }
  return true;
}

DirId TreeTable::resolve(std::string_view path) {
  DirId at = kRootDir;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const Entry* entry = directories_[at].find(path.substr(0, slash));
    if (entry == nullptr || entry->child == kNoDir) return kNoDir;
    at = entry->child;
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return at;
}

size_t TreeTable::bytes() const {
  size_t sum = by_identity_.size() * 48 + by_identity_.bucket_count() * sizeof(void*);
  for (const Directory& directory : directories_) sum += directory.bytes();
  return sum;
}

}  // namespace fustor
