// A snapshot beside the stream of changes: its rows and the changes in the order of their sequences end equal to the disk.
#include <atomic>
#include <thread>

#include "check.h"
#include "scripted_source.h"
#include "watch_judge.h"

using namespace watching;

namespace {

ScriptedSource::Inode inode_of(const std::string& path) {
  struct stat info{};
  ::lstat(path.c_str(), &info);
  return {info.st_dev, info.st_ino};
}

/** The first pass stands still when it has armed one directory and not yet listed it. */
struct HeldPass : Place {
  ScriptedSource* source = nullptr;
  std::unique_ptr<Watch> watch;
  std::mutex mutex;
  std::condition_variable changed;
  bool reached = false;
  bool go = false;

  ~HeldPass() { release(); }
  void begin(std::string_view held) {
    auto scripted = std::make_unique<ScriptedSource>();
    source = scripted.get();
    watch = std::make_unique<Watch>(config(), std::move(scripted));
    source->after_arm([this, wanted = inode_of(*this / held)](ScriptedSource::Inode inode) {
      if (inode != wanted) return;
      std::unique_lock lock(mutex);
      reached = true;
      changed.notify_all();
      changed.wait_for(lock, kPatience, [this] { return go; });
    });
    watch->engine->start();
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, kPatience, [this] { return reached; }));
  }
  void release() {
    std::lock_guard lock(mutex);
    go = true;
    changed.notify_all();
  }
  fustor::WatchId id(std::string_view directory) const {
    return source->watch_of(directory.empty() ? root : *this / directory);
  }
};

}  // namespace

TEST("a directory's own row is right although the snapshot copied it before the directory was listed") {
  HeldPass pass;
  pass.make("d");
  pass.write("f");
  pass.begin("d");
  const auto snapshot = pass.watch->engine->open_snapshot({1 << 20, 4});
  REQUIRE(pass.watch->until([&] { return snapshot->summary().rows >= 3; }));  // the root, d and f
  pass.write("d/new");  // d's row is older than this, and d is not listed yet
  pass.release();
  CHECK(pass.watch->take(*snapshot));
  CHECK_EQ(pass.watch->settle(), "");
}

TEST("a directory that takes the place of a deleted one in the table is in the snapshot") {
  HeldPass pass;
  pass.make("held/child/below");
  pass.write("held/child/f");
  pass.write("held/child/below/g");
  for (int i = 0; i < 5; i++) pass.make("doomed" + std::to_string(i));
  pass.begin("held");
  Watch& watch = *pass.watch;
  REQUIRE(watch.until([&] { return pass.source->watched() == 7; }));
  const auto snapshot = watch.engine->open_snapshot({1 << 20, 4});
  REQUIRE(watch.until([&] { return snapshot->summary().rows >= 7 && watch.engine->status().queue_depth == 0; }));
  std::vector<ScriptedEvent> events;
  for (int i = 0; i < 5; i++) {
    pass.remove("doomed" + std::to_string(i));
    events.push_back({pass.id(""), IN_DELETE | IN_ISDIR, "doomed" + std::to_string(i)});
  }
  pass.source->tell(events);
  REQUIRE(watch.until([&] { return watch.engine->status().directories == 2; }));  // their ids are free
  pass.release();
  CHECK(watch.take(*snapshot));
  CHECK_EQ(watch.settle(), "");
}

TEST("what was made during a pass is in a snapshot that joins that pass later") {
  HeldPass pass;
  pass.make("held");
  pass.make("d");
  pass.begin("held");
  Watch& watch = *pass.watch;
  REQUIRE(watch.until([&] { return pass.id("d") != -1 && watch.engine->status().queue_depth == 0; }));
  pass.make("made/below");
  pass.write("made/below/f");
  pass.source->tell({{pass.id(""), IN_CREATE | IN_ISDIR, "made"}});
  REQUIRE(watch.until([&] { return watch.view.rows.contains("/made/below/f"); }));
  watch.view = View();  // another consumer, who knows nothing of that
  const auto snapshot = watch.engine->open_snapshot({1 << 20, 4});
  REQUIRE(watch.until([&] { return snapshot->summary().rows >= 4; }));  // the root and what is in it
  pass.release();
  CHECK(watch.take(*snapshot));
  CHECK_EQ(watch.settle(), "");
}

TEST("a directory that was deleted while the snapshot waited for room leaves no ghosts") {
  Place place;
  for (int i = 0; i < 3; i++) {
    place.make("large" + std::to_string(i));
    for (int j = 0; j < 1000; j++) place.write("large" + std::to_string(i) + "/a-file-with-a-rather-long-name-" + std::to_string(j), "");
  }
  for (int i = 0; i < 12; i++) {
    place.make("small" + std::to_string(i));
    place.write("small" + std::to_string(i) + "/f");
  }
  Watch watch(place.config());
  watch.engine->start();
  REQUIRE(watch.until([&] { return watch.available(); }));
  const auto snapshot = watch.engine->open_snapshot({1, 1});  // one chunk of the least size
  fustor::Chunk* chunk = nullptr;
  REQUIRE(watch.until([&] { return snapshot->poll_next(chunk) == fustor::Poll::chunk; }));
  for (int i = 0; i < 12; i++) place.remove("small" + std::to_string(i));
  REQUIRE(watch.until([&] {
    for (int i = 0; i < 12; i++) {
      if (watch.view.count("delete", "/small" + std::to_string(i)) == 0) return false;
    }
    return true;
  }));
  watch.view.apply_snapshot(*chunk);  // at once: the directories still wait for the other half of a rename
  snapshot->release(chunk->slot);
  CHECK(watch.take(*snapshot));
  CHECK_EQ(watch.settle(), "");
}

