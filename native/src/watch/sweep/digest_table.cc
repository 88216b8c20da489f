#include "watch/sweep/digest_table.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/name_hash.h"

namespace fustor {

namespace {
constexpr uint64_t kSeen = 1;
constexpr size_t kLeast = 64;

uint64_t key_of(DigestKind kind, uint64_t dev, const SweepFacts& facts) {
  const uint64_t text[] = {static_cast<uint64_t>(kind), dev, facts.ino, facts.size,
                           static_cast<uint64_t>(facts.mtime.sec), facts.mtime.nsec,
                           static_cast<uint64_t>(facts.ctime.sec), facts.ctime.nsec};
  return (keyed_hash(std::string_view(reinterpret_cast<const char*>(text), sizeof(text))) & ~kSeen) | 2;
}
}  // namespace

DigestTable::Slot& DigestTable::find(std::vector<Slot>& slots, uint64_t key) const {
  const size_t capacity = slots.size();
  auto at = static_cast<size_t>((static_cast<unsigned __int128>(key) * capacity) >> 64);
  while (slots[at].key != 0 && (slots[at].key & ~kSeen) != (key & ~kSeen)) at = at + 1 == capacity ? 0 : at + 1;
  return slots[at];
}

void DigestTable::rebuild(size_t capacity, bool seen_alone) {
  std::vector<Slot> slots(std::max(capacity, kLeast));
  used_ = 0;
  for (const Slot& slot : slots_) {
    if (slot.key == 0 || (seen_alone && !(slot.key & kSeen))) continue;
    Slot& place = find(slots, slot.key);
    place = slot;
    if (seen_alone) place.key &= ~kSeen;
    used_++;
  }
  slots_.swap(slots);
}

DigestTable::Known DigestTable::put(DigestKind kind, uint64_t dev, const SweepFacts& facts, const Digest& digest) {
  const uint64_t key = key_of(kind, dev, facts);
  const std::lock_guard lock(mutex_);
  if ((used_ + 1) * 5 > slots_.size() * 4) rebuild(slots_.size() * 3 / 2, false);
  Slot& slot = find(slots_, key);
  const bool is_new = slot.key == 0;
  const bool same = std::memcmp(slot.digest.data(), digest.data(), kKeptDigestBytes) == 0;
  if (is_new) used_++;
  slot.key = key | kSeen;
  std::memcpy(slot.digest.data(), digest.data(), kKeptDigestBytes);
  return is_new ? Known::first : same ? Known::same : Known::other;
}

void DigestTable::drop_unseen() {
  const std::lock_guard lock(mutex_);
  const auto seen = std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return (slot.key & kSeen) != 0; });
  rebuild(static_cast<size_t>(seen) * 4 / 3 + kLeast, true);
}

uint64_t DigestTable::size() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

uint64_t DigestTable::bytes() const {
  const std::lock_guard lock(mutex_);
  return slots_.capacity() * sizeof(Slot);
}

}  // namespace fustor
