#include "watch/model/tree_table.h"

#include <algorithm>

namespace fustor {

void Directory::erase(Entry& entry) {
  bury(entry);
  if (readers == 0 && dead_entries() > 32 && dead_entries() > live_entries()) compact();
}

// ---- the table ----------------------------------------------------------------------------------------------------

TreeTable::TreeTable(size_t most_open_entries) : most_open_entries_(most_open_entries) {
  directories_.emplace_back();
  Directory& root = directories_[kRootDir];
  root.alive = root.attached = true;
  root.report_to(*open_);
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
  directory.report_to(*open_);
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
    directory.each([&](const Entry& entry, std::string_view) {
      if (entry.child != kNoDir) pending.push_back(entry.child);
    });
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

// The one that was opened first goes first, unless it was used since it was last here.
bool TreeTable::pack_idle(uint32_t now_s) {
  for (size_t rounds = std::min(open_->size(), kPackRounds); rounds > 0 && too_many_open(1); rounds--) {
    const bool far_too_many = too_many_open(kActiveFactor);
    Directory& directory = static_cast<Directory&>(open_->pop());
    if (!directory.is_open()) continue;
    const bool is_active = !far_too_many && now_s - directory.last_active <= kActiveSeconds;
    if (directory.live_entries() > kMostPackedEntries) {
      directory.stop_reporting();
    } else if (directory.busy || directory.readers > 0 || directory.was_used() || is_active) {
      open_->push(directory);
    } else {
      directory.pack();
    }
  }
  return too_many_open(1);
}

size_t TreeTable::bytes() const {
  size_t sum = by_identity_.size() * 48 + by_identity_.bucket_count() * sizeof(void*);
  for (const Directory& directory : directories_) sum += directory.bytes();
  return sum;
}

const Entry& TreeTable::own_entry(DirId id) {
  const Directory& directory = at(id);
  const Entry* entry = id == kRootDir ? nullptr : at(directory.parent).find(directory.name);
  return entry == nullptr ? root_entry_ : *entry;
}

}  // namespace fustor
