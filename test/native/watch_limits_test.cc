// What the system refuses or takes away: limits, stops, mounts. And what is never looked at. On the real kernel, with every engine.
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "base/unique_fd.h"
#include "check.h"
#include "own_mounts.h"
#include "watch_judge.h"

using namespace watching;
using fustor::UniqueFd;

namespace {

std::string number(int i) { return std::to_string(i); }

bool put(const std::string& file, const std::string& text) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.get() >= 0 && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/** A user namespace: its inotify limits (/proc/sys/user) are its own, those of the machine are never written. */
bool own_limits() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(CLONE_NEWUSER) != 0) {
    check::skipped(std::string("no user namespace (") + std::strerror(errno) + ")");
    return false;
  }
  if (put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", "0 " + number(static_cast<int>(user)) + " 1") &&
      put("/proc/self/gid_map", "0 " + number(static_cast<int>(group)) + " 1")) {
    return true;
  }
  check::skipped(std::string("the user namespace takes no users (") + std::strerror(errno) + ")");
  return false;
}

/** While it lives the process gets no further descriptor. */
class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get());
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptorLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

size_t deletes(const View& view) {
  size_t count = 0;
  for (const Change& change : view.log) count += change.op == "delete";
  return count;
}

/** Names that anybody opened in these directories, by the kernel's own account. */
class Opened {
 public:
  explicit Opened(const std::vector<std::string>& directories) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    for (const std::string& directory : directories) CHECK(::inotify_add_watch(fd_.get(), directory.c_str(), IN_OPEN | IN_ACCESS) >= 0);
  }
  std::set<std::string> names() const {
    std::set<std::string> names;
    alignas(inotify_event) char buffer[64 << 10];
    for (ssize_t got; (got = ::read(fd_.get(), buffer, sizeof(buffer))) > 0;) {
      for (ssize_t at = 0; at < got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        if (event->len > 0) names.insert(event->name);
        at += static_cast<ssize_t>(sizeof(inotify_event)) + event->len;
      }
    }
    return names;
  }

 private:
  UniqueFd fd_;
};

}  // namespace

// ---- limits of the kernel -----------------------------------------------------------------------------------------------------------

TEST("when the kernel grants no more inotify watches the rest is polled, counted, and the view converges") {
  in_child([] {
    if (!own_limits()) return;
    if (!put("/proc/sys/user/max_inotify_watches", "5")) {
      check::skipped("the limit of the user namespace cannot be set");
      return;
    }
    Place place;
    for (int i = 0; i < 10; i++) place.make("d" + number(i) + "/sub");
    auto config = place.config();
    config.poll_ms = 100;
    Watch watch(config);
    REQUIRE(watch.begin());
    for (int i = 0; i < 10; i++) {
      place.write("d" + number(i) + "/sub/f");
      place.make("d" + number(i) + "/new/below");
    }
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.until([&] { return watch.engine->status().unwatched["budget"].count == 41 - 5; }));
    CHECK_EQ(watch.engine->status().watches_used, 5u);
    REQUIRE(put("/proc/sys/user/max_inotify_watches", "1000"));
    CHECK(watch.until([&] { return watch.engine->status().watches_used == 41; }));  // taken up by the next polls
    CHECK(watch.until([&] { return watch.engine->status().unwatched.empty(); }));
  });
}

TEST("when the kernel grants no inotify instance the engine that was asked for says so") {
  in_child([] {
    if (!own_limits()) return;
    if (!put("/proc/sys/user/max_inotify_instances", "0")) {
      check::skipped("the limit of the user namespace cannot be set");
      return;
    }
    Place place;
    Watch watch(place.config());
    watch.engine->start();
    CHECK(watch.until([&] { return watch.why_unavailable().find("max_user_instances") != std::string::npos; }));
  });
}

EACH_ENGINE("an engine for which the process has no file descriptor left says so, names the limit, and runs when it is asked again") {
  in_child([&engine] {
    Place place;
    place.write("f");
    // UBSan opens a pipe when it meets a class for the first time, and takes an object for broken when it cannot.
    CHECK(Watch(place.config(engine)).begin());
    Watch watch(place.config(engine));
    {
      const NoDescriptorLeft none;
      CHECK(!watch.engine->start());
    }
    const std::string why = watch.why_unavailable();
    for (const char* part : {"no file descriptor is left (limit ", "ulimit -n", "LimitNOFILE="}) CHECK(why.find(part) != std::string::npos);
    CHECK(why.find("max_user") == std::string::npos);
    CHECK(watch.engine->start());
    REQUIRE(watch.begin());
    CHECK_EQ(watch.settle(), "");
  });
}

