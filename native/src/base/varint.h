// Numbers in as few bytes as they need: seven bits a byte, the lowest first, the highest bit of a byte says that more
// follow (LEB128). Numbers with a sign are folded first (zigzag), so that small ones of either sign stay short.
#pragma once

#include <cstdint>
#include <string>

namespace fustor {

inline void append_varint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/** 0, -1, 1, -2 ... become 0, 1, 2, 3 ... Of a difference that wrapped around, too. */
inline uint64_t zigzag(uint64_t step) { return (step << 1) ^ (step >> 63 ? ~uint64_t{0} : 0); }
inline uint64_t unzigzag(uint64_t folded) { return (folded >> 1) ^ (folded & 1 ? ~uint64_t{0} : 0); }

}  // namespace fustor
