// What people and programs do to trees, on the real kernel, with every engine: the view ends equal to the disk.
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <atomic>
#include <thread>

#include "base/unique_fd.h"
#include "check.h"
#include "stallable_source.h"
#include "watch_judge.h"

using namespace watching;
using fustor::UniqueFd;

namespace {

std::string number(int i) { return std::to_string(i); }

void fill(const Place& place, const std::string& top) {
  for (int i = 0; i < 5; i++) {
    place.make(top + "/d" + number(i) + "/deep");
    for (int j = 0; j < 4; j++) {
      place.write(top + "/d" + number(i) + "/f" + number(j));
      place.write(top + "/d" + number(i) + "/deep/g" + number(j));
    }
  }
}

bool exchange(const Place& place, std::string_view a, std::string_view b) {
  return ::renameat2(AT_FDCWD, (place / a).c_str(), AT_FDCWD, (place / b).c_str(), RENAME_EXCHANGE) == 0;
}

uint64_t inode_of(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

/** Every directory has its watch: what is done in it now is told. */
void check_watched(Watch& watch, const Place& place) {
  std::vector<std::string> directories;
  for (const auto& entry : fs::recursive_directory_iterator(place.root)) {
    if (entry.is_directory() && !entry.is_symlink()) directories.push_back(entry.path().string());
  }
  for (const std::string& directory : directories) std::ofstream(directory + "/witness") << "watched";
  CHECK_EQ(watch.settle(), "");
}

}  // namespace

// ---- new directories ----------------------------------------------------------------------------------------------------------------

EACH_ENGINE("directories that are filled before their watch is set show everything in them") {
  Place place;
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 200; i++) {
    const std::string top = "d" + number(i);
    place.make(top + "/b/c");
    place.write(top + "/b/c/f");
    place.write(top + "/g");
    if (i % 10 == 0) watch.drain();
  }
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.size(), 1u + 200 * 5);
  check_watched(watch, place);
}

EACH_ENGINE("a directory that is made, filled and renamed in one breath is found under its last name") {
  Place place;
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 100; i++) {
    const std::string first = "made" + number(i), second = "then" + number(i), last = "last" + number(i);
    place.make(first + "/sub");
    place.write(first + "/sub/f");
    REQUIRE(place.rename(first, second));
    place.write(second + "/g");
    REQUIRE(place.rename(second, last));
    place.write(last + "/sub/h");
  }
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.size(), 1u + 100 * 5);
  check_watched(watch, place);
}

EACH_ENGINE("no row comes before that of its directory") {
  Place place;
  fill(place, "tree");
  fs::create_directories(place.top + "/in/a/b");
  std::ofstream(place.top + "/in/a/b/f") << "x";
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 50; i++) place.make("x" + number(i) + "/y/z/w");
  place.rename("tree", "x0/y/z/w/tree");
  fs::rename(place.top + "/in", place / "x1/y/in");
  place.rename("x1", "x2/x1");
  watch.engine->resync("test");
  CHECK_EQ(watch.settle(), "");  // which lists them
  CHECK_EQ(watch.view.orphans.size(), 0u);
}

// ---- renames ------------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a renamed directory takes everything along, and what is written into it meanwhile is seen") {
  Place place;
  fill(place, "a");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  const UniqueFd deep(::open((place / "a/d3/deep").c_str(), O_RDONLY | O_DIRECTORY));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; i++) UniqueFd(::openat(deep.get(), number(i % 50).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644));
  });
  std::string name = "a";
  for (int i = 0; i < 30; i++) {
    const std::string next = i % 2 == 0 ? "b" + number(i) : "d/c" + number(i);
    place.make("d");
    REQUIRE(place.rename(name, next));
    name = next;
    watch.drain();
  }
  stop = true;
  writer.join();
  CHECK_EQ(watch.settle(), "");
  check_watched(watch, place);
}

EACH_ENGINE("a tree that moved out of the root is gone, and so are its watches") {
  Place place;
  fill(place, "tree");
  fill(place, "stays");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  const uint64_t before = watch.engine->status().watches_used;
  REQUIRE(place.away("tree", "outside"));
  CHECK_EQ(watch.settle(), "");
  if (engine.mode == fustor::WatchMode::inotify) {
    CHECK_EQ(before, 23u);
    CHECK(watch.until([&] { return watch.engine->status().watches_used == 12; }));
  }
  const size_t told = watch.view.log.size();
  std::ofstream(place.top + "/outside/d0/f0") << "nobody's business";
  std::ofstream(place.top + "/outside/d0/new") << "nor this";
  place.write("stays/witness");
  CHECK_EQ(watch.settle(), "");
  for (size_t i = told; i < watch.view.log.size(); i++) CHECK(watch.view.log[i].key.starts_with("/stays"));
}

