// How many threads a pass over the tree takes: more than there are processors only while they wait for storage.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/storage_meter.h"
#include "check.h"
#include "scripted_source.h"
#include "watch_judge.h"

using namespace watching;

namespace {

/** A tree whose every directory takes its time to be armed, as on a slow disk; and how many threads were at it at once. */
struct SlowPlace : Place {
  static constexpr int kDirectories = 1'500;
  std::atomic<int> busy{0};
  std::atomic<int> most{0};

  SlowPlace() {
    for (int i = 0; i < kDirectories; i++) {
      const std::string directory = std::to_string(i % 50) + "/" + std::to_string(i);
      make(directory);
      write(directory + "/f");
    }
  }

  std::unique_ptr<Watch> watch(unsigned threads) {
    auto config = this->config();
    config.threads = threads;
    auto source = std::make_unique<ScriptedSource>();
    source_ = source.get();
    source_->after_arm([this](ScriptedSource::Inode) {
      const int now = ++busy;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
      ::usleep(2'000);
      busy--;
    });
    return std::make_unique<Watch>(config, std::move(source));
  }
  void hurry() { source_->after_arm({}); }

 private:
  ScriptedSource* source_ = nullptr;
};

int own_workers() { return static_cast<int>(std::max(2u, std::thread::hardware_concurrency())); }

}  // namespace

TEST("while directories take their time a pass gets more threads than there are processors, and no more than sixteen") {
  SlowPlace place;
  const auto watch = place.watch(0);
  REQUIRE(watch->begin());
  CHECK_EQ(difference(disk(place.root), watch->view.rows), "");
  CHECK(place.most > own_workers());
  CHECK(place.most <= static_cast<int>(fustor::kMostThreads));
  place.hurry();
  place.write("0/late");
  watch->engine->resync("a test wants it");  // with helpers that were let go
  CHECK_EQ(watch->settle(), "");
}

TEST("a number of threads that was asked for stays that number, however slow the storage") {
  SlowPlace place;
  const auto watch = place.watch(3);
  REQUIRE(watch->begin());
  CHECK(place.most <= 3);
}

TEST("an engine that is closed in the middle of a slow pass ends with all its helpers") {
  SlowPlace place;
  const auto watch = place.watch(0);
  watch->engine->start();
  CHECK(watch->until([&] { return place.most > own_workers(); }));
  watch->engine->close();
  CHECK_EQ(place.busy, 0);
}
