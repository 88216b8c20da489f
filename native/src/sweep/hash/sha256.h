// SHA-256 (FIPS 180-4). With the SHA instructions of x64 where the processor has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fustor {

/** Plain memory: a copy of it goes on where the original was. */
class Sha256 {
 public:
  static constexpr size_t kBytes = 32;

  void begin();
  void update(const uint8_t* data, size_t length);
  std::array<uint8_t, kBytes> finish();

 private:
  static constexpr size_t kBlock = 64;

  uint32_t state_[8];
  uint64_t length_;
  uint8_t rest_[kBlock];
  size_t rest_length_;
};

}  // namespace fustor
