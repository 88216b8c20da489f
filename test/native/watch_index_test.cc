// The table outlives a run: what the next one reports, and what it makes of an index that is not as it was left.
#include <sys/stat.h>
#include <utime.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "check.h"
#include "own_mounts.h"
#include "watch_judge.h"

using namespace watching;

namespace {

std::string index_of(const Place& place) { return place.top + "/tree.index"; }

/** Comes to rest and writes the index; why it did not, "" when it did. */
std::string leave(Watch& watch, const std::string& path) {
  if (!watch.engine->freeze(10'000)) return "it did not come to rest";
  while (watch.drain()) {
  }
  return watch.engine->save_index(path, "one", 60'000).reason;
}

/** A run on what an earlier one left: with its index, and with the rows that the receiver has of it. */
struct NextRun {
  NextRun(const fustor::WatchConfig& config, const View& before, const std::string& path) : watch(config) {
    watch.view.rows = before.rows;
    outcome = watch.engine->load_index(path);
    watch.view.complete = true;
  }
  bool begin() {
    watch.engine->start();
    return watch.until([this] { return watch.available(); });
  }
  Watch watch;
  fustor::IndexOutcome outcome;
};

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put(const std::string& path, const std::string& bytes) {
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
  ::chmod(path.c_str(), 0600);
}

void set_times(const std::string& path, timespec modified) {
  const timespec times[2] = {modified, modified};
  REQUIRE_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
}

/** A bit of everything that a directory may hold. */
void fill(const Place& place) {
  place.make("a/deep/deeper");
  place.make("empty");
  place.write("a/f", "some bytes");
  place.write("a/deep/g");
  place.write(std::string("odd \xFF\x01 \n\" name"));
  place.write(std::string(255, 'n'));
  fs::create_symlink("nowhere", place / "link");
  fs::create_hard_link(place / "a/f", place / "empty/second");
  REQUIRE_EQ(::mkfifo((place / "fifo").c_str(), 0600), 0);
  place.write("old");
  set_times(place / "old", {-1'000'000'000, 0});
  place.write("future");
  set_times(place / "future", {15'000'000'000, 999'999'999});
}

/** Begins, takes a snapshot, and leaves an index; what the receiver holds then. */
View first_run(const Place& place, const fustor::WatchConfig& config) {
  Watch watch(config);
  REQUIRE(watch.begin());
  REQUIRE_EQ(watch.settle(), "");
  REQUIRE_EQ(leave(watch, index_of(place)), "");
  return watch.view;
}

}  // namespace

EACH_ENGINE("a run with an index reports nothing when nothing changed meanwhile") {
  Place place;
  fill(place);
  const View before = first_run(place, place.config(engine));
  struct stat info;
  REQUIRE_EQ(::stat(index_of(place).c_str(), &info), 0);
  CHECK_EQ(info.st_mode & 07777, 0600u);
  NextRun next(place.config(engine), before, index_of(place));
  CHECK_EQ(next.outcome.reason, "");
  CHECK_EQ(next.outcome.generation, "one");
  CHECK_EQ(next.outcome.entries, before.rows.size() - 1);
  CHECK(!fs::exists(index_of(place)));
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
  CHECK_EQ(next.watch.view.log.size(), 0u);
  place.write("a/deep/deeper/new", "watched as before");
  CHECK_EQ(next.watch.settle(), "");
}

EACH_ENGINE("a run with an index reports what changed meanwhile, and nothing else") {
  Place place;
  fill(place);
  for (int i = 0; i < 300; i++) place.write("a/deep/" + std::to_string(i));
  place.make("gone/below");
  place.write("gone/below/x");
  place.write("kind");
  const View before = first_run(place, place.config(engine));
  place.write("a/new");
  place.remove("a/deep/7");
  place.remove("gone");
  place.remove("kind");
  place.make("kind");
  place.write("kind/inside");
  struct stat info;
  REQUIRE_EQ(::stat((place / "a/deep/8").c_str(), &info), 0);
  place.write("a/deep/8", "y");  // as many bytes
  set_times(place / "a/deep/8", info.st_mtim);
  NextRun next(place.config(engine), before, index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
  const View& view = next.watch.view;
  CHECK_EQ(view.count("update", "/a/new"), 1u);
  CHECK_EQ(view.count("delete", "/a/deep/7"), 1u);
  CHECK_EQ(view.count("delete", "/gone"), 1u);
  CHECK_EQ(view.count("delete", "/kind"), 1u);
  CHECK_EQ(view.count("update", "/kind/inside"), 1u);
  CHECK(view.count("update", "/a/deep/8") >= 1u);
  CHECK(view.log.size() <= 20u);  // with directories, and with files that are confirmed once they are quiet
}

EACH_ENGINE("a file that stands in the place of a directory, with its inode number, replaces it") {
  Place place;
  place.make("d");
  place.write("d/below");
  struct stat directory;
  REQUIRE_EQ(::stat((place / "d").c_str(), &directory), 0);
  const View before = first_run(place, place.config(engine));
  place.remove("d");
  // Most file systems give the number out again at once; where they do not, this is an ordinary file.
  for (int i = 0; i < 100 && !fs::exists(place / "d"); i++) {
    const std::string name = "try" + std::to_string(i);
    place.write(name);
    struct stat file;
    REQUIRE_EQ(::stat((place / name).c_str(), &file), 0);
    if (file.st_ino == directory.st_ino || i == 99) REQUIRE(place.rename(name, "d"));
  }
  NextRun next(place.config(engine), before, index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
}

EACH_ENGINE("a directory that was renamed while nothing ran comes out under its new path alone") {
  Place place;
  fill(place);
  place.make("elsewhere");
  for (int i = 0; i < 100; i++) place.write("a/deep/deeper/" + std::to_string(i));
  const View before = first_run(place, place.config(engine));
  REQUIRE(place.rename("a", "elsewhere/b"));
  NextRun next(place.config(engine), before, index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
  CHECK_EQ(next.watch.view.count("delete", "/a"), 1u);
  CHECK(next.watch.view.log.size() <= 125u);
}

EVENT_ENGINES("what was about to be reported when the run before ended is reported by the next one") {
  Place place;
  for (int i = 0; i < 20; i++) {
    place.make("d" + std::to_string(i) + "/below");
    for (int j = 0; j < 20; j++) place.write("d" + std::to_string(i) + "/below/" + std::to_string(j));
  }
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  REQUIRE_EQ(watch.settle(), "");
  for (int i = 0; i < 20; i++) REQUIRE(place.rename("d" + std::to_string(i), "e" + std::to_string(i)));
  REQUIRE(watch.until([&] { return watch.view.count("delete", "/d0") == 1; }));
  REQUIRE_EQ(leave(watch, index_of(place)), "");
  NextRun next(place.config(engine), watch.view, index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
}

EACH_ENGINE("a file that was open when the run before ended is confirmed by the next one") {
  Place place;
  auto config = place.config(engine);
  if (engine.polls()) return;
  Watch watch(config);
  REQUIRE(watch.begin());
  std::ofstream open(place / "open");
  open << "part" << std::flush;
  REQUIRE(watch.until([&] {
    const Change* last = watch.view.last("/open");
    return last != nullptr && last->row.atomic == "false" && last->row.size == "4";
  }));
  REQUIRE_EQ(leave(watch, index_of(place)), "");
  open.close();
  set_times(place / "open", {1'000'000'000, 0});  // it has been quiet for long
  NextRun next(config, watch.view, index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
  const Change* last = next.watch.view.last("/open");
  REQUIRE(last != nullptr);
  CHECK_EQ(last->row.atomic, "true");
}

TEST("a snapshot beside the first walk of a run with an index holds everything") {
  Place place;
  fill(place);
  for (int i = 0; i < 200; i++) place.make("many/" + std::to_string(i));
  first_run(place, place.config());
  place.remove("many/3");
  place.write("many/4/new");
  NextRun next(place.config(), View(), index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  next.watch.engine->start();
  REQUIRE(next.watch.take_snapshot(4096, 4));
  CHECK_EQ(next.watch.settle(), "");
}

TEST("a big directory and a deep one survive in an index") {
  Place place;
  place.make("big");
  for (int i = 0; i < 100'000; i++) {
    const int fd = ::open((place / ("big/" + std::to_string(i))).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    ::close(fd);
  }
  int at = ::open(place.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int depth = 0; depth < 2000; depth++) {
    REQUIRE_EQ(::mkdirat(at, "d", 0700), 0);
    const int below = ::openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::close(at);
    at = below;
    REQUIRE(at >= 0);
  }
  ::close(at);
  const View before = first_run(place, place.config());
  place.remove("big/5");
  NextRun next(place.config(), before, index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
  CHECK(next.watch.view.log.size() <= 3u);
}

// ---- distrust -------------------------------------------------------------------------------------------------------------------

TEST("an index that is cut, or of which a bit is wrong, is none") {
  Place place;
  fill(place);
  for (int i = 0; i < 3000; i++) place.write("a/deep/" + std::string(60, 'x') + std::to_string(i));
  first_run(place, place.config());
  const std::string whole = bytes_of(index_of(place));
  REQUIRE(whole.size() > 3u * 65'536);
  const auto reason_of = [&](const std::string& bytes) {
    put(index_of(place), bytes);
    Watch watch(place.config());
    const std::string reason = watch.engine->load_index(index_of(place)).reason;
    CHECK_EQ(watch.engine->status().entries, reason.empty() ? 3000u + 14u : 0u);
    CHECK(!fs::exists(index_of(place)));
    return reason;
  };
  CHECK_EQ(reason_of(whole), "");
  for (size_t size = 0; size < whole.size(); size += 97) CHECK(!reason_of(whole.substr(0, size)).empty());
  CHECK_EQ(reason_of(whole + "x"), "it is damaged");
  const unsigned seed = std::random_device()();
  std::printf("  seed %u\n", seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 1000; i++) {
    std::string bent = whole;
    const size_t at = random() % bent.size();
    bent[at] = static_cast<char>(bent[at] ^ (1 << (random() % 8)));
    CHECK(!reason_of(bent).empty());
  }
  // Two chunks change places: both are whole.
  const auto length = [&](size_t at) {
    uint32_t size;
    std::memcpy(&size, whole.data() + at, 4);
    return size + 8;
  };
  const size_t first = 20 + length(20);
  const size_t second = first + length(first);
  CHECK_EQ(reason_of(whole.substr(0, first) + whole.substr(second, length(second)) + whole.substr(first, length(first)) +
                     whole.substr(second + length(second))),
           "it is damaged");
}

TEST("an index of another version or other settings is none, and so is a file that others may write") {
  Place place;
  fill(place);
  first_run(place, place.config());
  const std::string whole = bytes_of(index_of(place));
  const auto reason_with = [&](const fustor::WatchConfig& config) { return Watch(config).engine->load_index(index_of(place)).reason; };
  auto other = place.config();
  other.filter.exclude = {"*.tmp"};
  CHECK_EQ(reason_with(other), "it was made with other settings");
  std::string newer = whole;
  newer[16]++;
  put(index_of(place), newer);
  CHECK_EQ(reason_with(place.config()), "another version of the agent wrote it");
  put(index_of(place), whole);
  ::chmod(index_of(place).c_str(), 0666);
  CHECK_EQ(reason_with(place.config()), "it is no file that only this user may write");
  CHECK_EQ(reason_with(place.config()), "there is none");
}

EACH_ENGINE("another root than that of the index waits to be confirmed, and then its differences come") {
  Place place;
  fill(place);
  const View before = first_run(place, place.config(engine));
  fs::rename(place.root, place.top + "/away");
  fs::create_directory(place.root);
  place.write("other");
  NextRun next(place.config(engine), before, index_of(place));
  REQUIRE_EQ(next.outcome.reason, "");
  next.watch.engine->start();
  CHECK(next.watch.until([&] { return next.watch.why_unavailable().find("confirm") != std::string::npos; }));
  CHECK_EQ(next.watch.view.log.size(), 0u);
  CHECK(next.watch.engine->confirm_root());
  CHECK(next.watch.until([&] { return next.watch.available(); }));
  CHECK_EQ(next.watch.settle(), "");
}

TEST("no index is written while the tree is not known, changes wait, or the engine is not at rest") {
  Place place;
  fill(place);
  Watch watch(place.config());
  const auto why = [&] { return watch.engine->save_index(index_of(place), "one", 1000).reason; };
  CHECK_EQ(why(), "a thread still looks at a directory");
  REQUIRE(watch.begin());
  CHECK_EQ(why(), "a thread still looks at a directory");
  place.write("late");
  REQUIRE(watch.until([&] { return watch.engine->status().changes > 0; }));
  Watch unbegun(place.config());
  CHECK(unbegun.engine->freeze(1000));
  CHECK_EQ(unbegun.engine->save_index(index_of(place), "one", 1000).reason, "the tree was not walked to its end yet");
  CHECK(!fs::exists(index_of(place)));
}

TEST("an index that cannot be written leaves the one that is there") {
  Place place;
  fill(place);
  Watch watch(place.config());
  REQUIRE(watch.begin());
  REQUIRE(watch.engine->freeze(10'000));
  while (watch.drain()) {
  }
  put(index_of(place), "what was there");
  fs::create_directory(index_of(place) + ".new");
  CHECK(!watch.engine->save_index(index_of(place), "one", 1000).reason.empty());
  fs::remove(index_of(place) + ".new");
  CHECK_EQ(watch.engine->save_index(index_of(place), "one", -1).reason, "there was no time to write it");
  CHECK(!fs::exists(index_of(place) + ".new"));
  CHECK_EQ(bytes_of(index_of(place)), "what was there");
  CHECK_EQ(watch.engine->save_index(index_of(place), "one", 10'000).reason, "");
}

TEST("after many random changes while nothing ran the view is the disk, run after run") {
  Place place;
  fill(place);
  const unsigned seed = std::random_device()();
  std::printf("  seed %u\n", seed);
  std::mt19937 random(seed);
  const auto any = [&] { return "r" + std::to_string(random() % 6) + "/s" + std::to_string(random() % 6); };
  const auto change = [&] {
    std::error_code ignored;
    const std::string path = any();
    switch (random() % 6) {
      case 0: fs::create_directories(place / path, ignored); break;
      case 1: fs::create_directories(fs::path(place / path).parent_path(), ignored); place.write(path, std::string(random() % 9, 'x')); break;
      case 2: fs::remove_all(place / path, ignored); break;
      case 3: fs::rename(place / path, place / any(), ignored); break;
      case 4: fs::rename(place / path.substr(0, 2), place / ("r" + std::to_string(random() % 6)), ignored); break;
      default: place.write(path + "/t" + std::to_string(random() % 4));
    }
  };
  View view = first_run(place, place.config());
  for (int run = 0; run < 12; run++) {
    for (int i = 0; i < 60; i++) change();
    NextRun next(place.config(), view, index_of(place));
    REQUIRE_EQ(next.outcome.reason, "");
    REQUIRE(next.begin());
    for (int i = 0; i < 20; i++) change();
    CHECK_EQ(next.watch.settle(), "");
    for (int i = 0; i < 20; i++) change();  // some of them before it rests, some afterwards
    REQUIRE_EQ(leave(next.watch, index_of(place)), "");
    view = next.watch.view;
  }
}

TEST("no index is written while a file system is mounted below the root") {
  in_child([] {
    if (!is_root("a mount") || !own_mounts()) return;
    Place place;
    fill(place);
    place.make("mounted");
    REQUIRE_EQ(::mount("none", (place / "mounted").c_str(), "tmpfs", 0, ""), 0);
    place.write("mounted/f");
    {
      Watch watch(place.config());
      REQUIRE(watch.begin());
      CHECK_EQ(leave(watch, index_of(place)), "another file system lies below the root");
      CHECK(!fs::exists(index_of(place)));
    }
    ::umount2((place / "mounted").c_str(), MNT_DETACH);
  });
}