TEST("when the kernel grants neither fanotify nor an inotify instance the automatic engine polls everything and says why") {
  in_child([] {
    if (!own_limits()) return;  // without CAP_SYS_ADMIN in the first user namespace there is no fanotify
    if (!put("/proc/sys/user/max_inotify_instances", "0")) {
      check::skipped("the limit of the user namespace cannot be set");
      return;
    }
    Place place;
    place.make("d/sub");
    auto config = place.config();
    config.mode = fustor::WatchMode::automatic;
    config.poll_ms = 100;
    Watch watch(config);
    REQUIRE(watch.begin());
    place.write("d/sub/f");
    place.make("d/new/below");
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.until([&] { return watch.engine->status().unwatched["instances"].count == 5; }));
    const auto engines = watch.engine->status().engines;
    REQUIRE_EQ(engines.size(), 1u);
    CHECK_EQ(engines[0].engine, "none");
    CHECK(engines[0].reason.find("max_user_instances") != std::string::npos);
  });
}

// ---- stops and signals --------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a process that is stopped and goes on, under signals, has missed nothing") {
  Place place;
  for (int i = 0; i < 5; i++) place.make("d" + number(i));
  const pid_t child = start_child([&] {
    std::signal(SIGUSR1, [](int) {});
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    place.write("ready");
    CHECK(watch.until([&] { return fs::exists(place / "d0/last") && watch.view.rows.contains("/d0/last"); }));
    CHECK_EQ(watch.settle(), "");
  });
  for (int i = 0; i < 2000 && !fs::exists(place / "ready"); i++) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  for (int round = 0; round < 5; round++) {
    ::kill(child, SIGSTOP);
    int status;
    ::waitpid(child, &status, WUNTRACED);
    if (!CHECK(WIFSTOPPED(status))) return;
    for (int i = 0; i < 300; i++) place.write("d" + number(i % 5) + "/f" + number(round * 300 + i));
    place.rename("d4", "d5");
    place.make("d4/sub");
    ::kill(child, SIGCONT);
    for (int i = 0; i < 20; i++) ::kill(child, SIGUSR1);
    place.remove("d5");
  }
  place.write("d0/last");
  end_child(child);
}

// ---- mounts -------------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a root whose file system is unmounted deletes nothing, and is watched again when it is mounted") {
  in_child([&] {
    if (!own_mounts()) return;
    Place place;
    const std::string keep = place.top + "/keep";
    fs::create_directory(keep);
    REQUIRE_EQ(::mount("tmpfs", keep.c_str(), "tmpfs", 0, nullptr), 0);
    REQUIRE_EQ(::mount(keep.c_str(), place.root.c_str(), nullptr, MS_BIND, nullptr), 0);
    place.make("a/b");
    place.write("a/b/f");
    auto config = place.config(engine);
    config.poll_ms = 1000;  // between two polls nothing is held open
    Watch watch(config);
    REQUIRE(watch.begin());
    REQUIRE(watch.until([&] { return ::umount(place.root.c_str()) == 0; }));
    // What stands there now is an empty directory: a mount point without its mount.
    CHECK(watch.until([&] { return watch.why_unavailable().find("not mounted") != std::string::npos; }));
    std::ofstream(keep + "/a/b/new") << "made meanwhile";
    fs::remove(keep + "/a/b/f");
    CHECK_EQ(deletes(watch.view), 0u);
    CHECK(watch.view.rows.contains("/a/b/f"));
    REQUIRE_EQ(::mount(keep.c_str(), place.root.c_str(), nullptr, MS_BIND, nullptr), 0);
    CHECK(watch.until([&] { return watch.available(); }));
    CHECK_EQ(watch.settle(), "");
    place.write("a/b/new", "watched again");
    CHECK_EQ(watch.settle(), "");
    watch.engine->close();
    ::umount2(place.root.c_str(), MNT_DETACH);
    ::umount2(keep.c_str(), MNT_DETACH);
  });
}

