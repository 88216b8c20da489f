// A file system below the root that stops answering stops nothing but itself. With a real FUSE mount whose daemon is paused.
#include <sys/mount.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string>
#include <thread>

#include "scan/scanner.h"
#include "stalling_fuse.h"
#include "watch_judge.h"

namespace {
using namespace watching;
using namespace std::chrono_literals;

/** A root with a mount of a FUSE mirror of `behind` at `m`, something in it and something beside it. */
struct Hanging {
  Place place;
  std::string behind = place.top + "/behind";
  std::unique_ptr<StallingFuse> fuse;

  Hanging() {
    fs::create_directories(behind + "/sub");
    std::ofstream(behind + "/b") << 1;
    std::ofstream(behind + "/sub/e") << 1;
    place.make("m");
    place.make("other/deep");
    place.write("other/old");
  }
  /** `user` may look at the mount, and nobody else unless `others`. False, and the test skipped, where FUSE cannot be mounted. */
  bool mount(bool others = true, unsigned user = 0) {
    fuse = std::make_unique<StallingFuse>(behind, place / "m", others, user);
    if (!fuse->mounted()) check::skipped("FUSE cannot be mounted (root, /dev/fuse)");
    return fuse->mounted();
  }
  /** fanotify by name is refused by FUSE: the automatic engine takes it for the root, and inotify for the mount. */
  fustor::WatchConfig config(const Engine& engine) const {
    return config(engine.mode == fustor::WatchMode::fanotify ? fustor::WatchMode::automatic : engine.mode);
  }
  fustor::WatchConfig config(fustor::WatchMode mode) const {
    fustor::WatchConfig config = place.config();
    config.mode = mode;
    config.poll_ms = 200;
    config.elsewhere_poll_ms = 300;
    config.hang_ms = 1000;
    return config;
  }
};

bool told_as_hanging(const Watch& watch, const std::string& path) {
  for (const fustor::Unanswered& place : watch.engine->status().unanswered) {
    if (place.path == path && place.for_ms >= 1000) return true;
  }
  return false;
}

/** The rows of an audit by path, and whether it ended well. */
struct AuditRows {
  std::map<std::string, bool> skipped;
  bool whole = false;
};

AuditRows take_audit(Watch& watch, Clock::duration patience = kPatience) {
  AuditRows audit;
  const auto stream = watch.engine->open_audit({1 << 16, 4});
  fustor::Poll last = fustor::Poll::pending;
  watch.until(
      [&] {
        fustor::Chunk* chunk;
        while ((last = stream->poll_next(chunk)) == fustor::Poll::chunk) {
          for (uint32_t i = 0; i < chunk->rows; i++) {
            const std::string_view text(chunk->data + chunk->row_offsets[i], chunk->row_offsets[i + 1] - 1 - chunk->row_offsets[i]);
            const JsonReader::Members members = JsonReader(text).object();
            audit.skipped[member(members, "path")] = member(members, "audit_skipped") == "true";
          }
          stream->release(chunk->slot);
        }
        return last != fustor::Poll::pending;
      },
      patience);
  audit.whole = last == fustor::Poll::end && stream->summary().complete;
  return audit;
}

EACH_ENGINE("a mount that stops answering while it is looked at holds up nothing else, is told, and converges when it answers again") {
  Hanging hanging;
  if (!hanging.mount()) return;
  Watch watch(hanging.config(engine));
  REQUIRE(watch.begin());
  REQUIRE_EQ(watch.settle(), "");

  hanging.fuse->stall();
  std::ofstream(hanging.behind + "/new") << 22;
  std::ofstream(hanging.behind + "/sub/e") << 333;
  watch.engine->recheck("m/b", false, false);
  watch.engine->recheck("m/sub", true, false);
  watch.engine->recheck("m", true, false);
  for (int i = 0; i < 8; i++) {
    const std::string name = "other/n" + std::to_string(i);
    hanging.place.write(name);
    CHECK(watch.until([&] { return watch.view.rows.contains("/" + name); }, 10s));
  }
  hanging.place.write("beside");
  CHECK(watch.until([&] { return watch.view.rows.contains("/beside"); }, 10s));
  CHECK(watch.until([&] { return told_as_hanging(watch, "/m"); }));
  CHECK(watch.view.rows.contains("/m/b"));
  CHECK(watch.view.rows.contains("/m/sub/e"));

  hanging.fuse->resume();
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.until([&] { return watch.engine->status().unanswered.empty(); }));
}

