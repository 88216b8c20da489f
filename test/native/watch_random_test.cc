// Whatever two writers do, the view ends equal to the disk. A round is a burst of random operations; then everything has to settle.
//
//   FUSTOR_TEST_SEED=7 FUSTOR_TEST_SECONDS=60 watch_random_test
#include <atomic>
#include <random>
#include <thread>

#include "check.h"
#include "watch_judge.h"

using namespace watching;

namespace {

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Writer {
 public:
  Writer(const Place& place, uint64_t seed, bool links) : place_(place), random_(seed), links_(links) {}

  void operate(int count) {
    for (int i = 0; i < count; i++) once();
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }

  /** Few names and little depth: writers meet all the time. */
  std::string any() {
    std::string path = place_.root;
    for (int depth = 0; depth < 4; depth++) {
      path += "/n" + std::to_string(below(4));
      if (below(10) < 4) break;
    }
    return path;
  }

  void write(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0) return;
    const std::string text(static_cast<size_t>(below(60)), 'x');
    [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
    ::close(fd);
  }

  // Errors are wanted: most of them are one writer in the other's way.
  void once() {
    std::error_code ignored;
    const std::string a = any();
    const std::string b = any();
    const std::string away = place_.top + "/away" + std::to_string(below(2));
    switch (below(15)) {
      case 0: write(a, O_TRUNC); break;
      case 1: write(a, O_APPEND); break;
      case 2: fs::create_directories(a, ignored); break;
      case 3: ::rename(a.c_str(), b.c_str()); break;
      case 4: ::unlink(a.c_str()); break;
      case 5: fs::remove_all(a, ignored); break;
      case 6: fs::create_symlink("/etc", a, ignored); break;
      case 7:
        if (links_) ::link(a.c_str(), b.c_str());
        break;
      case 8: {
        const timespec times[2] = {{below(1'000'000'000), below(1'000'000'000)}, {below(1'000'000'000), below(1'000'000'000)}};
        ::utimensat(AT_FDCWD, a.c_str(), times, AT_SYMLINK_NOFOLLOW);
        break;
      }
      case 9: ::truncate(a.c_str(), 1); break;
      case 10:
        if (!links_) ::rename(a.c_str(), away.c_str());
        break;
      case 11:
        if (!links_) ::rename(away.c_str(), b.c_str());
        break;
      case 12:
        for (int i = 0; i < 5; i++) fs::create_directories(a + "/n" + std::to_string(i % 4) + "/n" + std::to_string(i % 3), ignored);
        break;
      case 13: ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE); break;
      case 14: ::chmod(a.c_str(), below(2) == 0 ? 0755 : 0711); break;
    }
  }

  const Place& place_;
  std::mt19937_64 random_;
  const bool links_;
};

}  // namespace

TEST("the view equals the disk after whatever two writers did") {
  const uint64_t seed = setting("FUSTOR_TEST_SEED", std::random_device{}());
  const auto end = Clock::now() + std::chrono::seconds(setting("FUSTOR_TEST_SECONDS", 5));
  std::printf("     seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  uint64_t rounds = 0;
  uint64_t changes = 0;
  while (Clock::now() < end || rounds == 0) {
    Place place;
    for (int i = 0; i < 3; i++) place.make("n" + std::to_string(i) + "/n0/n1");
    Watch watch(place.config());
    std::vector<Writer> writers;
    // What is done to a file through another hard link is seen only if that name is still there when it is looked at, and inside the
    // root: the kernel tells nothing of the file's other names. So rounds with links get a look at everything, as from an audit.
    const bool links = rounds % 3 == 1;
    for (int i = 0; i < 2; i++) writers.emplace_back(place, random(), links);
    const bool from_the_start = random() % 2 == 0;  // the writers are at work during the first pass
    if (!from_the_start) REQUIRE(watch.begin());
    for (int burst = 0; burst < 8; burst++) {
      const int operations = 20 + static_cast<int>(random() % 1500);
      const bool bother = random() % 3 == 0;
      const bool snapshot = random() % 3 == 0;
      std::atomic<int> working{2};
      std::vector<std::thread> threads;
      for (Writer& writer : writers) {
        threads.emplace_back([&] {
          writer.operate(operations);
          working--;
        });
      }
      if (burst == 0 && from_the_start) CHECK(watch.begin());
      if (bother) watch.engine->resync("random test");
      if (bother) watch.engine->recheck("n" + std::to_string(random() % 4), true, random() % 2 == 0);
      if (snapshot) CHECK(watch.take_snapshot(1, 2));
      watch.until([&] { return working == 0; });
      for (std::thread& thread : threads) thread.join();
      if (links) watch.engine->recheck("", true, false);
      const std::string rest = watch.settle();
      CHECK_EQ(rest, "");
      if (rest.empty()) continue;
      std::printf("     seed %llu, round %llu, burst %d\n", static_cast<unsigned long long>(seed), static_cast<unsigned long long>(rounds), burst);
      return;
    }
    changes += watch.view.log.size();
    rounds++;
  }
  std::printf("     %llu rounds, %llu changes\n", static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(changes));
}