EACH_ENGINE("a file system that is mounted below the root is walked, and a pseudo file system never") {
  in_child([&] {
    if (!own_mounts()) return;
    Place place;
    place.make("disk");
    place.make("p");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE_EQ(::mount("tmpfs", (place / "disk").c_str(), "tmpfs", 0, nullptr), 0);
    place.make("disk/a/b");
    place.write("disk/a/b/f");
    if (::mount("proc", (place / "p").c_str(), "proc", 0, nullptr) != 0) std::printf("     proc cannot be mounted here\n");
    const auto walked = [](const std::string& path) { return path != "/p"; };
    // The row of a directory that is not entered is as of its mounting: nobody tells of changes in it.
    CHECK(watch.until([&] { return watch.view.rows.contains("/disk/a/b/f"); }));
    place.write("disk/a/b/f", "watched");
    CHECK(watch.until([&] { return watch.view.rows["/disk/a/b/f"].size == "7"; }));
    watch.engine->recheck("", true, true);
    place.write("witness");
    CHECK(watch.until([&] { return watch.view.rows.contains("/witness"); }));
    CHECK_EQ(watch.settle(kPatience, walked).find("/disk"), std::string::npos);
    for (const Change& change : watch.view.log) CHECK(!change.key.starts_with("/p/"));
    watch.engine->close();
    ::umount2((place / "p").c_str(), MNT_DETACH);
    ::umount2((place / "disk").c_str(), MNT_DETACH);
  });
}

// ---- what is never opened -----------------------------------------------------------------------------------------------------------

EACH_ENGINE("files, fifos, sockets, links and devices are told by lstat and never opened") {
  Place place;
  place.make("d");
  const Opened opened({place.root, place / "d"});
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  REQUIRE_EQ(::mkfifo((place / "d/fifo").c_str(), 0644), 0);  // who opens it to read waits for a writer, for ever
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", (place / "d/socket").c_str());
  REQUIRE_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  fs::create_symlink("fifo", place / "d/link");
  const bool device = ::mknod((place / "d/null").c_str(), S_IFCHR | 0644, makedev(1, 3)) == 0;
  ::mknod((place / "d/file").c_str(), S_IFREG | 0644, 0);
  CHECK_EQ(watch.settle(), "");
  watch.engine->recheck("", true, true);
  CHECK(watch.take_snapshot());
  const uint64_t resyncs = watch.engine->status().resyncs;
  watch.engine->resync("test");
  CHECK(watch.until([&] { return watch.engine->status().resyncs > resyncs; }));
  ::chmod((place / "d/fifo").c_str(), 0600);
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.size(), device ? 7u : 6u);
  const std::set<std::string> names = opened.names();
  CHECK(names.contains("d"));  // the directory: the account is alive
  for (const char* name : {"fifo", "socket", "link", "null", "file"}) CHECK(!names.contains(name));
  if (const Change* fifo = watch.view.last("/d/fifo")) CHECK_EQ(fifo->row.atomic, "true");
}

// ---- filter -------------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("what the filter leaves out is never told, listed or watched, in whatever phase it comes") {
  Place place;
  for (const char* name : {"keep", "skip/deep", "keep/skip/deep", "path/to/cut/below"}) place.make(name);
  for (const char* name : {"keep/a.txt", "keep/b.log", "skip/c.txt", "skip/deep/d.txt", "path/to/cut/e.txt"}) place.write(name);
  auto config = place.config(engine);
  config.filter.file_pattern = "*.txt";
  config.filter.exclude = {"skip/", "path/*/cut"};
  config.filter.exclude_paths = {place / "state"};
  const Opened opened({place / "skip", place / "keep/skip", place / "path/to"});
  Watch watch(config);
  REQUIRE(watch.begin());
  const auto out = [](const std::string& path) {
    return path.find("skip") != std::string::npos || path.find("cut") != std::string::npos || path.find("state") != std::string::npos;
  };
  const auto expected = [&] {
    Tree tree;
    for (const auto& [path, row] : disk(place.root, [&](const std::string& path) { return !out(path); })) {
      if (!out(path) && (row.directory || path.ends_with(".txt"))) tree[path] = row;
    }
    return tree;
  };
  const auto settled = [&] {
    return watch.until([&] { return difference(expected(), watch.view.rows).empty() && watch.engine->status().queue_depth <= (engine.polls() ? 3 : 0); });
  };
  CHECK(settled());  // first pass and snapshot
  if (engine.mode == fustor::WatchMode::inotify) CHECK_EQ(watch.engine->status().watches_used, 4u);
  place.write("skip/new.txt");  // live
  place.write("keep/new.log");
  place.write("keep/new.txt");
  place.make("keep/more/skip/deep");
  place.write("keep/more/skip/f.txt");
  place.make("state");
  place.write("state/own.txt");
  CHECK(settled());
  place.rename("keep/a.txt", "keep/a.log");  // out of sight and into it
  place.rename("keep/b.log", "keep/b.txt");
  place.rename("keep/more", "keep/later");
  place.make("comes");
  place.write("comes/f.txt");
  CHECK(settled());
  place.rename("comes", "gone");
  place.rename("gone", "keep/more");
  CHECK(settled());
  fs::rename(place / "keep/more", place / "skip/inside");  // a directory that is seen goes where nothing is
  fs::rename(place / "skip/deep", place / "keep/out");
  CHECK(settled());
  CHECK(watch.view.rows.contains("/keep/out/d.txt"));
  CHECK(!watch.view.rows.contains("/keep/more"));
  watch.engine->recheck("skip", true, true);  // asked for by name
  watch.engine->recheck("", true, true);
  CHECK(settled());
  CHECK(watch.take_snapshot());
  CHECK(settled());
  for (const Change& change : watch.view.log) CHECK(!out(change.key));
  const std::set<std::string> names = opened.names();
  for (const char* name : {"deep", "cut", "inside", "below"}) CHECK(!names.contains(name));
}

