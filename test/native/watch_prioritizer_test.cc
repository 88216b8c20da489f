// With a file system mark, changes are told before the pass over the tree has come to where they happen.
#include <atomic>
#include <thread>

#include "check.h"
#include "scripted_source.h"
#include "watch/source/fanotify_source.h"
#include "watch_judge.h"

using namespace watching;

namespace {

/**
 * A source in earnest, whose `arm` the test can hold for one directory; and for another one, when the prioritizer comes
 * to arm it.
 */
class HeldSource final : public fustor::EventSource {
 public:
  HeldSource(std::string held, std::unique_ptr<fustor::EventSource> source)
      : held_(std::move(held)), source_(std::move(source)) {}
  void hold_prioritizer(const std::string& place) {
    std::lock_guard lock(mutex_);
    struct stat wanted {};
    if (::stat(place.c_str(), &wanted) == 0) looked_at_ = wanted.st_ino;
    prioritizer_open_ = false;
  }
  bool prioritizer_reached() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return prioritizer_reached_; });
  }
  void let_prioritizer_go() {
    std::lock_guard lock(mutex_);
    prioritizer_open_ = true;
    changed_.notify_all();
  }
  ~HeldSource() override {
    let_go();
    let_prioritizer_go();
  }
  void let_go() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool reached() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return reached_; });
  }

  int open() override { return source_->open(); }
  int poll_fd() const override { return source_->poll_fd(); }
  int arm(int fd, fustor::WatchId& id) override {
    if ((::fcntl(fd, F_GETFL) & O_PATH) != 0) wait_as_prioritizer(fd);
    const int error = source_->arm(fd, id);
    struct stat own {}, wanted {};
    const bool is_held = ::fstat(fd, &own) == 0 && ::stat(held_.c_str(), &wanted) == 0 && own.st_ino == wanted.st_ino;
    std::unique_lock lock(mutex_);
    if (!is_held) return error;
    reached_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return open_; });
    return error;
  }
  void disarm(fustor::WatchId id) override { source_->disarm(id); }
  bool read(std::vector<fustor::KernelEvent>& events) override { return source_->read(events); }
  uint32_t limit() const override { return 0; }
  void tell_unarmed(bool wanted) override { source_->tell_unarmed(wanted); }
  int open_unarmed(const fustor::HandleRef& handle, int on_mount, fustor::UniqueFd& out) override {
    return source_->open_unarmed(handle, on_mount, out);
  }
  uint64_t device_of(const fustor::HandleRef& handle) const override { return source_->device_of(handle); }

 private:
  void wait_as_prioritizer(int fd) {
    struct stat own {};
    ::fstat(fd, &own);
    std::unique_lock lock(mutex_);
    if (prioritizer_open_ || own.st_ino != looked_at_) return;
    prioritizer_reached_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return prioritizer_open_; });
  }

  const std::string held_;
  ino_t looked_at_ = 0;
  bool prioritizer_reached_ = false;
  bool prioritizer_open_ = true;
  const std::unique_ptr<fustor::EventSource> source_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool open_ = false;
};

bool runs_here(const Place& place) {
  fustor::FanotifySource source;
  fustor::WatchId id;
  const fustor::UniqueFd fd(::open(place.root.c_str(), O_RDONLY | O_DIRECTORY));
  const int error = source.open() != 0 ? EPERM : source.arm(fd.get(), id);
  if (error != 0) check::skipped(std::string("no fanotify here (") + std::strerror(error) + ")");
  return error == 0;
}

/** The first pass stands still at the root, or at another directory, which is armed and not listed. */
struct Held {
  explicit Held(const fustor::WatchConfig& config) : Held(config, config.root,
                                                          std::make_unique<fustor::FanotifySource>()) {}
  Held(const fustor::WatchConfig& config, const std::string& at, std::unique_ptr<fustor::EventSource> of) {
    auto made = std::make_unique<HeldSource>(at, std::move(of));
    source = made.get();
    watch = std::make_unique<Watch>(config, std::move(made));
    watch->engine->start();
    REQUIRE(source->reached());
  }
  /** The pass goes on to its end, and the view is whole. */
  std::string finish() {
    source->let_go();
    if (!watch->until([this] { return watch->available(); })) return "the pass does not end";
    return watch->take_snapshot() ? watch->settle() : "no snapshot";
  }
  HeldSource* source = nullptr;
  std::unique_ptr<Watch> watch;
};

