// A pass over the whole tree that keeps out of others' way, and live changes that do not wait for it.
#include "check.h"
#include "scripted_source.h"
#include "thread_priorities.h"
#include "watch_judge.h"

using namespace watching;
using fustor::Politeness;

namespace {

void fill(const Place& place, int directories, int files) {
  for (int d = 0; d < directories; d++) {
    const std::string directory = "d" + std::to_string(d);
    place.make(directory);
    for (int f = 0; f < files; f++) place.write(directory + "/f" + std::to_string(f));
  }
}

}  // namespace

TEST("a polite engine finds and follows the same as any other, with weak threads for its passes and others for live work") {
  Place place;
  fill(place, 20, 20);
  auto config = place.config();
  config.threads = 2;
  config.politeness = {.nice = 9, .io_priority = kIdleIo};
  Watch watch(config);
  REQUIRE(watch.begin());
  const Priorities seen = await_polite_threads(9, 2, 2);
  CHECK_EQ(seen.polite, 2);
  CHECK_EQ(seen.half, 0);
  place.make("d3/new");
  place.write("d3/new/file");
  place.remove("d4");
  CHECK_EQ(watch.settle(), "");
  watch.engine->resync("a test wants it");
  place.write("d5/during");
  CHECK_EQ(watch.settle(), "");
}

TEST("a limit on entries a second slows the first pass, and a change made meanwhile does not wait for its end") {
  Place place;
  fill(place, 30, 50);
  auto config = place.config();
  config.threads = 2;
  config.politeness = {.entries_per_second = 1000};
  Watch watch(config);
  const auto begin = Clock::now();
  watch.engine->start();
  const auto snapshot = watch.engine->open_snapshot({1 << 20, 4});
  REQUIRE(watch.until([&] { return snapshot->summary().rows > 200; }));
  place.write("made while the pass runs");
  CHECK(watch.until([&] { return watch.view.last("/made while the pass runs") != nullptr; }));
  CHECK(!watch.available());
  CHECK(watch.take(*snapshot));
  // All but the last directory of each of the two threads was paid for.
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(1531 - 2 * 50));
  CHECK_EQ(watch.settle(), "");
}

TEST("a change is told while the only worker for live work is at a long listing and the polite ones have nothing to do") {
  Place place;
  place.write("f", "old");
  auto config = place.config();
  config.threads = 1;
  config.politeness = {.nice = 1};
  auto scripted = std::make_unique<ScriptedSource>();
  ScriptedSource* source = scripted.get();
  std::mutex mutex;
  std::condition_variable changed;
  bool reached = false, go = false;
  Watch watch(config, std::move(scripted));
  REQUIRE(watch.begin());
  source->after_arm([&](ScriptedSource::Inode) {
    std::unique_lock lock(mutex);
    reached = true;
    changed.wait_for(lock, kPatience, [&] { return go; });
  });
  const fustor::WatchId root = source->watch_of(place.root);
  place.make("long");
  source->tell({{root, IN_CREATE | IN_ISDIR, "long"}});
  CHECK(watch.until([&] {
    std::lock_guard lock(mutex);
    return reached;
  }));
  place.write("f", "changed");
  source->tell({{root, IN_MODIFY, "f"}});
  CHECK(watch.until([&] { return watch.view.rows["/f"].size == "7"; }, std::chrono::seconds(5)));
  {
    std::lock_guard lock(mutex);
    go = true;
    changed.notify_all();
  }
  CHECK_EQ(watch.settle(), "");
}
