// The root itself, permissions and mounts: what is not there at the moment was not deleted.
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <sched.h>

#include "base/unique_fd.h"
#include "check.h"
#include "own_mounts.h"
#include "scripted_source.h"
#include "watch_judge.h"

using namespace watching;

namespace {

void become_nobody(const Place& place, fustor::WatchMode mode) {
  constexpr uid_t kNobody = 65534;
  for (const auto& entry : fs::recursive_directory_iterator(place.top)) REQUIRE_EQ(::lchown(entry.path().c_str(), kNobody, kNobody), 0);
  REQUIRE_EQ(::chown(place.top.c_str(), kNobody, kNobody), 0);
  ::prctl(PR_SET_KEEPCAPS, 1);
  REQUIRE_EQ(::setgid(kNobody), 0);
  REQUIRE_EQ(::setuid(kNobody), 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct capabilities[2]{};
  if (mode == fustor::WatchMode::fanotify) {  // which needs it, and which does not read for it what the user may not
    capabilities[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective = capabilities[CAP_TO_INDEX(CAP_SYS_ADMIN)].permitted = CAP_TO_MASK(CAP_SYS_ADMIN);
  }
  REQUIRE_EQ(::syscall(SYS_capset, &header, capabilities), 0);
}

void fill(const Place& place) {
  place.make("a/deep");
  place.write("a/f");
  place.write("a/deep/g");
}

size_t deletes(const View& view) {
  return static_cast<size_t>(std::count_if(view.log.begin(), view.log.end(), [](const Change& change) { return change.op == "delete"; }));
}

}  // namespace

// ---- the root -----------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a root that is renamed away deletes nothing, and its return converges") {
  Place place;
  fill(place);
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  fs::rename(place.root, place.top + "/away");
  CHECK(watch.until([&] { return !watch.why_unavailable().empty(); }));
  std::ofstream(place.top + "/away/a/new") << "made meanwhile";
  fs::remove(place.top + "/away/a/f");
  CHECK_EQ(deletes(watch.view), 0u);
  fs::rename(place.top + "/away", place.root);
  CHECK(watch.until([&] { return watch.available(); }));
  CHECK_EQ(watch.settle(), "");
  place.write("a/deep/g", "watched as before");
  CHECK_EQ(watch.settle(), "");
}

EACH_ENGINE("a root that is replaced by another directory deletes nothing until that one is confirmed") {
  Place place;
  fill(place);
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  fs::create_directories(place.top + "/other/a/deep");
  std::ofstream(place.top + "/other/a/deep/h") << "x";
  ::renameat2(AT_FDCWD, place.root.c_str(), AT_FDCWD, (place.top + "/other").c_str(), RENAME_EXCHANGE);
  CHECK(watch.until([&] { return watch.why_unavailable().find("confirm") != std::string::npos; }));
  CHECK_EQ(deletes(watch.view), 0u);
  CHECK(watch.view.rows.contains("/a/deep/g"));
  CHECK(watch.engine->confirm_root());
  CHECK(watch.until([&] { return watch.available(); }));
  CHECK_EQ(watch.settle(), "");
  CHECK(!watch.engine->confirm_root());
  place.write("a/deep/h", "watched");
  place.write("a/deep/i");
  CHECK_EQ(watch.settle(), "");
}

EACH_ENGINE("a root that was replaced and comes back sends the differences without being confirmed") {
  Place place;
  fill(place);
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  fs::create_directories(place.top + "/other");
  ::renameat2(AT_FDCWD, place.root.c_str(), AT_FDCWD, (place.top + "/other").c_str(), RENAME_EXCHANGE);
  REQUIRE(watch.until([&] { return !watch.why_unavailable().empty(); }));
  std::ofstream(place.top + "/other/a/new") << "made meanwhile";
  ::renameat2(AT_FDCWD, place.root.c_str(), AT_FDCWD, (place.top + "/other").c_str(), RENAME_EXCHANGE);
  CHECK(watch.until([&] { return watch.available(); }));
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(deletes(watch.view), 0u);
}

EACH_ENGINE("a start on another directory than that of an earlier run waits until it is confirmed") {
  Place place;
  fill(place);
  std::string known;
  {
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    known = watch.engine->root_identity();
    CHECK(!known.empty());
  }
  auto config = place.config(engine);
  config.expected_root = known;
  {
    Watch again(config);
    CHECK(again.begin());
    CHECK_EQ(again.engine->root_identity(), known);
  }
  fs::rename(place.root, place.top + "/away");
  fs::create_directory(place.root);
  Watch other(config);
  other.engine->start();
  CHECK(other.until([&] { return other.why_unavailable().find("confirm") != std::string::npos; }));
  CHECK_EQ(other.engine->root_identity(), "");
  CHECK(other.engine->confirm_root());
  CHECK(other.until([&] { return other.available(); }));
  CHECK(other.take_snapshot());
  CHECK_EQ(other.settle(), "");
  CHECK(other.engine->root_identity() != known);
}

EACH_ENGINE("a root that is removed and made again waits to be confirmed, and one that comes late does not") {
  Place place;
  fill(place);
  fs::remove_all(place.root);
  Watch watch(place.config(engine));
  watch.engine->start();
  CHECK(watch.until([&] { return !watch.why_unavailable().empty(); }));
  fs::create_directory(place.root);
  fill(place);
  CHECK(watch.until([&] { return watch.available(); }));
  CHECK(watch.take_snapshot());
  CHECK_EQ(watch.settle(), "");
  for (int i = 0; i < 3; i++) {
    fs::remove_all(place.root);
    if (i != 1) CHECK(watch.until([&] { return !watch.why_unavailable().empty(); }));
    fs::create_directory(place.root);
    place.make("b" + std::to_string(i));
    // What the kernel told of in time was deleted for certain; when that was everything there is nothing to be confirmed.
    CHECK(watch.until([&] { return watch.available() && watch.view.rows.contains("/b" + std::to_string(i)) ? true : (watch.engine->confirm_root(), false); }));
    CHECK_EQ(watch.settle(), "");
  }
}

EACH_ENGINE("an empty root that is exchanged with a link to somewhere else shows nothing of it until it is confirmed") {
  Place place;
  fs::create_directory(place.top + "/outside");
  std::ofstream(place.top + "/outside/secret") << "x";
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  fs::rename(place.root, place.top + "/old");
  fs::create_directory_symlink("outside", place.root);
  // Between the two steps the root is missing, and then there is nothing to confirm yet.
  const auto waits_to_be_confirmed = [&] { return watch.why_unavailable().find("confirm") != std::string::npos; };
  REQUIRE(watch.until([&] { return waits_to_be_confirmed() || watch.view.rows.contains("/secret"); }));
  CHECK(!watch.view.rows.contains("/secret"));
  CHECK(watch.engine->confirm_root());
  CHECK(watch.until([&] { return watch.view.rows.contains("/secret"); }));
}

EACH_ENGINE("a root that is no directory, or excluded as a whole, is unavailable and says why") {
  Place place;
  fs::remove(place.root);
  std::ofstream(place.root) << "a file";
  Watch watch(place.config(engine));
  watch.engine->start();
  CHECK(watch.until([&] { return watch.why_unavailable().starts_with("the root is not a directory"); }));
  Place other;
  auto config = other.config(engine);
  config.filter.exclude_paths = {other.top};
  Watch excluded(config);
  excluded.engine->start();
  CHECK(excluded.until([&] { return excluded.why_unavailable().find("excluded") != std::string::npos; }));
}

EACH_ENGINE("a file that was unsettled when the root went away settles after its return") {
  Place place;
  auto config = place.config(engine);
  config.settle_ms = 1500;
  Watch watch(config);
  REQUIRE(watch.begin());
  fs::create_directory(place.top + "/made");
  std::ofstream(place.top + "/made/f") << "x";
  fs::rename(place.top + "/made", place / "made");
  REQUIRE(watch.until([&] { return watch.view.last("/made/f") != nullptr; }));
  REQUIRE_EQ(watch.view.last("/made/f")->row.atomic, "false");
  fs::rename(place.root, place.top + "/away");
  REQUIRE(watch.until([&] { return !watch.why_unavailable().empty(); }));
  fs::rename(place.top + "/away", place.root);
  CHECK(watch.until([&] { return watch.view.last("/made/f")->row.atomic == "true"; }));
}

// ---- mass deletions -----------------------------------------------------------------------------------------------------------------

namespace {
/** 200 files and 50 directories with one file each. */
void fill_much(const Place& place) {
  for (int i = 0; i < 200; i++) place.write("f" + std::to_string(i));
  for (int i = 0; i < 50; i++) {
    place.make("d" + std::to_string(i));
    place.write("d" + std::to_string(i) + "/f");
  }
}

struct Unheard : Place {
  explicit Unheard(int64_t confirm_ms) {
    fill_much(*this);
    auto config = this->config();
    config.confirm_deletes_ms = confirm_ms;
    watch = std::make_unique<Watch>(config, std::make_unique<ScriptedSource>());  // no event ever comes
    REQUIRE(watch->begin());
  }
  std::unique_ptr<Watch> watch;
};
}  // namespace

TEST("a pass that misses most of the tree deletes nothing before a second look, and nothing that is back by then") {
  Unheard place(4000);
  Watch& watch = *place.watch;
  fs::create_directory(place.top + "/aside");
  for (const auto& entry : fs::directory_iterator(place.root)) fs::rename(entry.path(), place.top + "/aside/" + entry.path().filename().string());
  watch.engine->resync("test");
  REQUIRE(watch.until([&] { return watch.engine->status().held_deletes == 300; }));
  CHECK_EQ(deletes(watch.view), 0u);
  for (const auto& entry : fs::directory_iterator(place.top + "/aside")) fs::rename(entry.path(), place / entry.path().filename().string());
  CHECK(watch.until([&] { return watch.engine->status().held_deletes == 0; }));
  CHECK(watch.until([&] { return watch.engine->status().queue_depth == 0; }));
  watch.engine->resync("test");
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(deletes(watch.view), 0u);
}

TEST("an audit fails while most of the tree is held as missing, as it would say that all of it is gone") {
  Unheard place(600'000);
  Watch& watch = *place.watch;
  for (const auto& entry : fs::directory_iterator(place.root)) fs::remove_all(entry.path());
  CHECK(!watch.take(*watch.engine->open_audit({1 << 20, 4})));
  CHECK(watch.until([&] { return watch.engine->status().held_deletes == 300; }));
  CHECK_EQ(deletes(watch.view), 0u);
}

TEST("what is still missing at the second look is deleted") {
  Unheard place(200);
  for (const auto& entry : fs::directory_iterator(place.root)) fs::remove_all(entry.path());
  place.watch->engine->resync("test");
  CHECK_EQ(place.watch->settle(), "");
  CHECK_EQ(place.watch->view.rows.size(), 1u);
}

TEST("a pass that misses a smaller part deletes it at its end, and a directory that moved unheard is no deletion held") {
  Unheard place(600'000);
  for (int i = 0; i < 90; i++) place.remove("f" + std::to_string(i));
  place.rename("d1", "d2/moved");
  place.watch->engine->resync("test");
  CHECK_EQ(place.watch->settle(), "");
}

EVENT_ENGINES("what the kernel tells of is deleted at once, however much it is") {
  Place place;
  fill_much(place);
  auto config = place.config(engine);
  config.confirm_deletes_ms = 600'000;
  Watch watch(config);
  REQUIRE(watch.begin());
  for (const auto& entry : fs::directory_iterator(place.root)) fs::remove_all(entry.path());
  CHECK_EQ(watch.settle(), "");
}

// ---- permissions --------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("an unreadable directory keeps what is known of it, and is seen when it becomes readable") {
  if (!is_root("becoming another user")) return;
  in_child([&] {
    Place place;
    fill(place);
    place.make("never/below");
    place.write("never/below/f");
    become_nobody(place, engine.mode);
    ::chmod((place / "never").c_str(), 0);
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    CHECK(watch.view.rows.contains("/never"));
    CHECK(watch.until([&] { return watch.engine->status().unreadable == 1; }));
    ::chmod((place / "never").c_str(), 0755);
    CHECK_EQ(watch.settle(), "");

    // Known already; what happens below while it cannot be entered is found afterwards, also further down.
    const fustor::UniqueFd deep(::open((place / "a/deep").c_str(), O_RDONLY | O_DIRECTORY));
    const size_t before = deletes(watch.view);
    ::chmod((place / "a").c_str(), 0);
    fustor::UniqueFd(::openat(deep.get(), "hidden", O_WRONLY | O_CREAT, 0644));
    CHECK(watch.until([&] { return watch.engine->status().unreadable >= 1; }));  // the one below: nobody had to open `a` itself
    CHECK_EQ(deletes(watch.view), before);
    CHECK(watch.view.rows.contains("/a/deep/g"));
    ::chmod((place / "a").c_str(), 0755);
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.until([&] { return watch.engine->status().unreadable == 0; }));
  });
}

EACH_ENGINE("a directory that can be listed but not searched is seen when it can be") {
  if (!is_root("becoming another user")) return;
  in_child([&] {
    Place place;
    place.make("d/sub");
    place.write("d/f");
    become_nobody(place, engine.mode);
    ::chmod((place / "d").c_str(), 0444);
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    ::chmod((place / "d").c_str(), 0755);
    CHECK_EQ(watch.settle(), "");
  });
}

// ---- mounts -------------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a mount that vanishes below the root deletes nothing, and its return converges") {
  if (!is_root("mounting")) return;
  in_child([&] {
    if (!own_mounts()) return;
    Place place;
    fill(place);
    place.make("m");
    REQUIRE_EQ(::mount("tmpfs", (place / "m").c_str(), "tmpfs", 0, nullptr), 0);
    fs::create_directory(place.top + "/keep");
    REQUIRE_EQ(::mount((place / "m").c_str(), (place.top + "/keep").c_str(), nullptr, MS_BIND, nullptr), 0);
    place.make("m/x/y");
    place.write("m/x/f");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    CHECK_EQ(watch.settle(), "");
    REQUIRE_EQ(::umount2((place / "m").c_str(), MNT_DETACH), 0);
    place.write("a/f", "the rest goes on");
    CHECK(watch.until([&] { return watch.view.count("update", "/a/f") > 0; }));
    watch.engine->recheck("m", true, false);
    place.write("a/later");
    CHECK(watch.until([&] { return watch.view.rows.contains("/a/later"); }));
    CHECK_EQ(deletes(watch.view), 0u);
    CHECK(watch.view.rows.contains("/m/x/f"));
    std::ofstream(place.top + "/keep/x/y/new") << "made meanwhile";
    fs::remove(place.top + "/keep/x/f");
    REQUIRE_EQ(::mount((place.top + "/keep").c_str(), (place / "m").c_str(), nullptr, MS_BIND, nullptr), 0);
    CHECK_EQ(watch.settle(), "");
    place.write("m/x/y/new", "watched again");
    CHECK_EQ(watch.settle(), "");
    ::umount2((place / "m").c_str(), MNT_DETACH);
    ::umount2((place.top + "/keep").c_str(), MNT_DETACH);
  });
}

