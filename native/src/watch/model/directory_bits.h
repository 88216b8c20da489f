// One bit for each directory.
#pragma once

#include <vector>

#include "watch/model/tree_table.h"

namespace fustor {

inline bool test(const std::vector<bool>& bits, DirId id) { return id < bits.size() && bits[id]; }

inline void set(std::vector<bool>& bits, DirId id) {
  if (bits.size() <= id) bits.resize(id + 1024);
  bits[id] = true;
}

inline void clear(std::vector<bool>& bits, DirId id) {
  if (id < bits.size()) bits[id] = false;
}

}  // namespace fustor