TEST("an audit and a snapshot over a mount that does not answer end, with what lies there as skipped and as last known") {
  Hanging hanging;
  if (!hanging.mount()) return;
  Watch watch(hanging.config(fustor::WatchMode::automatic));
  REQUIRE(watch.begin());
  hanging.fuse->stall();
  for (int round = 0; round < 2; round++) {
    const AuditRows audit = take_audit(watch);
    REQUIRE(audit.whole);
    for (const char* path : {"/m", "/m/sub"}) CHECK(audit.skipped.contains(path) && audit.skipped.at(path));
    for (const char* path : {"/m/b", "/other/old"}) CHECK(audit.skipped.contains(path));
    CHECK(audit.skipped.contains("/other") && !audit.skipped.at("/other"));
    watch.view.rows.clear();
    REQUIRE(watch.take_snapshot());
    for (const char* path : {"/m", "/m/b", "/m/sub/e", "/other/old"}) CHECK(watch.view.rows.contains(path));
  }
  hanging.fuse->resume();
  CHECK_EQ(watch.settle(), "");
  // A mirror that gets no processor for a moment does not answer either: what counts is that an audit sees it again.
  CHECK(watch.until([&] {
    const AuditRows audit = take_audit(watch);
    return audit.whole && audit.skipped.contains("/m") && !audit.skipped.at("/m");
  }));
}

EVENT_ENGINES("started while a mount does not answer, everything else is there at once, the mount has a row, and its contents follow") {
  Hanging hanging;
  if (!hanging.mount()) return;
  hanging.fuse->stall();
  Watch watch(hanging.config(engine));
  REQUIRE(watch.begin());
  for (const char* path : {"/m", "/other", "/other/old", "/other/deep"}) CHECK(watch.view.rows.contains(path));
  CHECK(!watch.view.rows.contains("/m/b"));
  CHECK(watch.until([&] { return told_as_hanging(watch, "/m"); }));
  const AuditRows audit = take_audit(watch);
  REQUIRE(audit.whole);
  CHECK(audit.skipped.contains("/m") && audit.skipped.at("/m"));
  CHECK(audit.skipped.contains("/") && !audit.skipped.at("/"));
  hanging.fuse->resume();
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.view.rows.contains("/m/sub/e"));
}

/** What a scan had to say: rows by path, until its end. */
std::set<std::string> scan_of(const std::shared_ptr<fustor::BulkStream>& scan, Clock::duration patience = kPatience) {
  std::set<std::string> paths;
  const auto deadline = Clock::now() + patience;
  for (;;) {
    fustor::Chunk* chunk;
    const fustor::Poll poll = scan->poll_next(chunk);
    if (poll == fustor::Poll::end || poll == fustor::Poll::failed || Clock::now() > deadline) return paths;
    if (poll == fustor::Poll::pending) {
      ::usleep(2000);
      continue;
    }
    for (uint32_t i = 0; i < chunk->rows; i++) {
      const std::string_view text(chunk->data + chunk->row_offsets[i], chunk->row_offsets[i + 1] - 1 - chunk->row_offsets[i]);
      paths.insert(member(JsonReader(text).object(), "path"));
    }
    scan->release(chunk->slot);
  }
}

TEST("a scan over a mount that does not answer ends with everything else, and names it as an error") {
  Hanging hanging;
  if (!hanging.mount()) return;
  fustor::ScanConfig config;
  config.root = hanging.place.root;
  config.hang_ms = 600;
  for (const unsigned threads : {1u, 3u}) {
    config.threads = threads;
    hanging.fuse->stall();
    auto scan = fustor::start_scan(config);
    CHECK(scan_of(scan) == (std::set<std::string>{"/", "/other", "/other/deep", "/other/old"}));
    CHECK(scan->summary().complete);
    REQUIRE(scan->summary().errors.size() == 1);
    CHECK_EQ(scan->summary().errors.at(0).path, "/m");
    CHECK_EQ(scan->summary().errors.at(0).error, ETIMEDOUT);

    fustor::ScanConfig some = config;
    some.paths = {"m/sub", "m/b", "other/old", "m/sub/e"};
    scan = fustor::start_scan(some);
    CHECK(scan_of(scan) == (std::set<std::string>{"/other/old"}));
    CHECK_EQ(scan->summary().errors_by_errno[ETIMEDOUT], 3u);
    hanging.fuse->resume();
    scan = fustor::start_scan(config);
    CHECK(scan_of(scan).contains("/m/sub/e"));
  }
}

