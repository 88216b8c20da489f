// Digests of contents, by what stands for a state of a file: its file system, inode, size and times.
//
// A slot takes 24 bytes, and the table is filled to at most four fifths: 30 to 45 bytes a file. Two states of 2^62 may
// fall on one key: with ten million files once in 90,000 tables.
//
// It is known from the first sweep of a run on; nothing of it outlives the process. Any thread; no method waits.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "sweep/hash/digest.h"
#include "sweep/share.h"

namespace fustor {

class DigestTable {
 public:
  using Kept = std::array<uint8_t, kKeptDigestBytes>;
  enum class Known : uint8_t { first, same, other };

  /** What was known under this state of a file; from now on it is `digest`. */
  Known put(DigestKind kind, uint64_t dev, const SweepFacts& facts, const Digest& digest);
  /** Forgets what was not put since the last call. */
  void drop_unseen();
  uint64_t size() const;
  uint64_t bytes() const;

 private:
  /** `key` 0 = free; its lowest bit says whether it was put since `drop_unseen`. */
  struct Slot {
    uint64_t key = 0;
    Kept digest{};
  };
  static_assert(sizeof(Slot) == 24);

  Slot& find(std::vector<Slot>& slots, uint64_t key) const;
  void rebuild(size_t capacity, bool seen_alone);

  mutable std::mutex mutex_;
  std::vector<Slot> slots_;
  uint64_t used_ = 0;
};

}  // namespace fustor