size_t place_in_log(const View& view, const std::string& key) {
  for (size_t i = 0; i < view.log.size(); i++) {
    if (view.log[i].key == key) return i;
  }
  return SIZE_MAX;
}

}  // namespace

TEST("a change deep in a tree that was not listed yet is told at once, after the directories above it") {
  Place place;
  if (!runs_here(place)) return;
  place.make("a/b/c");
  place.write("a/b/c/old");
  Held held(place.config());
  Watch& watch = *held.watch;
  place.write("a/b/c/new");
  REQUIRE(watch.until([&] { return watch.view.count("update", "/a/b/c/new") > 0; }));
  CHECK(place_in_log(watch.view, "/a") < place_in_log(watch.view, "/a/b"));
  CHECK(place_in_log(watch.view, "/a/b") < place_in_log(watch.view, "/a/b/c"));
  CHECK(place_in_log(watch.view, "/a/b/c") < place_in_log(watch.view, "/a/b/c/new"));
  CHECK(!watch.available());
  place.write("a/b/c/new", "again");
  CHECK(watch.until([&] { return watch.view.rows["/a/b/c/new"].size == "5"; }));
  place.write("a/b/c/old", "changed");
  CHECK(watch.until([&] { return watch.view.rows["/a/b/c/old"].size == "7"; }));
  CHECK_EQ(held.finish(), "");
}

EVENT_ENGINES("a change in what the first pass has listed already is told after the directories above it") {
  Place place;
  place.make("a/b/c");
  place.write("a/b/c/old");
  place.make("held");
  Held held(place.config(engine), place / "held", source_for(engine.mode));
  Watch& watch = *held.watch;
  REQUIRE(watch.until([&] { return watch.engine->status().queue_depth == 0 && watch.engine->status().entries == 6; }));
  REQUIRE(watch.view.log.empty());
  place.write("a/b/c/new");
  REQUIRE(watch.until([&] { return watch.view.count("update", "/a/b/c/new") > 0; }));
  CHECK(place_in_log(watch.view, "/a") < place_in_log(watch.view, "/a/b"));
  CHECK(place_in_log(watch.view, "/a/b") < place_in_log(watch.view, "/a/b/c"));
  CHECK(place_in_log(watch.view, "/a/b/c") < place_in_log(watch.view, "/a/b/c/new"));
  CHECK(!watch.available());
  CHECK_EQ(held.finish(), "");
}

TEST("what is made, renamed and removed before the pass gets there converges, and nothing that was there is told as gone") {
  Place place;
  if (!runs_here(place)) return;
  for (const char* name : {"a/b", "c/d", "gone/with"}) place.make(name);
  for (const char* name : {"a/b/f", "c/d/g", "gone/with/all", "stays"}) place.write(name);
  Held held(place.config());
  Watch& watch = *held.watch;
  place.make("a/b/made/deep");
  place.write("a/b/made/deep/x");
  place.rename("c/d", "a/b/moved");
  place.write("a/b/moved/y");
  place.remove("gone");
  CHECK(watch.until([&] { return watch.view.count("update", "/a/b/made/deep/x") > 0; }));
  CHECK(watch.until([&] { return watch.view.count("update", "/a/b/moved/y") > 0; }));
  place.remove("a/b/made");
  CHECK(watch.until([&] { return !watch.view.rows.contains("/a/b/made"); }));
  CHECK_EQ(held.finish(), "");
  CHECK_EQ(watch.view.count("delete", "/stays"), 0u);
  CHECK_EQ(watch.view.count("delete", "/a/b/f"), 0u);
}

TEST("what lies outside the root, or is excluded, stays unknown while the pass runs") {
  Place place;
  if (!runs_here(place)) return;
  place.make("a/hidden/deep");
  fs::create_directories(place.top + "/root-beside/d");
  auto config = place.config();
  config.filter.exclude = {"hidden"};
  Held held(config);
  Watch& watch = *held.watch;
  std::ofstream(place.top + "/root-beside/d/f") << "x";
  place.write("a/hidden/deep/f");
  place.write("a/hidden/f");
  place.write("a/f");
  REQUIRE(watch.until([&] { return watch.view.count("update", "/a/f") > 0; }));
  held.source->let_go();
  CHECK(watch.until([&] { return watch.available(); }));
  CHECK(watch.until([&] { return watch.engine->status().queue_depth == 0; }));
  for (const Change& change : watch.view.log) {
    CHECK(change.key.find("beside") == std::string::npos && change.key.find("hidden") == std::string::npos);
  }
}