EACH_ENGINE("a tree that moves in is listed and watched as a whole, again and again") {
  Place place;
  fill(place, "tree");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 3; i++) {
    REQUIRE(place.away(i == 0 ? "tree" : "tree" + number(i), "outside"));
    if (i != 1) CHECK_EQ(watch.settle(), "");
    std::ofstream(place.top + "/outside/d1/while-away") << number(i);
    REQUIRE(::rename((place.top + "/outside").c_str(), (place / ("tree" + number(i + 1))).c_str()) == 0);
    CHECK_EQ(watch.settle(), "");
    check_watched(watch, place);
  }
}

EACH_ENGINE("names that are exchanged, and renames over what is there, end as lstat says") {
  Place place;
  fill(place, "a");
  fill(place, "b/c");
  place.make("empty");
  place.write("f", "file f");
  place.write("g", "the file g");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  REQUIRE(exchange(place, "a", "b/c"));  // directories
  CHECK_EQ(watch.settle(), "");
  REQUIRE(exchange(place, "f", "g"));  // files
  REQUIRE(exchange(place, "a/d0", "f"));  // a directory and a file
  CHECK_EQ(watch.settle(), "");
  REQUIRE(place.rename("a/d1/f0", "g"));
  REQUIRE(place.rename("b/c/d2", "empty"));  // over an empty directory
  CHECK_EQ(watch.settle(), "");
  for (int i = 0; i < 21; i++) REQUIRE(exchange(place, "a", "b/c"));
  CHECK_EQ(watch.settle(), "");
  check_watched(watch, place);
}

EACH_ENGINE("directories that rotate while they are written to end under their names") {
  Place place;
  for (const char* name : {"one", "two", "three"}) {
    place.make(std::string(name) + "/sub");
    place.write(std::string(name) + "/is-" + name);
  }
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 40; i++) {
    place.write("one/w" + number(i % 7), number(i));
    REQUIRE(place.rename("one", "t") && place.rename("two", "one") && place.rename("three", "two") && place.rename("t", "three"));
    place.write("two/sub/w" + number(i % 5), number(i));
    if (i % 8 == 0) CHECK_EQ(watch.settle(), "");
  }
  CHECK_EQ(watch.settle(), "");
  check_watched(watch, place);
}

EACH_ENGINE("parent and child change places and everything below follows") {
  Place place;
  fill(place, "p/c");
  fill(place, "p/other");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 6; i++) {
    const std::string outer = i % 2 == 0 ? "p" : "c", inner = i % 2 == 0 ? "c" : "p";
    REQUIRE(place.rename(outer + "/" + inner, inner) && place.rename(outer, inner + "/" + outer));
    if (i % 3 == 0) CHECK_EQ(watch.settle(), "");
  }
  CHECK_EQ(watch.settle(), "");
  check_watched(watch, place);
}

// ---- removed and made again ---------------------------------------------------------------------------------------------------------

EACH_ENGINE("a tree removed and made again under the same names shows the new one") {
  Place place;
  fill(place, "a");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 20; i++) {
    place.remove("a");
    place.make("a/d0/deep");
    place.write("a/d0/f" + number(i % 3), number(i));
    if (i % 5 == 0) CHECK_EQ(watch.settle(), "");
  }
  CHECK_EQ(watch.settle(), "");
  check_watched(watch, place);
}

EACH_ENGINE("an inode number that is given to another directory does not bring the old one's rows along") {
  Place place;
  place.make("old/sub");
  place.write("old/sub/f");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  const uint64_t number_of_old = inode_of(place / "old");
  place.remove("old");
  bool again = false;
  for (int i = 0; i < 200 && !again; i++) {
    place.make("new" + number(i));
    again = inode_of(place / ("new" + number(i))) == number_of_old;
    if (again) place.write("new" + number(i) + "/other");
  }
  if (!again) std::printf("     the number was not given out again: only the removal was tested\n");
  CHECK_EQ(watch.settle(), "");
  check_watched(watch, place);
}

EACH_ENGINE("a name that changes its kind is deleted as the old and made as the new") {
  Place place;
  place.write("was-file");
  place.make("was-directory/sub");
  place.write("was-directory/sub/f");
  fs::create_symlink("nowhere", place / "was-link");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  place.remove("was-file");
  place.make("was-file");
  place.write("was-file/inside");
  place.remove("was-directory");
  fs::create_symlink("was-file", place / "was-directory");
  place.remove("was-link");
  ::mkfifo((place / "was-link").c_str(), 0644);
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.view.count("delete", "/was-directory") == 1);
  for (int i = 0; i < 30; i++) {
    place.remove("flip");
    if (i % 3 == 0) place.write("flip", number(i));
    if (i % 3 == 1) fill(place, "flip");
    if (i % 3 == 2) fs::create_symlink("was-file", place / "flip");
  }
  CHECK_EQ(watch.settle(), "");
  check_watched(watch, place);
}

