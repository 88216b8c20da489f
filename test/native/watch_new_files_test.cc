// New files and what happens to them in their first milliseconds: while a name waits for its close (schedule/created_names.h), while the
// row of its directory is held back, and while that directory goes. Whatever several writers do, the view ends equal to the disk, and no
// file that was closed stays reported as not whole. A few seconds per engine unless told otherwise:
//
//   FUSTOR_RANDOM_SEED=7 FUSTOR_RANDOM_SECONDS=300 build-native-tests/watch_new_files_test "[inotify]"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "check.h"
#include "watch_judge.h"

using namespace watching;
using fustor::UniqueFd;

namespace {

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/** Makes files in directories that it shares with the others. */
class Maker {
 public:
  Maker(const Place& place, uint64_t seed, bool links) : place_(place), random_(seed), links_(links) {}

  void operate(int count) {
    for (int i = 0; i < count; i++) once();
    kept_open_.clear();
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }
  std::string directory() { return place_.root + "/d" + std::to_string(below(3)) + (below(3) == 0 ? "/e" : ""); }
  std::string file() { return directory() + "/f" + std::to_string(below(12)); }
  void wait() {
    if (below(4) == 0) ::usleep(static_cast<useconds_t>(below(8'000)));
  }

  UniqueFd create(const std::string& path) { return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644)); }
  void write(const UniqueFd& fd) {
    if (fd && ::write(fd.get(), "0123456789", static_cast<size_t>(below(11))) < 0) return;
  }

  // Errors are wanted: most of them are one writer in the other's way.
  void once() {
    std::error_code ignored;
    const std::string path = file();
    const std::string other = file();
    switch (below(10)) {
      case 0:
      case 1: write(create(path)); break;
      case 2: {
        const UniqueFd fd = create(path);
        wait();
        write(fd);
        wait();
        break;
      }
      case 3: {
        UniqueFd fd = create(path);
        wait();
        ::rename(path.c_str(), other.c_str());
        write(fd);
        break;
      }
      case 4: {
        const UniqueFd fd = create(path);
        wait();
        ::unlink(path.c_str());
        if (below(2) == 0) fs::create_directories(path + "/x", ignored);
        break;
      }
      case 5: {
        const UniqueFd fd = create(path);
        if (links_) ::link(path.c_str(), other.c_str());
        wait();
        if (links_) ::unlink(path.c_str());
        break;
      }
      case 6:
        if (kept_open_.size() < 8) kept_open_.push_back(create(path));
        if (!kept_open_.empty() && below(2) == 0) kept_open_.erase(kept_open_.begin());
        for (const UniqueFd& fd : kept_open_) write(fd);
        break;
      case 7: {  // the directory goes while names in it wait
        const std::string gone = directory();
        const UniqueFd fd = create(gone + "/late");
        wait();
        if (below(2) == 0) {
          ::rename(gone.c_str(), directory().c_str());
        } else {
          fs::remove_all(gone, ignored);
        }
        fs::create_directories(gone, ignored);
        break;
      }
      case 8: fs::create_directories(directory(), ignored); break;
      case 9: fs::remove_all(path, ignored); break;
    }
  }

  const Place& place_;
  std::mt19937_64 random_;
  const bool links_;
  std::vector<UniqueFd> kept_open_;
};

/** "" when no file is reported as still open. */
std::string open_files(const View& view) {
  std::string open;
  for (const auto& [path, row] : view.rows) {
    if (row.atomic == "false") open += path + "\n";
  }
  return open;
}

/** False when the view does not become equal. */
bool play_round(const Engine& engine, std::mt19937_64& random, bool links, uint64_t& changes) {
  Place place;
  for (int i = 0; i < 3; i++) place.make("d" + std::to_string(i) + "/e");
  auto config = place.config(engine);
  config.settle_ms = 200;
  config.throttle_ms = 50;
  Watch watch(config);
  if (!CHECK(watch.begin())) return false;
  std::vector<Maker> makers;
  for (int i = 0; i < 3; i++) makers.emplace_back(place, random(), links);
  for (int burst = 0; burst < 4; burst++) {
    const int operations = 20 + static_cast<int>(random() % 400);
    std::atomic<size_t> working{makers.size()};
    std::vector<std::thread> threads;
    for (Maker& maker : makers) {
      threads.emplace_back([&] {
        maker.operate(operations);
        working--;
      });
    }
    const int beside = static_cast<int>(random() % 4);
    if (beside == 0) watch.engine->resync("random test");
    if (beside == 1) watch.engine->recheck("d1", true, true);
    if (beside == 2) CHECK(watch.take_snapshot(4096, 2));
    watch.until([&] { return working == 0; }, std::chrono::minutes(2));
    for (std::thread& thread : threads) thread.join();
    if (links) watch.engine->recheck("", true, false);  // the kernel tells nothing of a file's other names
    if (!CHECK_EQ(watch.settle(std::chrono::seconds(60)), "")) return false;
    if (!links) watch.until([&] { return open_files(watch.view).empty(); });
    if (!links && !CHECK_EQ(open_files(watch.view), "")) return false;
  }
  changes += watch.view.log.size();
  if (random() % 2 == 0) Maker(place, random(), false).operate(30);  // the engine ends while names wait
  return true;
}

}  // namespace

EACH_ENGINE("the view equals the disk whatever happens to new files in their first milliseconds") {
  const uint64_t seed = setting("FUSTOR_RANDOM_SEED", std::random_device{}());
  const auto end = Clock::now() + std::chrono::seconds(setting("FUSTOR_RANDOM_SECONDS", 5));
  std::printf("     FUSTOR_RANDOM_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  uint64_t rounds = 0, changes = 0;
  for (; Clock::now() < end || rounds == 0; rounds++) {
    if (play_round(engine, random, rounds % 3 == 2, changes)) continue;
    std::printf("     FUSTOR_RANDOM_SEED=%llu, round %llu\n", static_cast<unsigned long long>(seed), static_cast<unsigned long long>(rounds));
    return;
  }
  std::printf("     %llu rounds, %llu changes\n", static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(changes));
}
