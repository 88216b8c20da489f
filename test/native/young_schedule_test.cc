#include "watch/schedule/young_schedule.h"

#include <algorithm>
#include <map>

#include "check.h"

using fustor::YoungSchedule;

namespace {

constexpr int64_t kMs = 1'000'000;

}  // namespace

TEST("a young file is looked at again after half its age, no sooner than a fifth of the longest time and no later than that time") {
  for (const int64_t look_again_ms : {500, 25'000}) {
    const int64_t step_ms = look_again_ms / 5;
    for (const int64_t age_ms : {int64_t{0}, step_ms, step_ms * 3, step_ms * 6, step_ms * 100}) {
      YoungSchedule schedule(look_again_ms);
      for (int64_t now_ms = 7; now_ms < 7 + 2 * step_ms; now_ms += step_ms / 7 + 1) {
        const int64_t waits_ms = schedule.next_ns(now_ms * kMs, age_ms) / kMs - now_ms;
        CHECK(waits_ms >= std::min(std::max(age_ms / 2, step_ms), 3 * step_ms));
        CHECK(waits_ms <= look_again_ms);
        CHECK(waits_ms <= std::max(age_ms / 2, step_ms) + step_ms + step_ms / 2);
      }
    }
  }
}

TEST("a few young files are looked at together") {
  YoungSchedule schedule(25'000);
  const int64_t first = schedule.next_ns(1'000 * kMs, 0);
  for (int i = 1; i < 50; i++) CHECK_EQ(schedule.next_ns((1'000 + i) * kMs, 0), first);
}

TEST("of thousands of young files at most some fifty are looked at in the same five milliseconds, however they return") {
  YoungSchedule schedule(25'000);
  std::map<int64_t, int> waiting;
  for (int i = 0; i < 5'000; i++) waiting[schedule.next_ns(1'000 * kMs, 0)]++;
  for (int group = 0; group < 5; group++) {
    std::map<int64_t, int> next;
    for (const auto& [at, files] : waiting) {
      CHECK(files <= 50);
      for (int i = 0; i < files; i++) next[schedule.next_ns(at + kMs, 0)]++;
    }
    waiting = std::move(next);
  }
}

TEST("looks spread over no more than half the time between two groups") {
  for (const int64_t look_again_ms : {1, 50, 500, 5'000, 25'000}) {
    const int64_t step_ms = std::max<int64_t>(look_again_ms / 5, 1);
    YoungSchedule schedule(look_again_ms);
    const int64_t group = schedule.next_ns(0, 0);
    int64_t last = group;
    for (int i = 0; i < 100'000; i++) last = std::max(last, schedule.next_ns(0, 0));
    CHECK(last - group <= step_ms * kMs / 2);
  }
}
