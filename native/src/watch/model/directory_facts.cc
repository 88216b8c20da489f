#include "watch/model/directory_facts.h"

#include <utility>

#include "watch/model/open_directories.h"

namespace fustor {

namespace {
size_t hash_name(std::string_view name) { return static_cast<size_t>(keyed_hash(name)); }
}  // namespace

// ---- open and packed ------------------------------------------------------------------------------------------------

void DirectoryFacts::unpack() {
  const uint32_t count = packed_.count();
  open_ = std::make_unique<Open>();
  open_->entries.reserve(count);
  open_->names.reserve(packed_.name_bytes());
  PackedEntries::Reader reader(packed_);
  Entry entry;
  std::string_view entry_name;
  while (reader.next(entry, entry_name)) {
    entry.name_offset = open_->names.size() & Entry::kMostOffset;
    open_->names.append(entry_name);
    open_->entries.push_back(entry);
  }
  packed_ = {};
  if (directories_ == nullptr) return;
  reports_ = true;
  directories_->push(*this);
  directories_->count_in(count);
}

void DirectoryFacts::pack() {
  if (open_ == nullptr) return;
  packed_ = PackedEntries(open_->entries, open_->names);
  stop_reporting();
  open_.reset();
}

bool DirectoryFacts::was_used() { return open_ != nullptr && std::exchange(open_->is_used, false); }

void DirectoryFacts::stop_reporting() {
  count_out(open_->entries.size());
  reports_ = false;
}

void DirectoryFacts::count_out(size_t entries) {
  if (reports_) directories_->count_out(entries);
}

// ---- entries --------------------------------------------------------------------------------------------------------

uint32_t DirectoryFacts::index_find(std::string_view wanted) const {
  const std::vector<uint32_t>& index = open_->index;
  const size_t mask = index.size() - 1;
  for (size_t at = hash_name(wanted) & mask; index[at] != 0; at = (at + 1) & mask) {
    const Entry& entry = open_->entries[index[at] - 1];
    if (!(entry.flags & kDead) && name_of(entry) == wanted) return index[at] - 1;
  }
  return UINT32_MAX;
}

Entry* DirectoryFacts::find(std::string_view wanted) {
  if (live_entries() == 0) return nullptr;
  Open& open = this->open();
  if (open.index.empty() && open.entries.size() > kIndexFrom) rebuild_index();
  if (!open.index.empty()) {
    const uint32_t slot = index_find(wanted);
    return slot == UINT32_MAX ? nullptr : &open.entries[slot];
  }
  for (Entry& entry : open.entries) {
    if (!(entry.flags & kDead) && name_of(entry) == wanted) return &entry;
  }
  return nullptr;
}

void DirectoryFacts::index_put(uint32_t slot) {
  std::vector<uint32_t>& index = open_->index;
  const size_t mask = index.size() - 1;
  size_t at = hash_name(name_of(open_->entries[slot])) & mask;
  while (index[at] != 0) at = (at + 1) & mask;
  index[at] = slot + 1;
}

void DirectoryFacts::rebuild_index() {
  const std::vector<Entry>& entries = open_->entries;
  size_t size = 32;
  while (size < entries.size() + entries.size() / 2) size *= 2;
  open_->index.assign(size, 0);
  for (uint32_t slot = 0; slot < entries.size(); slot++) {
    if (!(entries[slot].flags & kDead)) index_put(slot);
  }
}

Entry& DirectoryFacts::append(std::string_view new_name, const FileStat& stat, uint8_t flags) {
  Open& open = this->open();
  Entry entry{};
  entry.assign(stat);
  entry.name_offset = open.names.size() & Entry::kMostOffset;
  entry.name_length = static_cast<uint16_t>(new_name.size());
  entry.child = kNoDir;
  entry.flags = flags;
  open.names.append(new_name);
  open.entries.push_back(entry);
  if (reports_) directories_->count_in(1);
  const size_t count = open.entries.size();
  if (!open.index.empty() && open.index.size() < count + count / 4) {
    rebuild_index();
  } else if (!open.index.empty()) {
    index_put(static_cast<uint32_t>(count - 1));
  }
  return open.entries.back();
}

void DirectoryFacts::bury(Entry& entry) {
  entry.flags = kDead;
  entry.child = kNoDir;
  open_->dead++;
}

void DirectoryFacts::compact() {
  if (dead_entries() == 0) return;
  std::vector<Entry> entries;
  std::string names;
  entries.reserve(live_entries());
  for (const Entry& old : open_->entries) {
    if (old.flags & kDead) continue;
    Entry entry = old;
    entry.name_offset = names.size() & Entry::kMostOffset;
    names.append(name_of(old));
    entries.push_back(entry);
  }
  count_out(open_->dead);
  open_->entries = std::move(entries);
  open_->names = std::move(names);
  open_->dead = 0;
  open_->compactions++;
  open_->index = {};
}

void DirectoryFacts::clear() {
  if (open_ != nullptr) stop_reporting();
  open_.reset();
  packed_ = {};
}

size_t DirectoryFacts::heap_bytes() const {
  size_t sum = name.capacity() > 15 ? name.capacity() : 0;
  if (open_ == nullptr) return sum + packed_.bytes();
  return sum + sizeof(Open) + open_->entries.capacity() * sizeof(Entry) + open_->names.capacity() +
         open_->index.capacity() * sizeof(uint32_t);
}

}  // namespace fustor
