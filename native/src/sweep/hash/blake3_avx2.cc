// BLAKE3 for processors with avx2: one flag for this file alone, in the source because three build files share one list.
#if defined(__x86_64__)
#include <immintrin.h>
#include <cstring>

#include "../../../vendor/blake3/blake3_impl.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#include "../../../vendor/blake3/blake3_avx2.c"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
