// What the kernel really does, seen through the watch engine: files in all their ways of being written, odd names, large directories, a
// consumer that stands still.
#include <sys/mman.h>

#include <atomic>
#include <thread>

#include "base/unique_fd.h"
#include "check.h"
#include "watch_judge.h"

using namespace watching;
using fustor::UniqueFd;

namespace {

void append(int fd, const std::string& text) {
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

}  // namespace

// ---- files being written ------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a file that is being written is told at once, at most once per throttle time, and as whole when it is closed") {
  Place place;
  auto config = place.config(engine);
  config.throttle_ms = 200;
  Watch watch(config);
  REQUIRE(watch.begin());
  UniqueFd fd(::open((place / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644));
  const auto begun = Clock::now();
  size_t size = 0;
  while (Clock::now() < begun + std::chrono::seconds(1)) {
    append(fd.get(), "line\n");
    size += 5;
    watch.drain();
  }
  CHECK(watch.until([&] { return watch.view.rows["/log"].size == std::to_string(size); }));  // the trailing look
  const auto elapsed = Clock::now() - begun;
  const auto most = static_cast<size_t>(elapsed / std::chrono::milliseconds(engine.polls() ? config.poll_ms : config.throttle_ms)) + 3;
  CHECK(watch.view.count("update", "/log") >= 3);
  CHECK(watch.view.count("update", "/log") <= most);
  for (const Change& change : watch.view.log) CHECK(change.key != "/log" || change.row.atomic == "false");
  fd.reset();
  CHECK(watch.until([&] { return watch.view.last("/log")->row.atomic == "true"; }));
  CHECK_EQ(watch.settle(), "");
}

EVENT_ENGINES("the row of a directory that fills is told now and then, and as it is in the end") {
  Place place;
  place.make("d");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  const auto begun = Clock::now();
  int made = 0;
  for (; Clock::now() < begun + std::chrono::milliseconds(600); made++) {
    place.write("d/f" + std::to_string(made), "");
    if (made % 10 == 0) watch.drain();
  }
  CHECK_EQ(watch.settle(), "");
  const auto most = static_cast<size_t>((Clock::now() - begun) / std::chrono::milliseconds(100)) + 2;
  CHECK(made > 50);
  CHECK(watch.view.count("update", "/d") <= most);
}

EACH_ENGINE("a temporary file without a name appears under the name it is linked to, and under no other") {
  Place place;
  auto config = place.config(engine);
  config.settle_ms = 100;
  Watch watch(config);
  REQUIRE(watch.begin());
  UniqueFd fd(::open(place.root.c_str(), O_TMPFILE | O_WRONLY, 0644));
  if (fd.get() < 0) {
    check::skipped("no O_TMPFILE here");
    return;
  }
  append(fd.get(), "content");
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  REQUIRE_EQ(::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, (place / "linked").c_str(), AT_SYMLINK_FOLLOW), 0);
  fd.reset();
  CHECK(watch.until([&] { return watch.view.last("/linked") != nullptr && watch.view.last("/linked")->row.atomic == "true"; }));
  CHECK_EQ(watch.settle(), "");
  for (const Change& change : watch.view.log) CHECK(change.key == "/" || change.key == "/linked");
}

EACH_ENGINE("a write through a mapping is seen when the file is closed") {
  Place place;
  place.write("mapped", std::string(4096, 'a'));
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  UniqueFd fd(::open((place / "mapped").c_str(), O_RDWR));
  void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  REQUIRE(memory != MAP_FAILED);
  std::memset(memory, 'b', 4096);
  ::msync(memory, 4096, MS_SYNC);
  ::munmap(memory, 4096);
  fd.reset();
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.view.last("/mapped") != nullptr);
}

EACH_ENGINE("a file that is unlinked while it is open is gone, and writing on into it says nothing") {
  Place place;
  place.write("open");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  UniqueFd fd(::open((place / "open").c_str(), O_WRONLY | O_APPEND));
  place.remove("open");
  CHECK_EQ(watch.settle(), "");
  const size_t told = watch.view.log.size();
  append(fd.get(), "ghost");
  fd.reset();
  place.write("other");
  CHECK_EQ(watch.settle(), "");
  for (size_t i = told; i < watch.view.log.size(); i++) CHECK(watch.view.log[i].key != "/open");
}

