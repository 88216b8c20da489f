// The clock that orders observations. Snapshot rows and realtime changes carry its values, whichever thread made them.
#pragma once

#include <cstdint>

namespace fustor {

/** A value greater than every value before it in this process. Any thread; it waits for nothing and cannot fail. */
uint64_t next_sequence();

}  // namespace fustor