TEST("a mount that stops answering in the middle of a scan costs what lies there alone, and whoever gives the scan up does not wait") {
  Hanging hanging;
  if (!hanging.mount()) return;
  for (int i = 0; i < 200; i++) fs::create_directories(hanging.behind + "/many/d" + std::to_string(i));
  for (int i = 0; i < 200; i++) hanging.place.make("here/d" + std::to_string(i));
  fustor::ScanConfig config;
  config.root = hanging.place.root;
  config.hang_ms = 600;
  config.threads = 2;
  for (int round = 0; round < 6; round++) {
    const uint64_t before = hanging.fuse->answered();
    auto scan = fustor::start_scan(config);
    while (hanging.fuse->answered() < before + 20u * static_cast<unsigned>(round)) std::this_thread::yield();
    hanging.fuse->stall();
    if (round % 2 == 0) {
      const std::set<std::string> rows = scan_of(scan);
      for (const char* path : {"/here/d0", "/here/d199", "/other/old"}) CHECK(rows.contains(path));
      CHECK(scan->summary().complete);
    }
    const auto begun = Clock::now();
    scan.reset();
    CHECK(Clock::now() - begun < 10s);
    hanging.fuse->resume();
  }
}

TEST("a scan whose root does not answer fails in time") {
  Hanging hanging;
  if (!hanging.mount()) return;
  hanging.fuse->stall();
  fustor::ScanConfig config;
  config.root = hanging.place / "m";
  config.hang_ms = 600;
  const auto scan = fustor::start_scan(config);
  CHECK(scan_of(scan).empty());
  CHECK_EQ(scan->root_error(), ETIMEDOUT);
  hanging.fuse->resume();
}

TEST("below a root that is a link, too, a mount that does not answer holds up nothing") {
  Hanging hanging;
  if (!hanging.mount()) return;
  const std::string link = hanging.place.top + "/link";
  fs::create_directory_symlink(hanging.place.root, link);
  hanging.fuse->stall();
  fustor::WatchConfig config = hanging.config(fustor::WatchMode::automatic);
  config.root = link;
  Watch watch(config);
  REQUIRE(watch.begin());
  CHECK(watch.view.rows.contains("/m"));
  hanging.place.write("beside");
  CHECK(watch.until([&] { return watch.view.rows.contains("/beside"); }, 10s));
  fustor::ScanConfig scanned;
  scanned.root = link;
  scanned.hang_ms = 600;
  CHECK(scan_of(fustor::start_scan(scanned)).contains("/other/deep"));
  hanging.fuse->resume();
  CHECK_EQ(watch.settle(), "");
}

TEST("a mount that is excluded is not even asked") {
  Hanging hanging;
  if (!hanging.mount()) return;
  fustor::WatchConfig config = hanging.config(fustor::WatchMode::automatic);
  config.filter.exclude = {"/m"};
  Watch watch(config);
  REQUIRE(watch.begin());
  hanging.fuse->stall();
  hanging.place.make("disk");
  REQUIRE(::mount("none", (hanging.place / "disk").c_str(), "tmpfs", 0, "size=1m") == 0);
  std::ofstream(hanging.place / "disk/inside") << 1;
  CHECK(watch.until([&] { return watch.view.rows.contains("/disk/inside"); }));
  CHECK(!watch.view.rows.contains("/m"));
  CHECK(watch.engine->status().unanswered.empty());
  ::umount2((hanging.place / "disk").c_str(), MNT_DETACH);
}