EACH_ENGINE("a directory that is removed while somebody holds it open makes room for the next of its name") {
  Place place;
  place.make("d");
  place.write("d/f");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  UniqueFd held(::open((place / "d").c_str(), O_RDONLY | O_DIRECTORY));
  place.remove("d");
  place.make("d");
  place.write("d/g", "in the new one");
  CHECK_EQ(watch.settle(), "");
  held.reset();  // now the old inode dies, and only now the kernel says so
  place.write("d/h", "watched");
  CHECK_EQ(watch.settle(), "");
  place.write("d/h", "watched still");
  CHECK_EQ(watch.settle(), "");
}

// ---- links --------------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("links that loop or lead outside are rows of their own, with nothing behind them") {
  Place place;
  fs::create_directories(place.top + "/outside/sub");
  place.make("d");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  fs::create_directory_symlink(".", place / "loop");
  fs::create_directory_symlink("..", place / "d/up");
  fs::create_directory_symlink(place.top + "/outside", place / "out");
  fs::create_symlink("self", place / "self");
  CHECK_EQ(watch.settle(), "");
  std::ofstream(place.top + "/outside/sub/secret") << "x";
  watch.engine->recheck("", true, true);
  place.write("d/witness");
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.size(), 7u);
  CHECK(!watch.view.rows["/out"].directory);
  CHECK_EQ(watch.view.rows["/self"].size, "4");
}

// ---- metadata -----------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("operations that change only metadata change the row") {
  Place place;
  place.write("f", "0123456789");
  place.make("d");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  const std::string path = place / "f";
  const std::function<bool()> operations[] = {
      [&] { return ::truncate(path.c_str(), 4) == 0; },
      [&] {
        UniqueFd fd(::open(path.c_str(), O_WRONLY));
        return ::posix_fallocate(fd.get(), 0, 100'000) == 0;
      },
      [&] {
        const timespec past[2] = {{1'000'000, 1}, {1'000'000, 1}};
        return ::utimensat(AT_FDCWD, path.c_str(), past, 0) == 0;
      },
      [&] { return ::chmod(path.c_str(), 0600) == 0; },
      [&] { return ::chown(path.c_str(), ::getuid(), ::getgid()) == 0; },
      [&] { return ::setxattr(path.c_str(), "user.fustor", "x", 1, 0) == 0 || errno == ENOTSUP; },
      [&] { return ::chmod((place / "d").c_str(), 0700) == 0; },
      [&] { return ::chmod(place.root.c_str(), 0700) == 0; },
  };
  for (const auto& operate : operations) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // older kernels have coarse times: else nothing would change
    CHECK(operate());
    CHECK_EQ(watch.settle(), "");
  }
}

EACH_ENGINE("new content of the same size under the old modification time is a change") {
  Place place;
  place.write("f", "aaaa");
  struct stat before{};
  ::lstat((place / "f").c_str(), &before);
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  place.write("f", "bbbb");
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, (place / "f").c_str(), times, 0);
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.view.last("/f") != nullptr);
}

EACH_ENGINE("a file found in the past of its directory is a change like any other") {
  Place place;
  place.make("d");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  struct stat before{};
  ::lstat((place / "d").c_str(), &before);
  place.write("d/f", "restored");
  const timespec old[2] = {{86'400, 0}, {86'400, 0}};
  ::utimensat(AT_FDCWD, (place / "d/f").c_str(), old, 0);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, (place / "d").c_str(), times, 0);  // the directory looks untouched
  CHECK_EQ(watch.settle(), "");
}

// ---- listings -----------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a file that was always there is never deleted, however its directory churns while it is listed") {
  Place place;
  place.make("d");
  for (int i = 0; i < 300; i++) place.write("d/stays" + number(i));
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    for (int i = 0; !stop; i++) {
      place.write("d/x" + number(i % 400));
      ::unlink((place / ("d/x" + number((i + 200) % 400))).c_str());
      place.rename("d/x" + number(i % 400), "d/y" + number(i % 37));
    }
  });
  for (int i = 0; i < 40; i++) {
    watch.engine->recheck("d", true, false);
    for (int j = 0; j < 5; j++) watch.until([] { return false; }, std::chrono::milliseconds(2));
  }
  stop = true;
  churn.join();
  CHECK_EQ(watch.settle(), "");
  for (int i = 0; i < 300; i++) CHECK_EQ(watch.view.count("delete", "/d/stays" + number(i)), 0u);
}