// ---- hard links ---------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("every name of a hard linked file follows what is done through one of them") {
  Place place;
  place.make("a");
  place.make("b");
  place.write("a/one", "content");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  fs::create_hard_link(place / "a/one", place / "b/two");
  CHECK_EQ(watch.settle(), "");
  std::ofstream(place / "b/two", std::ios::app) << " and more";
  CHECK_EQ(watch.settle(), "");
  fs::create_hard_link(place / "a/one", place / "three");
  CHECK_EQ(watch.settle(), "");
  place.remove("b/two");
  CHECK_EQ(watch.settle(), "");
  place.write("new", "another inode");
  place.rename("new", "a/one");  // only `three` is left of the old one
  CHECK_EQ(watch.settle(), "");
  place.make("d");
  place.rename("three", "d/three");
  fs::create_hard_link(place / "d/three", place / "four");
  CHECK_EQ(watch.settle(), "");
  place.away("d", "outside");
  CHECK_EQ(watch.settle(), "");
}

// ---- names --------------------------------------------------------------------------------------------------------------------------

/** So many directories in one another, with names of 200 bytes; the innermost, open. */
static UniqueFd dig(const Place& place, int levels) {
  const std::string name(200, 'n');
  int fd = ::open(place.root.c_str(), O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < levels; depth++) {
    if (::mkdirat(fd, name.c_str(), 0755) != 0) break;
    const int child = ::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY);
    ::close(fd);
    fd = child;
  }
  return UniqueFd(fd);
}

/** Paths below the root whose directory may be entered. */
static bool is_short(const std::string& raw) { return raw.size() - 1 <= 4096; }

EACH_ENGINE("what lies below a path of 4096 bytes counts as unreadable, is told, and is seen when it comes up") {
  Place place;
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  const UniqueFd deep = dig(place, 30);
  CHECK_EQ(watch.settle(kPatience, is_short), "");
  UniqueFd(::openat(deep.get(), "bottom", O_WRONLY | O_CREAT, 0644));
  place.write("beside");
  CHECK_EQ(watch.settle(kPatience, is_short), "");
  CHECK_EQ(watch.view.rows.size(), 23u);  // 20 of 200 bytes and their slashes fit, the next one has a row; the root and the file beside
  CHECK(watch.until([&] { return watch.engine->status().unreadable == 1; }));
  CHECK(watch.engine->status().unreadable_by.begin()->first.find("max_path_bytes = 4096") != std::string::npos);
  CHECK(watch.take_snapshot());
  CHECK_EQ(watch.settle(kPatience, is_short), "");
  // Up by half of the way, and down again.
  const std::string top(200, 'n');
  const std::string lower = top + '/' + top + '/' + top + '/' + top + '/' + top + '/' + top + '/' + top + '/' + top + '/' + top + '/' + top;
  REQUIRE(place.rename(lower, "up"));
  CHECK_EQ(watch.settle(kPatience, is_short), "");
  REQUIRE(place.rename("up", lower));
  CHECK_EQ(watch.settle(kPatience, is_short), "");
}

EACH_ENGINE("with a higher limit a path longer than PATH_MAX is watched to its end") {
  Place place;
  fustor::WatchConfig config = place.config(engine);
  config.max_path_bytes = 100'000;
  Watch watch(config);
  REQUIRE(watch.begin());
  const UniqueFd deep = dig(place, 30);
  CHECK_EQ(watch.settle(), "");
  UniqueFd(::openat(deep.get(), "bottom", O_WRONLY | O_CREAT, 0644));
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.size(), 32u);
  REQUIRE_EQ(::unlinkat(deep.get(), "bottom", 0), 0);
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.take_snapshot());
  CHECK_EQ(watch.settle(), "");
}

EACH_ENGINE("names that are no text, or full of control characters, go out and come back as themselves") {
  Place place;
  const char* names[] = {"\xff\xfe", "a\nb", "tab\there", "\"quoted\"", "back\\slash", "\xe2\x80\x9b", "\xc3\xa4", "\x01\x7f", " ", "\xed\xa0\x80"};
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (const char* name : names) {
    place.write(name);
    place.make(std::string("dir-") + name);
    place.write(std::string("dir-") + name + "/" + name);
  }
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.size(), 1 + 3 * std::size(names));
  for (const char* name : names) place.rename(std::string("dir-") + name, std::string("moved-") + name);
  CHECK_EQ(watch.settle(), "");
  for (const char* name : names) place.remove(name);
  CHECK_EQ(watch.settle(), "");
}

// ---- size and speed -----------------------------------------------------------------------------------------------------------------