EVENT_ENGINES("a mount that hangs idle holds up neither the directory above it nor the news of other mounts") {
  Hanging hanging;
  if (!hanging.mount()) return;
  fustor::WatchConfig config = hanging.config(engine);
  config.elsewhere_poll_ms = 0;  // nobody looks at it by the clock
  Watch watch(config);
  REQUIRE(watch.begin());
  REQUIRE_EQ(watch.settle(), "");
  hanging.fuse->stall();
  hanging.place.make("disk");
  REQUIRE(::mount("none", (hanging.place / "disk").c_str(), "tmpfs", 0, "size=1m") == 0);
  std::ofstream(hanging.place / "disk/inside") << 1;
  CHECK(watch.until([&] { return watch.view.rows.contains("/disk/inside"); }, 10s));
  for (int i = 0; i < 4; i++) {
    const std::string name = "above" + std::to_string(i);
    hanging.place.write(name);
    CHECK(watch.until([&] { return watch.view.rows.contains("/" + name); }, 10s));
  }
  ::umount((hanging.place / "disk").c_str());
  hanging.fuse->resume();
  CHECK(watch.until([&] { return watch.engine->status().unanswered.empty(); }));
}

TEST("closing waits a moment for threads that hang, not for their file system, and what they bring back touches nothing that is gone") {
  Hanging hanging;
  if (!hanging.mount()) return;
  std::weak_ptr<fustor::Watcher> engine;
  {
    Watch watch(hanging.config(fustor::WatchMode::inotify));
    engine = watch.engine;
    REQUIRE(watch.begin());
    hanging.fuse->stall();
    watch.engine->recheck("m", true, false);
    watch.engine->recheck("m/sub", true, false);
    REQUIRE(watch.until([&] { return told_as_hanging(watch, "/m"); }));
    const auto begun = Clock::now();
    watch.engine->close();
    CHECK(Clock::now() - begun < 10s);
  }
  CHECK(!engine.expired());  // a thread is still in there
  hanging.fuse->resume();
  const auto deadline = Clock::now() + kPatience;
  while (!engine.expired() && Clock::now() < deadline) ::usleep(10'000);
  CHECK(engine.expired());
}

TEST("a root that does not answer is unavailable, deletes nothing, and leaves another watch alone") {
  Hanging hanging;
  if (!hanging.mount()) return;
  fustor::WatchConfig config = hanging.config(fustor::WatchMode::automatic);
  config.root = hanging.place / "m";
  Watch hung(config);
  config.root = hanging.place / "other";
  Watch healthy(config);
  REQUIRE(hung.begin());
  REQUIRE(healthy.begin());
  hanging.fuse->stall();
  CHECK(hung.until([&] { return hung.why_unavailable().find("does not answer") != std::string::npos; }));
  hanging.place.write("other/during");
  CHECK(healthy.until([&] { return healthy.view.rows.contains("/during"); }, 10s));
  CHECK(hung.view.rows.contains("/sub/e"));
  hanging.fuse->resume();
  CHECK(hung.until([&] { return hung.available(); }));
  CHECK_EQ(hung.settle(), "");
}

TEST("in automatic mode what changes behind a FUSE mount is seen within the interval for such file systems, and that is told") {
  Hanging hanging;
  if (!hanging.mount()) return;
  Watch watch(hanging.config(fustor::WatchMode::automatic));
  REQUIRE(watch.begin());
  REQUIRE_EQ(watch.settle(), "");
  std::ofstream(hanging.behind + "/sub/e") << "longer";
  std::ofstream(hanging.behind + "/sub/more") << 1;
  fs::remove(hanging.behind + "/b");
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.engine->status().polled_elsewhere, 2u);
}

TEST("a FUSE mount that refuses us has a row, and the reason why it cannot be read is told") {
  Hanging hanging;
  if (!hanging.mount(false, 12345)) return;
  Watch watch(hanging.config(fustor::WatchMode::automatic));
  REQUIRE(watch.begin());
  REQUIRE(watch.view.rows.contains("/m"));
  CHECK(watch.view.rows.at("/m").directory);
  CHECK(watch.view.rows.contains("/other/old"));
  const fustor::WatchStatus status = watch.engine->status();
  CHECK_EQ(status.unreadable, 1u);
  REQUIRE(status.unreadable_by.contains("Permission denied"));
  CHECK_EQ(status.unreadable_by.at("Permission denied").examples.at(0), "/m");
  const AuditRows audit = take_audit(watch);
  CHECK(audit.whole);
  CHECK(audit.skipped.contains("/m") && audit.skipped.at("/m"));
  hanging.fuse.reset();
  CHECK_EQ(watch.settle(), "");
}
}  // namespace
