// Whatever two writers do, the view ends equal to the disk. A round is a few bursts of random operations on a tree of its own, with a
// random handicap; after each burst everything has to settle. A few seconds per engine unless told otherwise:
//
//   FUSTOR_RANDOM_SEED=7 FUSTOR_RANDOM_SECONDS=300 build-native-tests/watch_random_test "[inotify]"
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include <atomic>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "check.h"
#include "stallable_source.h"
#include "watch_judge.h"

using namespace watching;
using fustor::UniqueFd;

namespace {

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/** Mounts of our own, seen by nobody else. */
bool own_mounts() {
  static const bool own = ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return own;
}

/** What makes a round hard. */
struct Handicap {
  bool links = false;     // hard links; then nothing moves in or out
  bool overflow = false;  // the reader is held up now and then, over more events than the kernel keeps
  uint64_t budget = 0;    // watches
  bool bind = false;      // a directory of the root is mounted from outside, and written to from there, too

  std::string text() const {
    return std::string(links ? "links " : "") + (overflow ? "overflow " : "") + (budget > 0 ? "budget " + std::to_string(budget) + " " : "") +
           (bind ? "bind " : "");
  }
};

class Writer {
 public:
  Writer(const Place& place, uint64_t seed, const Handicap& handicap) : place_(place), random_(seed), links_(handicap.links), bind_(handicap.bind) {}

  void operate(int count) {
    for (int i = 0; i < count; i++) once();
  }

  /** More events than the kernel keeps, of names that stay and names that do not. */
  void flood() {
    const std::string top = any();
    for (int i = 0; i < 9'000; i++) {
      const std::string path = top + (i % 3 == 0 ? "" : "x") + std::to_string(i);
      UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
      if (i % 50 != 0) ::unlink(path.c_str());
    }
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }

  /** Few names and little depth: writers meet all the time. */
  std::string any() {
    std::string path = bind_ && below(8) == 0 ? place_.top + "/shared" : place_.root;
    for (int depth = 0; depth < 4; depth++) {
      path += below(20) == 0 ? "/\xff\n\"" : "/n" + std::to_string(below(4));
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
  /** A file that had no name before. */
  void link_unnamed(const std::string& directory, const std::string& path) {
    const UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644));
    if (fd.get() < 0 || ::write(fd.get(), "unnamed", 7) != 7) return;
    ::linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd.get())).c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW);
  }
  /** Gone, and at once something of another kind. */
  void flip(const std::string& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
    switch (below(4)) {
      case 0: write(path, O_TRUNC); break;
      case 1: fs::create_directories(path + "/n1/n2", ignored); break;
      case 2: fs::create_symlink(".", path, ignored); break;
      case 3: ::mkfifo(path.c_str(), 0644); break;
    }
  }

  // Errors are wanted: most of them are one writer in the other's way.
  void once() {
    std::error_code ignored;
    const std::string a = any();
    const std::string b = any();
    const std::string away = place_.top + "/away" + std::to_string(below(2));
    switch (below(20)) {
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
      case 15: flip(a); break;
      case 16: link_unnamed(a, b); break;
      case 17:
        if (below(4) == 0) fs::create_directories(a + "/n0/n1/n2/n3/n0/n1/n2/n3/n0/n1/n2/n3", ignored);
        break;
      case 18: ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_NOREPLACE); break;
      case 19: ::setxattr(a.c_str(), "user.fustor", &random_, 4, 0); break;
    }
  }

  const Place& place_;
  std::mt19937_64 random_;
  const bool links_;
  const bool bind_;
};

/** Unmounts at the end, before the place is removed. */
struct Shared {
  explicit Shared(const Place& place) : at(place / "shared") {
    fs::create_directory(place.top + "/shared");
    fs::create_directory(at);
    mounted = ::mount((place.top + "/shared").c_str(), at.c_str(), nullptr, MS_BIND, nullptr) == 0;
  }
  ~Shared() {
    if (mounted) ::umount2(at.c_str(), MNT_DETACH);
  }
  std::string at;
  bool mounted = false;
};

Handicap choose(const Engine& engine, std::mt19937_64& random, uint64_t round) {
  Handicap handicap;
  // What is done to a file through another hard link is seen only if that name is still there when it is looked at, and inside the
  // root: the kernel tells nothing of the file's other names. So rounds with links get a look at everything, as from an audit.
  handicap.links = round % 3 == 1;
  handicap.overflow = !engine.polls() && random() % 3 == 0;
  if (engine.mode == fustor::WatchMode::inotify && random() % 3 == 0) handicap.budget = 1 + random() % 20;
  handicap.bind = !handicap.links && random() % 4 == 0 && own_mounts();
  return handicap;
}

