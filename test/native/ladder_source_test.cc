// Which engine watches what, and that the watch engine converges on it. On the real kernel; what needs root or mounts is skipped and
// says so.
#include "watch/source/ladder_source.h"

#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <thread>

#include "check.h"
#include "in_child.h"
#include "stallable_source.h"
#include "watch_judge.h"

using namespace fustor;
using namespace watching;

namespace {

bool skipped(const char* what, int error) {
  check::skipped(std::string(what) + ": " + std::strerror(error));
  return true;
}

/** No fanotify at all, or not for the file system of the temporary files. */
bool no_fanotify(const std::string& path) {
  FanotifySource source;
  const int error = source.open();
  if (error != 0) return skipped("no fanotify group", error);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  WatchId id;
  const int refused = source.arm(fd.get(), id);
  return refused != 0 && skipped("fanotify refuses the file system of the temporary files", refused);
}

bool private_mounts() {
  static const int error =
      ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : errno;
  return error == 0 || !skipped("no mount namespace of our own", error);
}

int arm(EventSource& source, const std::string& directory, WatchId& id) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return source.arm(fd.get(), id);
}

std::string text_of(const std::vector<EngineFact>& facts) {
  std::string text;
  for (const EngineFact& fact : facts) text += fact.file_system + "=" + fact.engine + (fact.reason.empty() ? "!" : "") + " ";
  return text;
}

/** Directories `t` on a tmpfs and `o` on an overlay below the root, unmounted at the end. */
struct Mounts : Place {
  bool ready = false;

  Mounts() {
    if (!private_mounts()) return;
    for (const char* name : {"t", "o"}) make(name);
    for (const char* name : {"low", "up", "work"}) fs::create_directory(top + "/" + name);
    if (mount_tmpfs() != 0 && skipped("no tmpfs", errno)) return;
    const std::string options = "lowerdir=" + top + "/low,upperdir=" + top + "/up,workdir=" + top + "/work";
    ready = ::mount("overlay", (root + "/o").c_str(), "overlay", 0, options.c_str()) == 0;
    if (!ready) skipped("no overlay", errno);
  }
  ~Mounts() {
    ::umount2((root + "/t").c_str(), MNT_DETACH);
    ::umount2((root + "/o").c_str(), MNT_DETACH);
  }
  int mount_tmpfs() const { return ::mount("none", (root + "/t").c_str(), "tmpfs", 0, nullptr); }
};

void random_change(const Place& place, const std::vector<std::string>& tops, std::mt19937& random) {
  const auto pick = [&] {
    std::string path = tops[random() % tops.size()];
    for (unsigned depth = 1 + random() % 3; depth > 0; depth--) path += "/n" + std::to_string(random() % 4);
    return place / path;
  };
  const std::string a = pick();
  const std::string b = pick();
  std::error_code ignored;
  switch (random() % 9) {
    case 0: std::ofstream(a) << std::string(random() % 50, 'x'); break;
    case 1: std::ofstream(a, std::ios::app) << 'y'; break;
    case 2: fs::create_directories(a, ignored); break;
    case 3: fs::rename(a, b, ignored); break;
    case 4: ::unlink(a.c_str()); break;
    case 5: fs::remove_all(a, ignored); break;
    case 6: fs::create_symlink("t", a, ignored); break;
    case 7: fs::create_hard_link(a, b, ignored); break;
    default: fs::rename(a, place.top + "/away" + std::to_string(random() % 2), ignored); break;
  }
}

}  // namespace

TEST("each file system gets the best engine that runs there, and the reason is told") {
  Mounts place;
  if (!place.ready || no_fanotify(place.root)) return;
  LadderSource source;
  REQUIRE_EQ(source.open(), 0);
  CHECK_EQ(source.limit(), 0u);
  WatchId disk, memory, overlay;
  REQUIRE_EQ(arm(source, place.root, disk), 0);
  REQUIRE_EQ(arm(source, place / "t", memory), 0);
  REQUIRE_EQ(arm(source, place / "o", overlay), 0);
  CHECK(disk < -1 && memory < -1 && disk != memory);
  CHECK(overlay > 0);
  CHECK(source.limit() > 0);
  FsIdentity identity;
  const UniqueFd fd(::open(place.root.c_str(), O_PATH | O_CLOEXEC));
  REQUIRE_EQ(identify_fs(fd.get(), identity), 0);
  CHECK_EQ(text_of(source.facts()), fs_name(identity.magic) + "=fanotify tmpfs=fanotify overlay=inotify ");
}

TEST("changes seen by either engine arrive through one descriptor") {
  Mounts place;
  if (!place.ready || no_fanotify(place.root)) return;
  LadderSource source;
  REQUIRE_EQ(source.open(), 0);
  for (const char* folder : {"t", "o"}) {
    WatchId id;
    REQUIRE_EQ(arm(source, place / folder, id), 0);
    std::vector<KernelEvent> events;
    while (source.read(events)) events.clear();
    place.make(std::string(folder) + "/new");
    pollfd ready{source.poll_fd(), POLLIN, 0};
    REQUIRE_EQ(::poll(&ready, 1, 5000), 1);
    REQUIRE(source.read(events));
    REQUIRE(events.size() == 1);
    CHECK_EQ(events[0].watch, id);
    CHECK_EQ(events[0].mask, static_cast<uint32_t>(IN_CREATE | IN_ISDIR));
    CHECK_EQ(std::string(events[0].name), std::string("new"));
    source.disarm(id);
    place.make(std::string(folder) + "/unheard");
    events.clear();
    while (source.read(events)) {
    }
    for (const KernelEvent& event : events) CHECK(event.mask & IN_IGNORED);
  }
}