EACH_ENGINE("another file system in the place of one below the root deletes nothing until it is confirmed") {
  if (!is_root("mounting")) return;
  in_child([&] {
    if (!own_mounts()) return;
    Place place;
    fill(place);
    place.make("m");
    REQUIRE_EQ(::mount("tmpfs", (place / "m").c_str(), "tmpfs", 0, nullptr), 0);
    place.make("m/x");
    place.write("m/x/f");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE_EQ(::umount2((place / "m").c_str(), MNT_DETACH), 0);
    CHECK(watch.until([&] { return watch.engine->status().lost_mounts == std::vector<std::string>{"/m"}; }));
    REQUIRE_EQ(::mount("tmpfs", (place / "m").c_str(), "tmpfs", 0, nullptr), 0);
    place.write("m/other");
    place.write("a/f", "the rest goes on");
    CHECK(watch.until([&] { return watch.view.count("update", "/a/f") > 0; }));
    CHECK_EQ(deletes(watch.view), 0u);
    CHECK(watch.view.rows.contains("/m/x/f"));
    CHECK(watch.engine->confirm_root());
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.view.rows.contains("/m/other"));
    CHECK(watch.engine->status().lost_mounts.empty());
    ::umount2((place / "m").c_str(), MNT_DETACH);
  });
}

