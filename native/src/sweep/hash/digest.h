// Digests of contents: which there are, and one that is being made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fustor/sweep.h"

namespace fustor {

/** The first 16 bytes stand for a file in memory. */
using Digest = std::array<uint8_t, 32>;
constexpr size_t kKeptDigestBytes = 16;

/** Bytes of the whole digest; the rest of a Digest is zero. */
size_t digest_bytes(DigestKind kind);

/**
 * Plain memory: a task that has to stop in the middle of a file hands these bytes to the next one, which copies them
 * into another object and goes on. Not thread safe.
 */
class Digester {
 public:
  static constexpr size_t kStateBytes = 1984;

  void begin(DigestKind kind);
  void update(const void* data, size_t length);
  /** As `update` with so many zeros: holes count as what a program reads there. */
  void update_zeros(uint64_t length);
  Digest finish();

 private:
  alignas(64) uint8_t state_[kStateBytes];
  DigestKind kind_;
};

}  // namespace fustor
