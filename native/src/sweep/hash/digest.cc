#include "sweep/hash/digest.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "../../../vendor/blake3/blake3.h"
#include "sweep/hash/sha256.h"

#define XXH_INLINE_ALL
#include "../../../vendor/xxhash/xxhash.h"

namespace fustor {

namespace {
constexpr size_t kZeros = 128 * 1024;
alignas(64) constexpr uint8_t zeros[kZeros] = {};

static_assert(sizeof(XXH3_state_t) <= Digester::kStateBytes && alignof(XXH3_state_t) <= 64);
static_assert(sizeof(blake3_hasher) <= Digester::kStateBytes);
static_assert(sizeof(Sha256) <= Digester::kStateBytes);

template <class State>
State* as(uint8_t* bytes) {
  return std::launder(reinterpret_cast<State*>(bytes));
}
}  // namespace

size_t digest_bytes(DigestKind kind) { return kind == DigestKind::xxh3 ? 16 : 32; }

void Digester::begin(DigestKind kind) {
  kind_ = kind;
  switch (kind) {
    case DigestKind::xxh3: XXH3_128bits_reset(new (state_) XXH3_state_t); return;
    case DigestKind::sha256: (new (state_) Sha256)->begin(); return;
    case DigestKind::blake3: blake3_hasher_init(new (state_) blake3_hasher); return;
  }
}

void Digester::update(const void* data, size_t length) {
  switch (kind_) {
    case DigestKind::xxh3: XXH3_128bits_update(as<XXH3_state_t>(state_), data, length); return;
    case DigestKind::sha256: as<Sha256>(state_)->update(static_cast<const uint8_t*>(data), length); return;
    case DigestKind::blake3: blake3_hasher_update(as<blake3_hasher>(state_), data, length); return;
  }
}

void Digester::update_zeros(uint64_t length) {
  for (; length > 0; length -= std::min<uint64_t>(length, kZeros)) {
    update(zeros, static_cast<size_t>(std::min<uint64_t>(length, kZeros)));
  }
}

Digest Digester::finish() {
  Digest out{};
  switch (kind_) {
    case DigestKind::xxh3: {
      XXH128_canonical_t canonical;
      XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(as<XXH3_state_t>(state_)));
      std::memcpy(out.data(), canonical.digest, sizeof(canonical.digest));
      break;
    }
    case DigestKind::sha256: out = as<Sha256>(state_)->finish(); break;
    case DigestKind::blake3: blake3_hasher_finalize(as<blake3_hasher>(state_), out.data(), out.size()); break;
  }
  return out;
}

}  // namespace fustor