TEST("a change in a huge directory is told while that directory is still being listed by the only worker") {
  Place place;
  if (!runs_here(place)) return;
  place.make("elsewhere");
  for (int i = 0; i < 30'000; i++) fustor::UniqueFd(::open((place / std::to_string(i)).c_str(), O_WRONLY | O_CREAT,
                                                           0644));
  auto config = place.config();
  config.threads = 1;
  Watch watch(config, std::make_unique<fustor::FanotifySource>());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; i++) {
      place.write("elsewhere/f" + std::to_string(i % 50), std::to_string(i));
      place.write("g" + std::to_string(i % 50), std::to_string(i));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  watch.engine->start();
  const auto told = [&](const char* prefix) {
    return std::any_of(watch.view.log.begin(), watch.view.log.end(),
                       [&](const Change& change) { return change.key.starts_with(prefix); });
  };
  bool both_before_the_end = false;
  watch.until([&] {
    both_before_the_end = both_before_the_end || (told("/elsewhere/f") && told("/g") && !watch.available());
    return watch.available();
  });
  stop = true;
  writer.join();
  CHECK(both_before_the_end);
  CHECK(watch.take_snapshot());
  CHECK_EQ(watch.settle(), "");
}

TEST("a tree that is rebuilt all the time while the pass runs converges") {
  for (int round = 0; round < 5; round++) {
    Place place;
    if (!runs_here(place)) return;
    for (int i = 0; i < 300; i++) place.make("d" + std::to_string(i) + "/e/f");
    Watch watch(place.config(), std::make_unique<fustor::FanotifySource>());
    std::atomic<bool> stop{false};
    std::thread writer([&] {
      for (int i = 0; !stop; i++) {
        const std::string from = "d" + std::to_string(i % 300);
        const std::string to = "d" + std::to_string((i * 7 + 1) % 300);
        place.write(from + "/e/f/x", std::to_string(i));
        place.rename(from + "/e/f", to + "/g" + std::to_string(i % 5));
        place.make(from + "/e/f");
        if (i % 3 == 0) place.remove(to + "/g" + std::to_string(i % 5));
      }
    });
    watch.engine->start();
    watch.until([&] { return watch.available(); });
    stop = true;
    writer.join();
    CHECK(watch.take_snapshot());
    CHECK_EQ(watch.settle(), "");
  }
}

TEST("a directory that goes away while the prioritizer arms it takes the watch of no other") {
  Place place;
  if (!runs_here(place)) return;
  place.make("a/going");
  place.write("a/going/f");
  auto config = place.config();
  config.threads = 2;  // one of them is held at the root
  Held held(config);
  Watch& watch = *held.watch;
  held.source->hold_prioritizer(place / "a/going");
  place.write("a/going/f", "changed");
  REQUIRE(held.source->prioritizer_reached());
  REQUIRE(watch.until([&] { return watch.view.count("update", "/a/going/f") > 0 || watch.engine->status().queue_depth <= 1; }));  // the root
  place.remove("a/going");
  const auto known = [&] { return watch.engine->status().directories; };
  const auto before = known();
  REQUIRE(watch.until([&] { return watch.view.count("delete", "/a/going") > 0; }));
  // Its place in the table is free once nobody waits for the other half of a rename any more.
  REQUIRE(watch.until([&] { return known() < before; }));
  for (int i = 0; i < 4; i++) place.make("a/d" + std::to_string(i));
  REQUIRE(watch.until([&] { return watch.view.rows.contains("/a/d0") && watch.view.rows.contains("/a/d3"); }));
  REQUIRE(watch.until([&] { return watch.engine->status().queue_depth <= 1; }));
  held.source->let_prioritizer_go();
  CHECK_EQ(held.finish(), "");
  for (int i = 0; i < 4; i++) place.write("a/d" + std::to_string(i) + "/late");
  CHECK_EQ(watch.settle(), "");
}

TEST("the set-up is told in two numbers: until the mark was set, and until everything was known") {
  Place place;
  if (!runs_here(place)) return;
  Held held(place.config());
  CHECK(held.watch->until([&] { return held.watch->engine->status().raw_events == 0; }));
  CHECK(held.watch->engine->status().primed_ms < 0);
  CHECK_EQ(held.finish(), "");
  const fustor::WatchStatus status = held.watch->engine->status();
  CHECK(status.mark_ms >= 0);
  CHECK(status.primed_ms >= status.mark_ms);
  Watch inotify(place.config());
  REQUIRE(inotify.begin());
  CHECK(inotify.engine->status().mark_ms < 0);
  CHECK(inotify.engine->status().primed_ms > 0);
}
