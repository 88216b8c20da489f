// The checksum of the index's chunks: CRC-32C (Castagnoli), in software, eight bytes a step.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fustor {

/** Goes on from `seed`, the checksum of what came before; 0 begins. Any thread. */
uint32_t checksum(uint32_t seed, const void* data, size_t size);

}  // namespace fustor
