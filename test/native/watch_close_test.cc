// What an engine that was closed still keeps of the kernel's: nothing, although somebody still has a reference to it.
#include <sys/mount.h>

#include <algorithm>

#include "check.h"
#include "own_mounts.h"
#include "scan/scanner.h"
#include "watch_judge.h"

using namespace watching;

namespace {

/** What the open descriptors of this process lead to. */
std::vector<std::string> open_files() {
  std::vector<std::string> targets;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the descriptor of this very listing
    const fs::path target = fs::read_symlink(entry.path(), gone);
    if (!gone && target.string().find("/fd") == std::string::npos) targets.push_back(target.string());
  }
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

}  // namespace

EACH_ENGINE("a closed engine keeps no descriptor and no table, whoever still holds it") {
  Place place;
  place.make("a/b");
  place.write("a/b/f");
  const auto before = open_files();
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  const auto snapshot = watch.engine->open_snapshot({4096, 2});
  place.write("a/b/g");
  CHECK(watch.until([&] { return watch.view.count("update", "/a/b/g") > 0; }));
  const auto entries = watch.engine->status().entries;
  watch.engine->close();
  CHECK_EQ(listed(open_files()), listed(before));
  CHECK_EQ(watch.engine->status().entries, entries);  // the last figures stay
  CHECK_EQ(watch.engine->status().engines.empty(), engine.mode != fustor::WatchMode::fanotify);
  // Nothing of this finds a table or a source any more.
  watch.engine->recheck("a/b", true, true);
  watch.engine->resync("after the end");
  watch.engine->confirm_root();
  CHECK(!watch.take_snapshot());
  CHECK(!watch.take(*watch.engine->open_audit({4096, 2})));
  watch.engine->close();
  CHECK_EQ(listed(open_files()), listed(before));
}

EACH_ENGINE("the root's file system can be unmounted as soon as the engine is closed") {
  Place place;
  in_child([&] {
    if (!may_mount()) return;
    REQUIRE_EQ(::mount("tmpfs", place.root.c_str(), "tmpfs", 0, nullptr), 0);
    place.make("a/b");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    for (int i = 0; i < 50; i++) place.write("a/b/f" + std::to_string(i));  // it has work, so it has the root open
    watch.engine->close();
    const bool done = ::umount(place.root.c_str()) == 0;
    if (!done) std::printf("  umount: %s\n", std::strerror(errno));
    CHECK(done);
  });
}

TEST("a scan that came to its end, or was cancelled, keeps no descriptor") {
  Place place;
  for (int i = 0; i < 200; i++) place.make("d" + std::to_string(i));
  const auto before = open_files();
  for (const bool cancelled : {false, true}) {
    fustor::ScanConfig config;
    config.root = place.root;
    const auto scan = fustor::start_scan(config);
    if (cancelled) scan->cancel();
    fustor::Chunk* chunk;
    const auto deadline = Clock::now() + kPatience;
    for (fustor::Poll poll; (poll = scan->poll_next(chunk)) != fustor::Poll::end && Clock::now() < deadline;) {
      if (poll == fustor::Poll::chunk) scan->release(chunk->slot);
    }
    CHECK_EQ(listed(open_files()), listed(before));
  }
}