EVENT_ENGINES("looking at everything makes no event") {
  Place place;
  fill(place, "tree");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  place.make("witness");  // one event: a file that is written is several, and the last may come late
  CHECK_EQ(watch.settle(), "");
  const uint64_t events = watch.engine->status().raw_events;
  CHECK(events > 0);
  const uint64_t resyncs = watch.engine->status().resyncs;
  watch.engine->resync("test");
  CHECK(watch.until([&] { return watch.engine->status().resyncs > resyncs; }));
  watch.engine->recheck("", true, false);
  CHECK(watch.take_snapshot());
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.engine->status().raw_events, events);
}

EVENT_ENGINES("changes drained by two threads while they are made come once each") {
  Place place;
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  constexpr int kFiles = 8'000;
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::map<uint64_t, std::string> seen;  // by sequence
  size_t changes = 0;
  const auto drain = [&] {
    fustor::LiveBatch batch;
    while (!stop) {
      if (!watch.engine->drain(batch)) {
        std::this_thread::yield();
        continue;
      }
      const auto all = JsonReader(batch.json).array();
      std::lock_guard lock(mutex);
      for (const auto& members : all) seen[std::stoull(member(members, "sequence"))] = member(members, "key");
      changes += all.size();
    }
  };
  std::thread one(drain), two(drain);
  for (int i = 0; i < kFiles; i++) UniqueFd(::open((place / number(i)).c_str(), O_WRONLY | O_CREAT, 0644));
  const auto complete = [&] {
    std::lock_guard lock(mutex);
    std::set<std::string> keys;
    for (const auto& [sequence, key] : seen) keys.insert(key);
    return keys.size() >= kFiles + 1u;  // and the root
  };
  const auto deadline = Clock::now() + kPatience;
  while (!complete() && Clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(complete());
  stop = true;
  one.join();
  two.join();
  CHECK_EQ(seen.size(), changes);
}

// ---- lost events --------------------------------------------------------------------------------------------------------------------

EVENT_ENGINES("more events than the kernel keeps are made good, and what was made meanwhile is watched") {
  Place place;
  for (int i = 0; i < 20; i++) place.make("d" + number(i));
  place.write("d7/goes");
  auto real = engine.mode == fustor::WatchMode::fanotify
                  ? std::make_unique<fustor::LadderSource>(fustor::EngineMode::fanotify, fustor::FanotifyOptions{.max_queued = 10'000})
                  : source_for(engine.mode);
  auto source = std::make_unique<StallableSource>(std::move(real));
  StallableSource& stalled = *source;
  Watch watch(place.config(engine), std::move(source));
  REQUIRE(watch.begin());
  {
    const std::lock_guard held(stalled.hold);
    for (int i = 0; i < 20'000; i++) UniqueFd(::open((place / ("d" + number(i % 20) + "/f" + number(i))).c_str(), O_WRONLY | O_CREAT, 0644));
    place.remove("d7/goes");
    place.rename("d8", "moved");
    place.make("made/below");
  }
  CHECK_EQ(watch.settle(std::chrono::seconds(60)), "");
  CHECK(watch.engine->status().overflows >= 1);
  CHECK_EQ(watch.view.count("update", "/d1/f1"), 1u);  // differences only: nothing is told twice
  check_watched(watch, place);
}

EVENT_ENGINES("events lost again and again during the recovery are made good") {
  Place place;
  for (int i = 0; i < 20; i++) fill(place, "t" + number(i));
  auto real = engine.mode == fustor::WatchMode::fanotify
                  ? std::make_unique<fustor::LadderSource>(fustor::EngineMode::fanotify, fustor::FanotifyOptions{.max_queued = 10'000})
                  : source_for(engine.mode);
  auto source = std::make_unique<StallableSource>(std::move(real));
  StallableSource& stalled = *source;
  Watch watch(place.config(engine), std::move(source));
  REQUIRE(watch.begin());
  uint64_t overflows = 0;
  for (int round = 0; round < 2; round++) {
    {
      const std::lock_guard held(stalled.hold);
      for (int i = 0; i < 18'000; i++) {
        const std::string path = place / ("t" + number(i % 20) + "/f" + number(i));
        round % 2 == 0 ? UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT, 0644)).reset() : static_cast<void>(::unlink(path.c_str()));
      }
    }
    REQUIRE(watch.until([&] { return watch.engine->status().overflows > overflows; }));
    overflows = watch.engine->status().overflows;
    // The next burst comes while this one is being made good.
    REQUIRE(watch.until([&] { return watch.engine->status().resyncs > static_cast<uint64_t>(round); }));
  }
  CHECK_EQ(watch.settle(std::chrono::seconds(60)), "");
  check_watched(watch, place);
}
