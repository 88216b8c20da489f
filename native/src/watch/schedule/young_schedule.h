// When a file that was written not long ago is looked at again. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fustor {

/**
 * Looks of this kind come in groups, so that between two groups nothing is open and the root's file system can be unmounted; but no
 * group at once, because changes that the kernel tells of would wait behind it (5,000 looks are 20 to 30 ms).
 */
class YoungSchedule {
 public:
  /** `look_again_ms`: the longest time between two looks at one file; a fifth of it lies between two groups. */
  explicit YoungSchedule(int64_t look_again_ms)
      : step_ms_(std::max<int64_t>(look_again_ms / 5, 1)), parts_(std::clamp(step_ms_ / 2 / kPartMs, int64_t{1}, kMostParts)) {}

  /**
   * The monotonic time of the next look at a file whose modification time is `age_ms` ago: after half its age, but no sooner than
   * look_again_ms / 5 and no later than look_again_ms.
   */
  int64_t next_ns(int64_t now_ns, int64_t age_ms) {
    const int64_t step_ns = step_ms_ * kMs;
    const int64_t soonest_ns = now_ns + std::clamp(age_ms / 2, step_ms_, step_ms_ * 4 - (parts_ - 1) * kPartMs) * kMs;
    const int64_t part = static_cast<int64_t>(count_++ / kPartFiles) % parts_;
    return (soonest_ns / step_ns + 1) * step_ns + part * kPartMs * kMs;
  }

 private:
  static constexpr int64_t kMs = 1'000'000;
  static constexpr int64_t kPartMs = 5;
  static constexpr uint64_t kPartFiles = 50;
  static constexpr int64_t kMostParts = 200;

  int64_t step_ms_;
  int64_t parts_;
  uint64_t count_ = 0;
};

}  // namespace fustor