TEST("snapshots that are dropped at any moment do not stop the engine") {
  Place place;
  for (int i = 0; i < 300; i++) place.make("d" + std::to_string(i) + "/e");
  Watch watch(place.config());
  REQUIRE(watch.begin());
  std::atomic<bool> stop{false};
  std::thread opener([&] {
    while (!stop) watch.engine->open_snapshot({1, 2});
  });
  for (uint64_t wanted = 1; wanted <= 5; wanted++) {
    watch.engine->resync("test");
    CHECK(watch.until([&] { return watch.engine->status().resyncs >= wanted; }));
  }
  stop = true;
  opener.join();
  place.write("d1/e/f");
  CHECK_EQ(watch.settle(), "");
}

TEST("rows and changes end equal to the disk when directories move and vanish under a snapshot of the first pass") {
  for (int round = 0; round < 5; round++) {
    Place place;
    for (int i = 0; i < 60; i++) {
      const std::string base = "d" + std::to_string(i % 6) + "/e" + std::to_string(i);
      place.make(base + "/x");
      for (int j = 0; j < 20; j++) place.write(base + "/f" + std::to_string(j));
      place.write(base + "/x/g");
    }
    Watch watch(place.config());
    watch.engine->start();
    REQUIRE(watch.until([&] { return watch.engine->status().directories > 5; }));
    const auto snapshot = watch.engine->open_snapshot({1, 2});
    for (int i = 0; i < 60; i++) {
      const std::string base = "d" + std::to_string(i % 6) + "/e" + std::to_string(i);
      if (i % 4 == 0) place.remove(base);
      if (i % 4 == 1) place.rename(base, "d" + std::to_string((i + 3) % 6) + "/moved" + std::to_string(i));
      if (i % 4 == 2) place.remove(base + "/f1");
      if (i % 4 == 3) place.rename(base + "/x", "d0/x" + std::to_string(i));
      if (i == 30) place.rename("d3", "d3-renamed");
      if (i == 40) place.make("d3");
    }
    CHECK(watch.take(*snapshot));
    CHECK_EQ(watch.settle(), "");
  }
}

TEST("a snapshot fails when the watch is closed under it") {
  Place place;
  for (int i = 0; i < 3000; i++) place.write("a-file-with-a-rather-long-name-" + std::to_string(i), "");
  Watch watch(place.config());
  watch.engine->start();
  REQUIRE(watch.until([&] { return watch.available(); }));
  const auto snapshot = watch.engine->open_snapshot({1, 1});
  fustor::Chunk* chunk = nullptr;
  REQUIRE(watch.until([&] { return snapshot->poll_next(chunk) == fustor::Poll::chunk; }));
  watch.engine->close();
  fustor::Poll last = fustor::Poll::pending;
  CHECK(watch.until([&] {
    while ((last = snapshot->poll_next(chunk)) == fustor::Poll::chunk) {
    }
    return last != fustor::Poll::pending;
  }));
  CHECK_EQ(last, fustor::Poll::failed);
  CHECK(!snapshot->summary().complete);
}

TEST("what comes and goes in a directory while nobody drains a snapshot of it does not pile up, and the snapshot is right") {
  Place place;
  for (int i = 0; i < 3000; i++) place.write("a rather long name that fills the only chunk " + std::to_string(i));
  Watch watch(place.config());
  REQUIRE(watch.begin());
  const auto stalled = watch.engine->open_snapshot({64 << 10, 1});
  fustor::Chunk* first = nullptr;
  REQUIRE(watch.until([&] { return stalled->poll_next(first) == fustor::Poll::chunk; }));
  const std::string name(200, 'x');
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < 2000; i++) place.write(name + std::to_string(i));
    if (round == 0) {
      for (int i = 0; i < 3000; i += 2) place.remove("a rather long name that fills the only chunk " + std::to_string(i));
    }
    REQUIRE(watch.until([&] { return watch.view.rows.size() >= 3501u; }));
    for (int i = 0; i < 2000; i++) place.remove(name + std::to_string(i));
    REQUIRE(watch.until([&] { return watch.view.rows.size() == 1501; }));
  }
  CHECK(watch.until([&] { return watch.engine->status().table_bytes < 5'000'000; }, std::chrono::seconds(3)));
  watch.view.apply_snapshot(*first);
  stalled->release(first->slot);
  CHECK(watch.take(*stalled));
  CHECK_EQ(watch.settle(), "");
}
