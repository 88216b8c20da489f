// How many times longer than usual tests wait before they fail: FUSTOR_TEST_PATIENCE, for machines that have other things to do.
#pragma once

#include <algorithm>
#include <cstdlib>

namespace watching {

inline int patience_factor() {
  const char* text = std::getenv("FUSTOR_TEST_PATIENCE");
  return text == nullptr ? 1 : std::max(1, std::atoi(text));
}

}  // namespace watching
