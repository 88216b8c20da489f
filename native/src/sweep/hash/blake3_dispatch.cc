// Which of BLAKE3's implementations runs on this processor. Its own choice (blake3_dispatch.c) is C11 and knows more
// processors than are built here.
#include "../../../vendor/blake3/blake3_impl.h"

namespace {
#if defined(__x86_64__)
const bool has_avx2 = __builtin_cpu_supports("avx2");
const bool has_sse41 = __builtin_cpu_supports("sse4.1");
#endif
}  // namespace

extern "C" {

void blake3_compress_in_place(uint32_t cv[8], const uint8_t block[BLAKE3_BLOCK_LEN], uint8_t block_len,
                              uint64_t counter, uint8_t flags) {
#if defined(__x86_64__)
  if (has_sse41) return blake3_compress_in_place_sse41(cv, block, block_len, counter, flags);
#endif
  blake3_compress_in_place_portable(cv, block, block_len, counter, flags);
}

void blake3_compress_xof(const uint32_t cv[8], const uint8_t block[BLAKE3_BLOCK_LEN], uint8_t block_len,
                         uint64_t counter, uint8_t flags, uint8_t out[64]) {
#if defined(__x86_64__)
  if (has_sse41) return blake3_compress_xof_sse41(cv, block, block_len, counter, flags, out);
#endif
  blake3_compress_xof_portable(cv, block, block_len, counter, flags, out);
}

void blake3_xof_many(const uint32_t cv[8], const uint8_t block[BLAKE3_BLOCK_LEN], uint8_t block_len, uint64_t counter,
                     uint8_t flags, uint8_t out[64], size_t outblocks) {
  for (size_t i = 0; i < outblocks; i++) {
    blake3_compress_xof(cv, block, block_len, counter + i, flags, out + 64 * i);
  }
}

void blake3_hash_many(const uint8_t* const* inputs, size_t num_inputs, size_t blocks, const uint32_t key[8],
                      uint64_t counter, bool increment_counter, uint8_t flags, uint8_t flags_start, uint8_t flags_end,
                      uint8_t* out) {
  auto* many = blake3_hash_many_portable;
#if defined(__x86_64__)
  if (has_sse41) many = blake3_hash_many_sse41;
  if (has_avx2) many = blake3_hash_many_avx2;
#elif defined(__aarch64__)
  many = blake3_hash_many_neon;
#endif
  many(inputs, num_inputs, blocks, key, counter, increment_counter, flags, flags_start, flags_end, out);
}

size_t blake3_simd_degree(void) {
#if defined(__x86_64__)
  return has_avx2 ? 8 : has_sse41 ? 4 : 1;
#elif defined(__aarch64__)
  return 4;
#else
  return 1;
#endif
}

}  // extern "C"
