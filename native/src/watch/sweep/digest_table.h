// Digests of contents, by what stands for a state of a file: its file system, inode, size and times.
//
// A slot takes 24 bytes. The slots lie in 1,024 segments by the first bits of their key, and a segment that is seven
// eighths full grows by a fifth, alone: 27 to 34 bytes a file at any time, and no call works on more than one segment.
// Two states of 2^61 may fall on one key: with ten million files once in 40,000 tables.
//
// It is known from the first sweep of a run on; nothing of it outlives the process. Any thread; no method waits.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "sweep/hash/digest.h"
#include "sweep/share.h"

namespace fustor {

/** A state of a file. */
struct DigestKey {
  DigestKey(DigestKind kind, uint64_t dev, const SweepFacts& facts);
  const uint64_t bits;
};

class DigestTable {
 public:
  using Kept = std::array<uint8_t, kKeptDigestBytes>;
  enum class Known : uint8_t { first, same, other };

  /** What was known under this state of a file; from now on it is `digest`. */
  Known put(DigestKey key, const Digest& digest);
  /** Whether a digest was put there since `drop_rest` was there. */
  bool was_put(DigestKey key) const;

  /** A file in this state has to wait for its digest: since when, by a clock that starts with the process. */
  uint32_t wait(DigestKey key, uint32_t now);
  /** Since when it waits; `now` when it does not. */
  uint32_t waits_since(DigestKey key, uint32_t now) const;

  /** There is a file in this state: the next `drop_rest` spares it. */
  void keep(DigestKey key);
  /** Forgets what was not kept, in some segments from `segment` on; false when that were the last ones. */
  bool drop_rest(size_t& segment);

  uint64_t size() const;
  uint64_t bytes() const;

 private:
  /** `key` 0 = free; its lowest bits are Flags. */
  struct Slot {
    uint64_t key = 0;
    Kept digest{};
  };
  static_assert(sizeof(Slot) == 24);

  enum Flag : uint64_t {
    kKept = 1,
    kPut = 2,
    kWaits = 4,  // no digest yet; in its place the second since when
    kFlags = 7,
  };

  class Segment {
   public:
    /** Null when it is not there. */
    Slot* find(uint64_t key) const;
    /** The one that is there, or a new one with no flags. */
    Slot& at(uint64_t key);
    /** Without what is not kept. */
    void drop_rest();
    size_t used() const { return used_; }
    size_t capacity() const { return capacity_; }

   private:
    Slot& place_of(uint64_t key) const;
    template <class Filter>
    void rebuild(size_t capacity, Filter&& filter);

    std::unique_ptr<Slot[]> slots_;
    size_t capacity_ = 0;
    size_t used_ = 0;
  };

  static constexpr int kSegmentBits = 10;

  Slot* find(DigestKey key) const;
  Slot& at(DigestKey key);

  mutable std::mutex mutex_;
  std::vector<Segment> segments_;  // none until something is put
  uint64_t used_ = 0;
  uint64_t capacity_ = 0;
};

}  // namespace fustor