std::unique_ptr<StallableSource> source_of(const Engine& engine) {
  auto real = engine.mode == fustor::WatchMode::fanotify
                  ? std::make_unique<fustor::LadderSource>(fustor::EngineMode::fanotify, fustor::FanotifyOptions{.max_queued = 5'000})
                  : source_for(engine.mode);
  return std::make_unique<StallableSource>(std::move(real));
}

/** False when the view does not become equal. */
bool play_round(const Engine& engine, const Handicap& handicap, std::mt19937_64& random, uint64_t& changes, uint64_t& overflows) {
  Place place;
  for (int i = 0; i < 3; i++) place.make("n" + std::to_string(i) + "/n0/n1");
  std::unique_ptr<Shared> shared;
  if (handicap.bind) shared = std::make_unique<Shared>(place);
  auto config = place.config(engine);
  config.max_watches = handicap.budget;
  if (handicap.budget > 0) config.poll_ms = 100;
  auto source = source_of(engine);
  StallableSource& stalled = *source;
  Watch watch(config, std::move(source));
  std::vector<Writer> writers;
  for (int i = 0; i < 2; i++) writers.emplace_back(place, random(), handicap);
  const bool from_the_start = random() % 2 == 0;  // the writers are at work during the first pass
  const bool bulk_first = random() % 2 == 0;
  if (!from_the_start && !CHECK(watch.begin())) return false;
  bool equal = true;
  for (int burst = 0; burst < 8 && equal; burst++) {
    const int operations = 20 + static_cast<int>(random() % 1500);
    const bool bother = random() % 3 == 0;
    const bool snapshot = random() % 3 == 0;
    const bool stall = handicap.overflow && random() % 3 == 0;
    std::atomic<int> working{2};
    std::vector<std::thread> threads;
    std::unique_lock held(stalled.hold, std::defer_lock);
    if (stall) held.lock();
    for (Writer& writer : writers) {
      threads.emplace_back([&] {
        writer.operate(operations);
        if (stall) writer.flood();
        if (stall) writer.operate(operations / 8);
        working--;
      });
    }
    if (burst == 0 && from_the_start && !stall) CHECK(bulk_first ? watch.begin_bulk_first() : watch.begin());
    if (bother) watch.engine->resync("random test");
    if (bother) watch.engine->recheck("n" + std::to_string(random() % 4), true, random() % 2 == 0);
    if (snapshot && !stall && watch.view.complete) CHECK(watch.take_snapshot(1, 2));
    watch.until([&] { return working == 0; }, std::chrono::minutes(2));
    for (std::thread& thread : threads) thread.join();
    if (stall) held.unlock();
    if (!watch.view.complete) CHECK(watch.begin());
    if (handicap.links) watch.engine->recheck("", true, false);
    equal = CHECK_EQ(watch.settle(std::chrono::seconds(60)), "");
  }
  changes += watch.view.log.size();
  overflows += watch.engine->status().overflows;
  return equal;
}

}  // namespace

EACH_ENGINE("the view equals the disk after whatever two writers did") {
  const uint64_t seed = setting("FUSTOR_RANDOM_SEED", std::random_device{}());
  const auto end = Clock::now() + std::chrono::seconds(setting("FUSTOR_RANDOM_SECONDS", 5));
  std::printf("     FUSTOR_RANDOM_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  uint64_t rounds = 0, changes = 0, overflows = 0;
  while (Clock::now() < end || rounds == 0) {
    const Handicap handicap = choose(engine, random, rounds);
    if (!play_round(engine, handicap, random, changes, overflows)) {
      std::printf("     FUSTOR_RANDOM_SEED=%llu, round %llu: %s\n", static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(rounds), handicap.text().c_str());
      return;
    }
    rounds++;
  }
  std::printf("     %llu rounds, %llu changes, %llu overflows\n", static_cast<unsigned long long>(rounds),
              static_cast<unsigned long long>(changes), static_cast<unsigned long long>(overflows));
}

EACH_ENGINE("the view equals the disk when every row in bulk comes before every change of the first pass") {
  const uint64_t seed = setting("FUSTOR_RANDOM_SEED", std::random_device{}());
  const auto end = Clock::now() + std::chrono::seconds(setting("FUSTOR_RANDOM_SECONDS", 5));
  std::printf("     FUSTOR_RANDOM_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (uint64_t round = 0; Clock::now() < end || round == 0; round++) {
    Place place;
    // Listings that take a while, with the names in which the writers meet somewhere in them.
    for (const char* above : {"", "n0/", "n1/n1/"}) {
      for (int i = 0; i < 1500; i++) place.make(above + std::string("filler") + std::to_string(i));
      for (int i = 0; i < 4; i++) place.make(above + std::string("n") + std::to_string(i) + "/n0/n1");
    }
    auto config = place.config(engine);
    // On a busy machine a look at so many entries takes longer than 100 ms, and then the engine would never be at rest.
    if (engine.polls()) config.poll_ms = 1'000;
    Watch watch(config);
    std::atomic<int> working{2};
    std::vector<Writer> writers;
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; i++) writers.emplace_back(place, random(), Handicap{});
    for (Writer& writer : writers) {
      threads.emplace_back([&] {
        while (!watch.available()) writer.operate(10);
        working--;
      });
    }
    CHECK(watch.begin_bulk_first());
    watch.until([&] { return working == 0; });
    for (std::thread& thread : threads) thread.join();
    if (CHECK_EQ(watch.settle(), "")) continue;
    std::printf("     round %llu\n", static_cast<unsigned long long>(round));
    return;
  }
}
