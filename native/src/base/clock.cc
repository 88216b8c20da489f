#include "fustor/clock.h"

#include <atomic>

namespace fustor {

namespace {
std::atomic<uint64_t> sequence{0};
}

uint64_t next_sequence() { return sequence.fetch_add(1, std::memory_order_relaxed) + 1; }

}  // namespace fustor
