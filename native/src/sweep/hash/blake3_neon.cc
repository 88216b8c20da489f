// BLAKE3 for arm64.
#if defined(__aarch64__)
#include "../../../vendor/blake3/blake3_neon.c"
#endif