EACH_ENGINE("directories that are called like a server's snapshots are ordinary where the file system does not make them") {
  Place place;
  place.make(".snapshot/a");
  place.make(".zfs/b");
  place.write(".snapshot/a/f");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  place.write(".zfs/b/g");
  place.make("d/.snapshot");
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.size(), 9u);
}

// ---- whether a file is whole --------------------------------------------------------------------------------------------------------

EVENT_ENGINES("a file is whole after close, link, rename and mkfifo, not while it is written, and a chmod does not change that") {
  Place place;
  place.write("old");
  auto config = place.config(engine);
  config.throttle_ms = 100;
  Watch watch(config);
  REQUIRE(watch.begin());
  const auto atomic = [&](const char* key) {
    const Change* last = watch.view.last(key);
    return last == nullptr ? std::string("nothing") : last->row.atomic;
  };
  UniqueFd fd(::open((place / "f").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644));
  REQUIRE_EQ(::write(fd.get(), "one", 3), 3);
  CHECK(watch.until([&] { return atomic("/f") == "false" && watch.view.rows["/f"].size == "3"; }));
  ::fchmod(fd.get(), 0600);  // the flag is repeated
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(atomic("/f"), "false");
  fd.reset();
  CHECK(watch.until([&] { return atomic("/f") == "true"; }));
  ::chmod((place / "f").c_str(), 0644);
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(atomic("/f"), "true");
  place.rename("f", "renamed");
  fs::create_hard_link(place / "old", place / "linked");
  ::mkfifo((place / "fifo").c_str(), 0644);
  fs::create_symlink("old", place / "symlink");
  place.make("directory");
  CHECK_EQ(watch.settle(), "");
  for (const char* key : {"/renamed", "/linked", "/fifo", "/symlink"}) CHECK_EQ(atomic(key), "true");
  CHECK_EQ(atomic("/directory"), "");
}

EACH_ENGINE("a young file that a listing finds is told as not whole, and confirmed when it is quiet") {
  Place place;
  auto config = place.config(engine);
  config.settle_ms = 300;
  fs::create_directory(place.top + "/made");
  Watch watch(config);
  REQUIRE(watch.begin());
  std::ofstream(place.top + "/made/young") << "x";
  std::ofstream(place.top + "/made/old") << "x";
  const timespec past[2] = {{86'400, 0}, {86'400, 0}};
  ::utimensat(AT_FDCWD, (place.top + "/made/old").c_str(), past, 0);
  fs::rename(place.top + "/made", place / "made");
  CHECK(watch.until([&] { return watch.view.last("/made/young") != nullptr && watch.view.last("/made/young")->row.atomic == "true"; }));
  CHECK_EQ(watch.settle(), "");
  std::vector<std::string> young, old;
  for (const Change& change : watch.view.log) {
    if (change.key == "/made/young") young.push_back(change.row.atomic);
    if (change.key == "/made/old") old.push_back(change.row.atomic);
  }
  CHECK(young.front() == "false" && young.back() == "true");
  for (const std::string& atomic : old) CHECK_EQ(atomic, "true");
}
