// BLAKE3 (native/vendor/blake3), compiled as C++ like everything here.
#include "../../../vendor/blake3/blake3_portable.c"
