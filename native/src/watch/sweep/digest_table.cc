#include "watch/sweep/digest_table.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/name_hash.h"

namespace fustor {

namespace {
constexpr size_t kLeast = 8;
constexpr size_t kSlotsAtOnce = 65'536;  // of drop_rest: about a millisecond

uint64_t bits_of(DigestKind kind, uint64_t dev, const SweepFacts& facts) {
  const uint64_t text[] = {static_cast<uint64_t>(kind), dev, facts.ino, facts.size,
                           static_cast<uint64_t>(facts.mtime.sec), facts.mtime.nsec,
                           static_cast<uint64_t>(facts.ctime.sec), facts.ctime.nsec};
  return keyed_hash(std::string_view(reinterpret_cast<const char*>(text), sizeof(text)));
}
}  // namespace

DigestKey::DigestKey(DigestKind kind, uint64_t dev, const SweepFacts& facts)
    : bits(std::max<uint64_t>(bits_of(kind, dev, facts) & ~uint64_t{7}, 8)) {}

// ---- one segment --------------------------------------------------------------------------------------------------

DigestTable::Slot& DigestTable::Segment::place_of(uint64_t key) const {
  auto at = static_cast<size_t>((static_cast<unsigned __int128>(key << kSegmentBits) * capacity_) >> 64);
  while (slots_[at].key != 0 && (slots_[at].key & ~kFlags) != key) at = at + 1 == capacity_ ? 0 : at + 1;
  return slots_[at];
}

DigestTable::Slot* DigestTable::Segment::find(uint64_t key) const {
  if (used_ == 0) return nullptr;
  Slot& slot = place_of(key);
  return slot.key == 0 ? nullptr : &slot;
}

DigestTable::Slot& DigestTable::Segment::at(uint64_t key) {
  if (Slot* known = find(key); known != nullptr) return *known;
  if ((used_ + 1) * 8 > capacity_ * 7) rebuild(std::max(kLeast, capacity_ * 6 / 5), [](const Slot&) { return true; });
  Slot& slot = place_of(key);
  slot.key = key;
  used_++;
  return slot;
}

template <class Filter>
void DigestTable::Segment::rebuild(size_t capacity, Filter&& filter) {
  const auto old = std::move(slots_);
  const size_t old_capacity = capacity_;
  slots_ = std::make_unique<Slot[]>(capacity);
  capacity_ = capacity;
  for (size_t i = 0; i < old_capacity; i++) {
    if (old[i].key != 0 && filter(old[i])) place_of(old[i].key & ~kFlags) = old[i];
  }
}

void DigestTable::Segment::drop_rest() {
  const auto is_kept = [](const Slot& slot) { return (slot.key & kKept) != 0; };
  const auto kept = static_cast<size_t>(std::count_if(slots_.get(), slots_.get() + capacity_, is_kept));
  if (kept < used_) {
    rebuild(kept == 0 ? 0 : std::max(kLeast, kept * 6 / 5 + 1), is_kept);
    used_ = kept;
  }
  for (size_t i = 0; i < capacity_; i++) slots_[i].key &= ~uint64_t{kKept | kPut};
}

// ---- all of them --------------------------------------------------------------------------------------------------

DigestTable::Slot* DigestTable::find(DigestKey key) const {
  return segments_.empty() ? nullptr : segments_[key.bits >> (64 - kSegmentBits)].find(key.bits);
}

DigestTable::Slot& DigestTable::at(DigestKey key) {
  if (segments_.empty()) segments_.resize(size_t{1} << kSegmentBits);
  Segment& segment = segments_[key.bits >> (64 - kSegmentBits)];
  used_ -= segment.used();
  capacity_ -= segment.capacity();
  Slot& slot = segment.at(key.bits);
  used_ += segment.used();
  capacity_ += segment.capacity();
  return slot;
}

DigestTable::Known DigestTable::put(DigestKey key, const Digest& digest) {
  const std::lock_guard lock(mutex_);
  const bool is_new = find(key) == nullptr;
  Slot& slot = at(key);
  const bool is_first = is_new || (slot.key & kWaits) != 0;
  const bool same = std::memcmp(slot.digest.data(), digest.data(), kKeptDigestBytes) == 0;
  slot.key = (slot.key & ~uint64_t{kWaits}) | kPut;
  std::memcpy(slot.digest.data(), digest.data(), kKeptDigestBytes);
  return is_first ? Known::first : same ? Known::same : Known::other;
}

bool DigestTable::was_put(DigestKey key) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = find(key);
  return slot != nullptr && (slot->key & kPut) != 0;
}

uint32_t DigestTable::wait(DigestKey key, uint32_t now) {
  const std::lock_guard lock(mutex_);
  if (find(key) != nullptr) return now;
  Slot& slot = at(key);
  slot.key |= kWaits;
  std::memcpy(slot.digest.data(), &now, sizeof(now));
  return now;
}

uint32_t DigestTable::waits_since(DigestKey key, uint32_t now) const {
  const std::lock_guard lock(mutex_);
  const Slot* slot = find(key);
  if (slot == nullptr || (slot->key & kWaits) == 0) return now;
  uint32_t since;
  std::memcpy(&since, slot->digest.data(), sizeof(since));
  return since;
}

void DigestTable::keep(DigestKey key) {
  const std::lock_guard lock(mutex_);
  if (Slot* slot = find(key); slot != nullptr) slot->key |= kKept;
}

bool DigestTable::drop_rest(size_t& segment) {
  const std::lock_guard lock(mutex_);
  for (size_t slots = 0; segment < segments_.size() && slots < kSlotsAtOnce; segment++) {
    Segment& one = segments_[segment];
    slots += one.capacity() + 1;
    used_ -= one.used();
    capacity_ -= one.capacity();
    one.drop_rest();
    used_ += one.used();
    capacity_ += one.capacity();
  }
  return segment < segments_.size();
}

uint64_t DigestTable::size() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

uint64_t DigestTable::bytes() const {
  const std::lock_guard lock(mutex_);
  return capacity_ * sizeof(Slot) + segments_.size() * sizeof(Segment);
}

}  // namespace fustor