TEST("an engine asked for by name is taken, or its errno is the answer") {
  Mounts place;
  if (!place.ready || no_fanotify(place.root)) return;
  WatchId id;
  LadderSource only_fanotify(EngineMode::fanotify);
  REQUIRE_EQ(only_fanotify.open(), 0);
  CHECK_EQ(arm(only_fanotify, place / "t", id), 0);
  CHECK_EQ(arm(only_fanotify, place / "o", id), EOPNOTSUPP);
  CHECK_EQ(text_of(only_fanotify.facts()), std::string("tmpfs=fanotify overlay=none "));
  LadderSource only_inotify(EngineMode::inotify);
  REQUIRE_EQ(only_inotify.open(), 0);
  CHECK_EQ(arm(only_inotify, place / "t", id), 0);
  CHECK(id > 0 && only_inotify.limit() > 0);
  CHECK_EQ(text_of(only_inotify.facts()), std::string("tmpfs=inotify "));
}

TEST("without the capability everything falls to inotify, and fanotify by name is an error") {
  const Place place;
  in_child([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    ::syscall(SYS_capset, &header, none);
    LadderSource by_name(EngineMode::fanotify);
    LadderSource source;
    WatchId id = -1;
    CHECK_EQ(by_name.open(), EPERM);
    REQUIRE_EQ(source.open(), 0);
    REQUIRE_EQ(arm(source, place.root, id), 0);
    CHECK(id > 0);
    CHECK_EQ(source.choices().at(0).reason, "fanotify needs CAP_SYS_ADMIN");
  });
}

TEST("a file system in the place of another is decided on its own, and one that is gone is no longer listed") {
  Mounts place;
  if (!place.ready || no_fanotify(place.root)) return;
  LadderSource source;
  REQUIRE_EQ(source.open(), 0);
  WatchId id;
  for (int i = 0; i < 3; i++) {
    REQUIRE_EQ(arm(source, place / "t", id), 0);
    CHECK(id < -1);
    REQUIRE_EQ(arm(source, place / "o", id), 0);
    CHECK(id > 0);
    CHECK_EQ(source.choices().size(), 2u);
    REQUIRE(::umount((place / "t").c_str()) == 0);
    CHECK_EQ(text_of(source.facts()), std::string("overlay=inotify "));
    REQUIRE(place.mount_tmpfs() == 0);
  }
}

TEST("the view equals the disk across file systems of both engines, and after one was mounted anew") {
  Mounts place;
  if (!place.ready || no_fanotify(place.root)) return;
  auto source = std::make_unique<LadderSource>();
  const LadderSource* ladder = source.get();
  Watch watch(place.config(), std::move(source));
  REQUIRE(watch.begin());
  CHECK_EQ(ladder->choices().size(), 3u);
  for (const char* folder : {"", "t/", "o/"}) {
    place.make(folder + std::string("a/b"));
    place.write(folder + std::string("a/b/f"));
  }
  CHECK_EQ(watch.settle(), std::string());
  CHECK(place.rename("t/a", "t/c"));
  place.write("t/c/b/f", "longer");
  place.remove("o/a");
  CHECK_EQ(watch.settle(), std::string());
  REQUIRE(::umount((place / "t").c_str()) == 0);
  REQUIRE(place.mount_tmpfs() == 0);
  place.make("t/after");
  CHECK(watch.until([&] { return watch.engine->confirm_root(); }));  // another file system than before
  CHECK_EQ(watch.settle(), std::string());
  place.write("t/after/f");
  CHECK_EQ(watch.settle(), std::string());
}

TEST("two writers at random, on file systems of both engines: the view converges") {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  Mounts place;
  if (!place.ready || no_fanotify(place.root)) return;
  Watch watch(place.config(), std::make_unique<LadderSource>(EngineMode::automatic, FanotifyOptions{.max_queued = 5'000}));
  REQUIRE(watch.begin());
  place.make("d");
  for (unsigned round = 0; round < 4; round++) {
    const auto writer = [&](unsigned number) {
      std::mt19937 random(seed + round * 2 + number);
      for (int i = 0; i < 3000; i++) random_change(place, {"d", "t", "o"}, random);
    };
    std::thread other(writer, 1);
    writer(0);
    other.join();
    // The kernel says nothing to the other names of a file that loses a link, perhaps outside of the root: a look at everything, as from an audit.
    watch.engine->recheck("", true, false);
    if (!CHECK_EQ(watch.settle(), std::string())) break;
  }
}

TEST("when more events waited than allowed, the view converges by itself") {
  const Place place;
  if (no_fanotify(place.root)) return;
  auto source = std::make_unique<LadderSource>(EngineMode::fanotify, FanotifyOptions{.max_queued = 10'000});
  const LadderSource& ladder = *source;
  auto stallable = std::make_unique<StallableSource>(std::move(source));
  StallableSource& stalled = *stallable;
  Watch watch(place.config(), std::move(stallable));
  for (int i = 0; i < 100; i++) place.make("d" + std::to_string(i));
  REQUIRE(watch.begin());
  {
    const std::lock_guard held(stalled.hold);
    for (int i = 0; i < 20'000; i++) place.write("d" + std::to_string(i % 100) + "/f" + std::to_string(i), "");
    place.make("d0/new/below");
  }
  CHECK_EQ(watch.settle(), std::string());
  CHECK(watch.engine->status().overflows >= 1);  // what others do in this file system counts as well
  CHECK(ladder.fanotify_stats().discarded > 10'000);
  place.write("d0/new/below/f");
  CHECK_EQ(watch.settle(), std::string());
}