EACH_ENGINE("a root that is unmounted deletes nothing, and what is mounted there again converges") {
  if (!is_root("mounting")) return;
  in_child([&] {
    if (!own_mounts()) return;
    Place place;
    fs::create_directory(place.top + "/keep");
    REQUIRE_EQ(::mount("tmpfs", (place.top + "/keep").c_str(), "tmpfs", 0, nullptr), 0);
    REQUIRE_EQ(::mount((place.top + "/keep").c_str(), place.root.c_str(), nullptr, MS_BIND, nullptr), 0);
    fill(place);
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE_EQ(::umount2(place.root.c_str(), MNT_DETACH), 0);
    CHECK(watch.until([&] { return watch.why_unavailable().find("not mounted") != std::string::npos; }));
    fs::remove(place.top + "/keep/a/f");
    CHECK_EQ(deletes(watch.view), 0u);
    REQUIRE_EQ(::mount((place.top + "/keep").c_str(), place.root.c_str(), nullptr, MS_BIND, nullptr), 0);
    CHECK(watch.until([&] { return watch.available(); }));
    CHECK_EQ(watch.settle(), "");
    CHECK_EQ(deletes(watch.view), 1u);
    ::umount2(place.root.c_str(), MNT_DETACH);
    ::umount2((place.top + "/keep").c_str(), MNT_DETACH);
  });
}

