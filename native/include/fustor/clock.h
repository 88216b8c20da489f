// The clock that orders observations: snapshot rows and live changes carry its values, whoever made them.
#pragma once

#include <cstdint>

namespace fustor {

/** A value greater than every one before, process-wide. Any thread. */
uint64_t next_sequence();

}  // namespace fustor
