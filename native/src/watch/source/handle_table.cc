#include "watch/source/handle_table.h"

#include <algorithm>
#include <cstring>

#include "base/name_hash.h"

namespace fustor {

namespace {
constexpr size_t kFirstSlots = 64;
constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;

/** Handles are made of inode numbers, and some file systems let their users choose those. */
uint64_t keyed_start() {
  static const uint64_t start = keyed_hash("handles");
  return start;
}

uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * kMultiplier;
  return hash ^ (hash >> 32);
}

uint64_t hash_of(const HandleRef& handle) {
  uint64_t hash = mix(keyed_start() ^ handle.bytes.size(), static_cast<uint64_t>(handle.fs) << 8 | handle.type);
  for (size_t i = 0; i < handle.bytes.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, handle.bytes.data() + i, std::min(sizeof(word), handle.bytes.size() - i));
    hash = mix(hash, word);
  }
  return hash;
}

uint64_t hash_of(WatchId id) { return mix(kMultiplier, static_cast<uint32_t>(id)); }

uint32_t link_in(const unsigned char* handle) {
  uint32_t number;
  std::memcpy(&number, handle, sizeof(number));
  return number;
}
}  // namespace

std::string_view HandleTable::bytes_of(const Entry& entry) const {
  if (entry.length > kInline) return spilled_[link_in(entry.handle.data())];
  return {reinterpret_cast<const char*>(entry.handle.data()), entry.length};
}

size_t HandleTable::home_by_handle(uint32_t number) const {
  const Entry& entry = at(number);
  return hash_of(HandleRef{entry.fs, entry.type, bytes_of(entry)}) & (by_handle_.size() - 1);
}

size_t HandleTable::home_by_id(uint32_t number) const { return hash_of(at(number).id) & (by_id_.size() - 1); }

WatchId HandleTable::find(const HandleRef& handle) const {
  if (size_ == 0) return kNone;
  const size_t mask = by_handle_.size() - 1;
  for (size_t slot = hash_of(handle) & mask; by_handle_[slot] != kNoEntry; slot = (slot + 1) & mask) {
    const Entry& entry = at(by_handle_[slot]);
    if (entry.fs == handle.fs && entry.type == handle.type && bytes_of(entry) == handle.bytes) return entry.id;
  }
  return kNone;
}

template <class Home>
void HandleTable::place(Index& index, uint32_t number, Home home) {
  const size_t mask = index.size() - 1;
  size_t slot = (this->*home)(number);
  while (index[slot] != kNoEntry) slot = (slot + 1) & mask;
  index[slot] = number;
}

/** Closes the gap: an entry behind it moves up, when a search from the entry's home would stop at the gap. */
template <class Home>
void HandleTable::remove(Index& index, size_t slot, Home home) {
  const size_t mask = index.size() - 1;
  size_t gap = slot;
  for (size_t next = (gap + 1) & mask; index[next] != kNoEntry; next = (next + 1) & mask) {
    const size_t from_home = (next - (this->*home)(index[next])) & mask;
    if (from_home < ((next - gap) & mask)) continue;
    index[gap] = index[next];
    gap = next;
  }
  index[gap] = kNoEntry;
}

void HandleTable::grow() {
  const size_t slots = by_handle_.empty() ? kFirstSlots : by_handle_.size() * 2;
  by_handle_.assign(slots, kNoEntry);
  by_id_.assign(slots, kNoEntry);
  for (uint32_t number = 0; number < used_; number++) {
    if (at(number).id == kNone) continue;
    place(by_handle_, number, &HandleTable::home_by_handle);
    place(by_id_, number, &HandleTable::home_by_id);
  }
}

uint32_t HandleTable::take_entry() {
  if (free_ != kNoEntry) {
    const uint32_t number = free_;
    free_ = link_in(at(number).handle.data());
    return number;
  }
  if (used_ % kBlock == 0) blocks_.push_back(std::make_unique<Entry[]>(kBlock));
  at(used_).id = kNone;
  return used_++;
}

void HandleTable::store(Entry& entry, std::string_view bytes) {
  entry.length = static_cast<uint8_t>(bytes.size());
  entry.handle.fill(0);
  if (bytes.size() <= kInline) {
    std::memcpy(entry.handle.data(), bytes.data(), bytes.size());
    return;
  }
  uint32_t index = static_cast<uint32_t>(spilled_.size());
  if (spilled_free_.empty()) {
    spilled_.emplace_back();
  } else {
    index = spilled_free_.back();
    spilled_free_.pop_back();
  }
  spilled_[index] = bytes;
  spilled_bytes_ += bytes.size();
  std::memcpy(entry.handle.data(), &index, sizeof(index));
}

void HandleTable::insert(const HandleRef& handle, WatchId id) {
  if (size_ * 4 >= by_handle_.size() * 3) grow();
  const uint32_t number = take_entry();
  Entry& entry = at(number);
  entry.id = id;
  entry.fs = handle.fs;
  entry.type = handle.type;
  store(entry, handle.bytes);
  place(by_handle_, number, &HandleTable::home_by_handle);
  place(by_id_, number, &HandleTable::home_by_id);
  size_++;
}

bool HandleTable::erase(WatchId id) {
  if (size_ == 0 || id == kNone) return false;
  const size_t mask = by_id_.size() - 1;
  size_t slot = hash_of(id) & mask;
  while (by_id_[slot] != kNoEntry && at(by_id_[slot]).id != id) slot = (slot + 1) & mask;
  if (by_id_[slot] == kNoEntry) return false;
  const uint32_t number = by_id_[slot];
  size_t other = home_by_handle(number);
  while (by_handle_[other] != number) other = (other + 1) & mask;
  remove(by_id_, slot, &HandleTable::home_by_id);
  remove(by_handle_, other, &HandleTable::home_by_handle);
  Entry& entry = at(number);
  if (entry.length > kInline) {
    const uint32_t index = link_in(entry.handle.data());
    spilled_bytes_ -= spilled_[index].size();
    spilled_[index] = {};
    spilled_free_.push_back(index);
  }
  entry.id = kNone;
  std::memcpy(entry.handle.data(), &free_, sizeof(free_));
  free_ = number;
  size_--;
  return true;
}

void HandleTable::erase_fs(uint16_t fs, std::vector<WatchId>& ids) {
  const size_t first = ids.size();
  for (uint32_t number = 0; number < used_; number++) {
    if (at(number).id != kNone && at(number).fs == fs) ids.push_back(at(number).id);
  }
  for (size_t i = first; i < ids.size(); i++) erase(ids[i]);
}

size_t HandleTable::bytes() const {
  return blocks_.size() * kBlock * sizeof(Entry) + (by_handle_.capacity() + by_id_.capacity()) * sizeof(uint32_t) +
         spilled_.capacity() * sizeof(std::string) + spilled_free_.capacity() * sizeof(uint32_t) + spilled_bytes_;
}

}  // namespace fustor