EACH_ENGINE("20,000 files made in one directory while it is listed are all there") {
  Place place;
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  std::thread writer([&] {
    place.make("large");
    for (int i = 0; i < 20'000; i++) UniqueFd(::open((place / ("large/" + std::to_string(i))).c_str(), O_WRONLY | O_CREAT, 0644));
  });
  watch.until([&] { return watch.view.rows.contains("/large"); });
  watch.engine->recheck("large", true, false);
  writer.join();
  CHECK_EQ(watch.settle(std::chrono::seconds(60)), "");
  CHECK_EQ(watch.view.rows.size(), 20'002u);
}

TEST("while nobody drains the changes are bounded, and what is drained later ends equal to the disk") {
  Place place;
  Watch watch(place.config());
  REQUIRE(watch.begin());
  constexpr int kFiles = 60'000;
  for (const char* name : {"a", "b"}) place.make(name);
  for (int i = 0; i < kFiles; i++) {
    UniqueFd(::open((place / ((i % 2 == 0 ? "a/" : "b/") + std::to_string(i) + "-with-a-name-of-some-length")).c_str(), O_WRONLY | O_CREAT, 0644));
  }
  for (int i = 0; i < kFiles; i += 3) ::unlink((place / ((i % 2 == 0 ? "a/" : "b/") + std::to_string(i) + "-with-a-name-of-some-length")).c_str());
  // 8 MB of rows of at least 200 bytes each, and what every worker had in its hands.
  CHECK(watch.engine->status().changes < 50'000);
  CHECK_EQ(watch.settle(std::chrono::seconds(120)), "");
}

TEST("one huge directory that moves in does not outgrow the bound of the changes nobody drains") {
  Place place;
  constexpr int kFiles = 60'000;
  fs::create_directory(place.top + "/huge");
  for (int i = 0; i < kFiles; i++) {
    UniqueFd(::open((place.top + "/huge/" + std::to_string(i) + "-with-a-name-of-some-length").c_str(), O_WRONLY | O_CREAT, 0644));
  }
  Watch watch(place.config());
  REQUIRE(watch.begin());
  fs::rename(place.top + "/huge", place / "huge");
  uint64_t most = 0;
  for (const auto end = Clock::now() + std::chrono::seconds(2); Clock::now() < end && most < kFiles;) most = watch.engine->status().changes;
  CHECK(most > 1'000);
  CHECK(most < 45'000);
  CHECK_EQ(watch.settle(std::chrono::seconds(120)), "");
}

EACH_ENGINE("a directory that is swapped for a link to the outside again and again shows nothing of the outside") {
  Place place;
  place.make("d/sub");
  fs::create_directories(place.top + "/outside/sub");
  std::ofstream(place.top + "/outside/secret") << "x";
  std::ofstream(place.top + "/outside/sub/secret") << "x";
  fs::create_directory_symlink(place.top + "/outside", place / "link");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  std::atomic<bool> stop{false};
  std::thread swapper([&] {
    while (!stop) ::renameat2(AT_FDCWD, (place / "d").c_str(), AT_FDCWD, (place / "link").c_str(), RENAME_EXCHANGE);
  });
  const auto end = Clock::now() + std::chrono::seconds(2);
  while (Clock::now() < end) {
    watch.engine->recheck("d/sub", true, true);
    watch.engine->recheck("link/sub", true, true);
    watch.drain();
  }
  stop = true;
  swapper.join();
  CHECK_EQ(watch.settle(), "");
  for (const Change& change : watch.view.log) CHECK(change.key.find("secret") == std::string::npos);
}

EACH_ENGINE("closing while everything is busy ends at once") {
  for (int round = 0; round < 10; round++) {
    Place place;
    for (int i = 0; i < 200; i++) place.make("d" + std::to_string(i) + "/e");
    Watch watch(place.config(engine));
    watch.engine->start();
    std::atomic<bool> stop{false};
    std::thread writer([&] {
      for (int i = 0; !stop; i++) place.write("d" + std::to_string(i % 200) + "/f" + std::to_string(i % 3000));
    });
    const size_t wanted = static_cast<size_t>(round) * 20;
    watch.until([&] { return watch.engine->status().directories > wanted; });
    const auto snapshot = watch.engine->open_snapshot({1, 1});
    watch.engine->resync("test");
    const auto begun = Clock::now();
    watch.engine->close();
    CHECK(Clock::now() - begun < std::chrono::seconds(5));
    watch.engine->recheck("d1", true, true);  // says nothing, breaks nothing
    stop = true;
    writer.join();
  }
}

EVENT_ENGINES("hints in raw mode name every path, and no changes pile up") {
  Place place;
  place.make("d");
  auto config = place.config(engine);
  config.raw = true;
  Watch watch(config);
  watch.engine->start();
  REQUIRE(watch.until([&] { return watch.available(); }));
  std::string raw;
  for (int i = 0; i < 3000; i++) place.write("d/" + std::to_string(i));
  CHECK(watch.until([&] {
    raw += watch.engine->drain_raw();
    return raw.find("/d/2999") != std::string::npos;
  }));
  CHECK(watch.until([&] { return watch.engine->status().queue_depth == 0; }));
  CHECK(watch.view.log.empty());
}
