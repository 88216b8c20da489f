// Sweeps as the engine hands them out: what is forgotten of files that are gone, and that it is done a little at a time.

#include "fustor/sweep.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "check.h"
#include "sweep/share.h"
#include "sweep/sweep_task.h"
#include "watch/model/entry.h"
#include "watch_judge.h"

using namespace watching;

extern "C" size_t __sanitizer_get_current_allocated_bytes();  // GCC has no header for it

namespace {

constexpr size_t kFiles = 10'000;  // more than one call of `prune` keeps
constexpr fustor::SweepRules kRules{.mode = fustor::SweepMode::hash, .polite = false, .min_age_sec = -10};

/** Looks at everything; the number of digests that it found out. */
uint64_t run_whole(fustor::Sweep& sweep) {
  uint64_t hashed = 0;
  uint64_t missed = 0;
  for (fustor::SweepOrder order; sweep.next(order, missed) == fustor::SweepNext::share;) {
    std::optional<fustor::SweepResult> result;
    for (bool done = false; !done;) {
      result = fustor::run_sweep_task(order.bytes, result, {});
      REQUIRE(result.has_value());
      const fustor::SweepReport report = sweep.apply(order.bytes, fustor::to_bytes(*result));
      REQUIRE(report.understood);
      hashed += report.verdicts[static_cast<size_t>(fustor::SweepVerdict::hashed)];
      done = report.done;
    }
  }
  return hashed;
}

size_t calls_to_prune(fustor::Sweep& sweep) {
  size_t calls = 0;
  while (sweep.prune()) calls++;
  return calls;
}

}  // namespace

TEST("digests of a large directory are kept a part at a time, packed or not, and those of files that are gone are forgotten") {
  Place tree;
  tree.make("big");
  for (size_t i = 0; i < kFiles; i++) tree.write("big/" + std::to_string(i), "");
  for (int i = 0; i < 40; i++) tree.make("other" + std::to_string(i) + "/below");
  Watch watch(tree.config());
  REQUIRE(watch.begin());
  const auto first = watch.engine->open_sweep(kRules);
  CHECK_EQ(run_whole(*first), kFiles);
  CHECK_EQ(first->digests(), kFiles);

  const auto is_packed = [&] {
    tree.write("other1/again");  // threads pack between two tasks
    tree.remove("other1/again");
    return watch.engine->status().table_bytes < kFiles * sizeof(fustor::Entry);
  };
  CHECK(watch.until(is_packed));
  const auto second = watch.engine->open_sweep(kRules);
  CHECK(calls_to_prune(*second) > 1);
  CHECK_EQ(second->digests(), kFiles);

  for (size_t i = 0; i < kFiles; i += 4) tree.remove("big/" + std::to_string(i));
  CHECK_EQ(watch.settle(), "");
  const auto third = watch.engine->open_sweep(kRules);
  CHECK(calls_to_prune(*third) > 0);
  CHECK_EQ(third->digests(), kFiles - kFiles / 4);
}

TEST("a sweep over many small directories does not leave them all open") {
  constexpr int kDirectories = 1'500;  // each piece of a share opens the directory above it
  Place tree;
  for (int i = 0; i < kDirectories; i++) tree.make("d" + std::to_string(i) + "/e/f");
  // A sweep has directories listed whose times are too new to compare, and the threads that do so pack.
  const auto compares = std::chrono::system_clock::now() + std::chrono::seconds(4);
  Watch watch(tree.config());
  CHECK(watch.until([&] { return std::chrono::system_clock::now() > compares; }));
  REQUIRE(watch.begin());
  const size_t before = __sanitizer_get_current_allocated_bytes();
  size_t shares = 0;
  {
    const auto sweep = watch.engine->open_sweep({.mode = fustor::SweepMode::names, .polite = false});
    uint64_t missed = 0;
    for (fustor::SweepOrder order; sweep->next(order, missed) == fustor::SweepNext::share;) shares++;
  }
  CHECK(shares > 1);
  CHECK(__sanitizer_get_current_allocated_bytes() < before + 2 * kDirectories * sizeof(fustor::Entry));
}