EACH_ENGINE("the same directory seen twice through a bind mount has two sets of rows that follow each other") {
  if (!is_root("mounting")) return;
  in_child([&] {
    if (!own_mounts()) return;
    Place place;
    fill(place);
    place.make("b");
    place.write("b/under");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE_EQ(::mount((place / "a").c_str(), (place / "b").c_str(), nullptr, MS_BIND, nullptr), 0);
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.view.rows.contains("/b/deep/g"));
    place.write("a/deep/g", "through a");
    place.write("b/new", "through b");
    CHECK_EQ(watch.settle(), "");
    place.remove("b/deep");
    CHECK_EQ(watch.settle(), "");
    REQUIRE(watch.until([&] { return ::umount((place / "b").c_str()) == 0; }));
    CHECK_EQ(watch.settle(), "");
    place.write("b/under", "watched again");
    place.write("a/new", "and so is this");
    CHECK_EQ(watch.settle(), "");
  });
}

EACH_ENGINE("a mount that is not to be entered shows no contents, and uncovers what it lay on") {
  if (!is_root("mounting")) return;
  in_child([&] {
    if (!own_mounts()) return;
    Place place;
    place.make("m");
    place.write("m/under");
    auto config = place.config(engine);
    config.cross_mounts = false;
    Watch watch(config);
    REQUIRE(watch.begin());
    const std::string other = place.top + "/other";  // filled before it shows: nobody watches the row of what is not entered
    fs::create_directory(other);
    REQUIRE_EQ(::mount("tmpfs", other.c_str(), "tmpfs", 0, nullptr), 0);
    std::ofstream(other + "/inside") << "x";
    REQUIRE_EQ(::mount(other.c_str(), (place / "m").c_str(), nullptr, MS_BIND, nullptr), 0);
    const auto enter = [](const std::string& path) { return path != "/m"; };
    CHECK_EQ(watch.settle(kPatience, enter), "");
    REQUIRE(watch.until([&] { return ::umount((place / "m").c_str()) == 0; }));  // busy while the engine looks at it
    CHECK_EQ(watch.settle(), "");
    ::umount(other.c_str());
  });
}
