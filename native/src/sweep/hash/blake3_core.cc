// BLAKE3 (native/vendor/blake3), compiled as C++ like everything here.
#include "../../../vendor/blake3/blake3.c"
