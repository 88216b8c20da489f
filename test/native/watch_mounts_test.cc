// Mounts that come, go, move and cover, and file systems that number or spell their entries in ways of their own; all of them real.
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstdio>

#include "base/unique_fd.h"
#include "check.h"
#include "own_mounts.h"
#include "watch/mounts/place_identity.h"
#include "watch_judge.h"

using namespace watching;

namespace {

size_t deletes(const View& view) {
  return static_cast<size_t>(std::count_if(view.log.begin(), view.log.end(), [](const Change& change) { return change.op == "delete"; }));
}

/** What was told as deleted. */
std::string deleted(const View& view) {
  std::string keys;
  for (const Change& change : view.log) {
    if (change.op == "delete") keys += change.key + " ";
  }
  return keys;
}

/** A place whose mounts are unmounted before it is removed. */
struct MountPlace : Place {
  ~MountPlace() {
    for (const char* below : {"/root", "/disk", "/other"}) run_program({"umount", "--recursive", "--lazy", top + below});
  }
};

int btrfs(const std::vector<std::string>& words) {
  std::vector<std::string> all{"btrfs", "subvolume"};
  all.insert(all.end(), words.begin(), words.end());
  return run_program(all);
}

/** The root is a btrfs file system of its own, with the subvolume `cur` and a file in it. */
struct BtrfsPlace : MountPlace {
  bool mounted = mount_disk({"mkfs.btrfs", "-q"}, top + "/image", 128, root);
  BtrfsPlace() {
    if (!mounted) return;
    REQUIRE_EQ(btrfs({"create", *this / "cur"}), 0);
    make("cur/d");
    write("cur/one", "1");
    write("cur/d/two", "2");
  }
};

int exchange(const std::string& one, const std::string& other) {
  return static_cast<int>(::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
}

/** For engines that a btrfs subvolume or FUSE would refuse by name: the best there is, or polling. */
fustor::WatchConfig config_of(const Place& place, const Engine& engine) {
  fustor::WatchConfig config = place.config(engine);
  if (engine.mode == fustor::WatchMode::fanotify) config.mode = fustor::WatchMode::automatic;
  return config;
}

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

}  // namespace

// ---- btrfs ----------------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a btrfs subvolume made right after another one was deleted shows its own contents") {
  in_child([&] {
    if (!may_mount({"mkfs.btrfs", "btrfs"})) return;
    BtrfsPlace place;
    if (!place.mounted) return;
    REQUIRE_EQ(btrfs({"snapshot", place / "cur", place / "snap"}), 0);
    Watch watch(config_of(place, engine));
    REQUIRE(watch.begin());
    for (int round = 0; round < 5; round++) {
      REQUIRE_EQ(btrfs({"delete", place / "snap"}), 0);
      REQUIRE_EQ(btrfs({"snapshot", place / "cur", place / "snap"}), 0);
      place.write("snap/new" + std::to_string(round), "new");
      if (round % 2 == 1) CHECK_EQ(watch.settle(), "");
    }
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.view.rows.contains("/snap/one"));
    CHECK(watch.engine->status().lost_mounts.empty());
    REQUIRE_EQ(btrfs({"delete", place / "snap"}), 0);
    CHECK_EQ(watch.settle(), "");
  });
}

EACH_ENGINE("btrfs subvolumes that are exchanged, renamed and replaced are directories, and what is written in them is seen") {
  in_child([&] {
    if (!may_mount({"mkfs.btrfs", "btrfs"})) return;
    BtrfsPlace place;
    if (!place.mounted) return;
    REQUIRE_EQ(btrfs({"snapshot", place / "cur", place / "r1"}), 0);
    REQUIRE_EQ(btrfs({"create", place / "r2"}), 0);
    REQUIRE_EQ(btrfs({"create", place / "r2/inner"}), 0);
    place.write("r2/other", "other");
    place.write("r2/inner/deep", "deep");
    Watch watch(config_of(place, engine));
    REQUIRE(watch.begin());
    REQUIRE_EQ(exchange(place / "r1", place / "r2"), 0);
    CHECK_EQ(watch.settle(), "");
    place.write("r1/other", "written after the exchange");
    place.write("r1/inner/deep", "and deeper");
    place.write("r2/d/two", "on the other side");
    CHECK_EQ(watch.settle(), "");
    REQUIRE(place.rename("r1", "r3"));
    place.write("r3/inner/new", "under another name");
    CHECK_EQ(watch.settle(), "");
    REQUIRE(place.rename("r2", "gone"));  // as a restore from a snapshot does it
    REQUIRE_EQ(btrfs({"snapshot", place / "cur", place / "r2"}), 0);
    REQUIRE_EQ(btrfs({"delete", place / "gone"}), 0);
    place.write("r2/restored", "restored");
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.engine->status().lost_mounts.empty());
  });
}

EACH_ENGINE("btrfs subvolumes keep their rows when their file system is mounted anew under other device numbers") {
  in_child([&] {
    if (!may_mount({"mkfs.btrfs", "btrfs"})) return;
    BtrfsPlace place;
    if (!place.mounted) return;
    fustor::WatchConfig config = config_of(place, engine);
    config.poll_ms = 1000;  // a root that is looked at all the time is never free to be unmounted
    Watch watch(config);
    REQUIRE(watch.begin());
    REQUIRE(watch.until([&] { return run_program({"umount", place.root}) == 0; }));
    REQUIRE(watch.until([&] { return !watch.why_unavailable().empty(); }));
    for (const char* name : {"/disk", "/other"}) {  // they take the numbers
      fs::create_directory(place.top + name);
      REQUIRE_EQ(::mount("tmpfs", (place.top + name).c_str(), "tmpfs", 0, nullptr), 0);
    }
    REQUIRE(mount_disk({}, place.top + "/image", 128, place.root));
    place.write("cur/meanwhile", "m");
    CHECK(watch.until([&] { return watch.available(); }));
    CHECK_EQ(watch.settle(), "");
    CHECK_EQ(deleted(watch.view), "");
    place.write("cur/d/two", "watched again");
    CHECK_EQ(watch.settle(), "");
  });
}

TEST("btrfs subvolumes are entered where other file systems are not to be") {
  in_child([&] {
    if (!may_mount({"mkfs.btrfs", "btrfs"})) return;
    BtrfsPlace place;
    if (!place.mounted) return;
    place.make("m");
    REQUIRE_EQ(::mount("tmpfs", (place / "m").c_str(), "tmpfs", 0, nullptr), 0);
    place.write("m/inside");
    auto config = place.config();
    config.cross_mounts = false;
    Watch watch(config);
    REQUIRE(watch.begin());
    CHECK_EQ(watch.settle(kPatience, [](const std::string& path) { return path != "/m"; }), "");
    CHECK(watch.view.rows.contains("/cur/d/two"));
  });
}

// ---- disks that move ------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a disk that is mounted elsewhere shows at its new place, and its old rows stay until they are given up") {
  in_child([&] {
    if (!may_mount({"mkfs.ext4"})) return;
    MountPlace place;
    place.make("m1");
    place.make("m2");
    if (!mount_disk({"mkfs.ext4", "-q", "-F"}, place.top + "/image", 16, place / "m1")) return;
    place.make("m1/a/b");
    place.write("m1/a/b/f", "on the disk");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE(watch.until([&] { return run_program({"umount", place / "m1"}) == 0; }));
    REQUIRE(mount_disk({}, place.top + "/image", 16, place / "m2"));
    CHECK(watch.until([&] { return watch.view.rows.contains("/m2/a/b/f"); }));
    place.write("m2/a/b/new", "written at the new place");
    CHECK(watch.until([&] { return watch.view.rows.contains("/m2/a/b/new"); }));
    CHECK(watch.view.rows.contains("/m1/a/b/f"));
    CHECK(watch.engine->confirm_root());
    CHECK_EQ(watch.settle(), "");
    CHECK(!watch.view.rows.contains("/m1/a"));
  });
}

EACH_ENGINE("a mount that is moved shows at its new place, and again when it is moved back") {
  in_child([&] {
    if (!may_mount({"mkfs.ext4"})) return;
    MountPlace place;
    // fanotify hears of all that happens in a file system, so that this one has to be the test's own: see below.
    if (!mount_disk({"mkfs.ext4", "-q", "-F"}, place.top + "/root-image", 16, place.root)) return;
    place.make("m1");
    place.make("m2");
    if (!mount_disk({"mkfs.ext4", "-q", "-F"}, place.top + "/image", 16, place / "m1")) return;
    place.make("m1/a/b");
    place.write("m1/a/b/f", "on the disk");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE_EQ(::mount((place / "m1").c_str(), (place / "m2").c_str(), nullptr, MS_MOVE, nullptr), 0);
    CHECK(watch.until([&] { return watch.view.rows.contains("/m2/a/b/f"); }));
    place.write("m2/a/b/new", "written at the new place");
    place.make("m2/a/c");
    place.write("m2/a/c/g");
    CHECK(watch.until([&] { return watch.view.rows.contains("/m2/a/b/new") && watch.view.rows.contains("/m2/a/c/g"); }));
    CHECK_EQ(deleted(watch.view), "/m2 ");  // the empty directory that it covers
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::seconds(2));  // it has nothing to do: a look repeated for ever would show
    if (!engine.polls()) CHECK(processor_seconds() - before < 0.5);
    REQUIRE_EQ(::mount((place / "m2").c_str(), (place / "m1").c_str(), nullptr, MS_MOVE, nullptr), 0);
    CHECK(watch.until([&] { return watch.view.rows.contains("/m1/a/b/new") && watch.view.rows.contains("/m1/a/c/g"); }));
    place.write("m1/a/c/g", "back where it was");
    CHECK(watch.until([&] { return watch.engine->status().queue_depth == 0 && !watch.engine->status().lost_mounts.empty(); }));
    CHECK(watch.engine->confirm_root());
    CHECK_EQ(watch.settle(), "");
  });
}

EACH_ENGINE("a disk whose mount point is removed with it keeps its rows until it is back") {
  in_child([&] {
    if (!may_mount({"mkfs.ext4"})) return;
    MountPlace place;
    place.make("m");
    place.write("f");
    if (!mount_disk({"mkfs.ext4", "-q", "-F"}, place.top + "/image", 16, place / "m")) return;
    place.make("m/a");
    place.write("m/a/f", "on the disk");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE(watch.until([&] { return run_program({"umount", place / "m"}) == 0; }));
    fs::remove(place / "m");  // as automounters do
    CHECK(watch.until([&] { return watch.engine->status().lost_mounts == std::vector<std::string>{"/m"}; }));
    watch.engine->resync("test");
    place.write("f", "the rest goes on");
    CHECK(watch.until([&] { return watch.engine->status().resyncs > 0 && watch.view.count("update", "/f") > 0; }));
    CHECK(watch.until([&] { return watch.engine->status().queue_depth == 0; }));
    CHECK_EQ(deletes(watch.view), 0u);
    place.make("m");
    REQUIRE(mount_disk({}, place.top + "/image", 16, place / "m"));
    place.write("m/a/new", "watched again");
    CHECK_EQ(watch.settle(), "");
    CHECK_EQ(deletes(watch.view), 0u);
    CHECK(watch.engine->status().lost_mounts.empty());
  });
}

// ---- what is covered ------------------------------------------------------------------------------------------------------------

EACH_ENGINE("a bind mount of the same file system shows while it is there, and what it covers afterwards") {
  in_child([&] {
    if (!may_mount()) return;
    MountPlace place;
    place.make("y/under");
    place.write("y/under/f", "covered");
    place.write("file", "covered file");
    fs::create_directories(place.top + "/other/d");
    std::ofstream(place.top + "/other/d/g") << "bound";
    std::ofstream(place.top + "/other/h") << "bound file, longer than the other";
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    for (int round = 0; round < 3; round++) {
      REQUIRE_EQ(::mount((place.top + "/other").c_str(), (place / "y").c_str(), nullptr, MS_BIND, nullptr), 0);
      REQUIRE_EQ(::mount((place.top + "/other/h").c_str(), (place / "file").c_str(), nullptr, MS_BIND, nullptr), 0);
      CHECK_EQ(watch.settle(), "");
      CHECK(watch.view.rows.contains("/y/d/g"));
      REQUIRE_EQ(::umount2((place / "y").c_str(), MNT_DETACH), 0);
      REQUIRE_EQ(::umount2((place / "file").c_str(), MNT_DETACH), 0);
      CHECK_EQ(watch.settle(), "");
      place.write("y/under/f", "uncovered " + std::to_string(round));
      place.write("file", "uncovered file " + std::to_string(round));
      CHECK_EQ(watch.settle(), "");
    }
    CHECK(watch.engine->status().lost_mounts.empty());
  });
}

EACH_ENGINE("a file system in memory that was mounted on a known directory uncovers it without being confirmed") {
  in_child([&] {
    if (!may_mount()) return;
    MountPlace place;
    place.make("d/sub");
    place.write("d/sub/f", "covered");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    REQUIRE_EQ(::mount("tmpfs", (place / "d").c_str(), "tmpfs", 0, nullptr), 0);
    place.write("d/in-memory");
    CHECK_EQ(watch.settle(), "");
    REQUIRE_EQ(::mount("tmpfs", (place / "d").c_str(), "tmpfs", 0, nullptr), 0);  // and one upon the other
    place.write("d/on-top");
    // Two that look the same by their numbers are told apart when they are opened; the lower one is not known to be over.
    CHECK(watch.until([&] { return !watch.engine->status().lost_mounts.empty() || watch.view.rows.contains("/d/on-top"); }));
    REQUIRE_EQ(::umount2((place / "d").c_str(), MNT_DETACH), 0);
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.view.rows.contains("/d/in-memory"));
    REQUIRE_EQ(::umount2((place / "d").c_str(), MNT_DETACH), 0);
    place.write("d/afterwards", "made after it was unmounted");
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.view.rows.contains("/d/sub/f"));
    CHECK(watch.view.rows.contains("/d/afterwards"));
    CHECK(watch.engine->status().lost_mounts.empty());
  });
}

EACH_ENGINE("a disk that was mounted on a known directory keeps its rows when it vanishes") {
  in_child([&] {
    if (!may_mount({"mkfs.ext4"})) return;
    MountPlace place;
    place.make("d");
    place.write("f");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    if (!mount_disk({"mkfs.ext4", "-q", "-F"}, place.top + "/image", 16, place / "d")) return;
    place.write("d/on-disk");
    CHECK_EQ(watch.settle(), "");
    const size_t before = deletes(watch.view);
    REQUIRE(watch.until([&] { return run_program({"umount", place / "d"}) == 0; }));
    CHECK(watch.until([&] { return watch.engine->status().lost_mounts == std::vector<std::string>{"/d"}; }));
    place.write("f", "the rest goes on");
    CHECK(watch.until([&] { return watch.view.count("update", "/f") > 0; }));
    CHECK_EQ(deletes(watch.view), before);
    CHECK(watch.view.rows.contains("/d/on-disk"));
  });
}

// ---- FUSE -----------------------------------------------------------------------------------------------------------------------

namespace {

/** sshfs without ssh: an sftp server of our own at the other end of a socket. */
class Sshfs {
 public:
  static constexpr const char* kServer = "/usr/lib/openssh/sftp-server";

  bool mount(const std::string& what, const std::string& where) {
    int ends[2];
    REQUIRE_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    server_ = start({kServer}, ends[0]);
    client_ = start({"sshfs", "-f", "-o", "passive,dir_cache=no,attr_timeout=1,entry_timeout=1", ":" + what, where}, ends[1]);
    ::close(ends[0]);
    ::close(ends[1]);
    for (int i = 0; i < 500; i++) {
      struct statfs info;
      if (::statfs(where.c_str(), &info) == 0 && info.f_type == FUSE_SUPER_MAGIC) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    check::skipped("sshfs cannot be mounted");
    return false;
  }
  ~Sshfs() {
    for (const pid_t pid : {client_, server_}) {
      if (pid <= 0) continue;
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }

 private:
  static pid_t start(const std::vector<std::string>& words, int end) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(end, 0);
    ::dup2(end, 1);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  pid_t server_ = 0;
  pid_t client_ = 0;
};

void drop_caches() { std::ofstream("/proc/sys/vm/drop_caches") << "2"; }

uint64_t inode_of(const std::string& path) {
  struct stat info{};
  ::stat(path.c_str(), &info);
  return info.st_ino;
}

}  // namespace

TEST("a root and directories on FUSE stay the same ones although their inode numbers change") {
  in_child([&] {
    if (!may_mount({"sshfs", Sshfs::kServer})) return;
    MountPlace place;
    fs::create_directories(place.top + "/other/dir/a/b");
    fs::create_directories(place.top + "/disk");
    std::ofstream(place.top + "/other/dir/a/b/f") << "1";
    std::ofstream(place.top + "/other/dir/g") << "1";
    Sshfs sshfs;
    if (!sshfs.mount(place.top + "/other", place.top + "/disk")) return;
    fustor::WatchConfig config = place.config();
    config.root = place.top + "/disk/dir";
    config.mode = fustor::WatchMode::poll;
    config.poll_ms = 4000;  // what is open keeps its number
    std::string identity;
    size_t told = 0;
    {
      Watch watch(config);
      REQUIRE(watch.begin());
      identity = watch.engine->root_identity();
      const uint64_t before = inode_of(config.root);
      for (int i = 0; i < 400 && inode_of(config.root) == before; i++) {
        drop_caches();
        watch.until([&] { return false; }, std::chrono::milliseconds(50));
      }
      if (inode_of(config.root) == before) return check::skipped("the inode number did not change when the caches were dropped");
      std::ofstream(place.top + "/other/dir/a/b/new") << "1";
      CHECK(watch.until([&] { return watch.view.rows.contains("/a/b/new"); }));
      CHECK(watch.until([&] { return watch.available(); }));
      CHECK_EQ(watch.settle(), "");
      CHECK_EQ(deletes(watch.view), 0u);
      told = watch.view.count("update", "/g");
      CHECK_EQ(watch.why_unavailable(), "");
    }
    CHECK_EQ(told, 0u);  // nothing happened to it
    drop_caches();
    config.expected_root = identity;
    Watch again(config);
    CHECK(again.begin());
    CHECK_EQ(again.engine->root_identity(), identity);
    CHECK_EQ(again.settle(), "");
  });
}

TEST("a place on FUSE is the same by what was mounted and the way from there, and by a text of before as far as that goes") {
  using fustor::is_same_place;
  CHECK(is_same_place("fuse from=host:/srv at=/a/", "fuse from=host:/srv at=/a/"));
  CHECK(!is_same_place("fuse from=host:/srv at=/a/", "fuse from=host:/srv at=/b/"));
  CHECK(!is_same_place("fuse from=host:/srv at=/a/", "fuse from=host:/other at=/a/"));
  CHECK(is_same_place("fuse from=host:/srv inode=17 born=unknown", "fuse from=host:/srv at=/a/"));
  CHECK(!is_same_place("fuse from=host:/srv inode=17 born=unknown", "fuse from=host:/other at=/a/"));
  CHECK(!is_same_place("ext4 id=1 inode=17 born=1.5", "ext4 id=1 inode=18 born=1.5"));
  CHECK(!is_same_place("ext4 id=1 inode=17 born=1.5", "fuse from=host:/srv at=/a/"));
}

// ---- spellings ------------------------------------------------------------------------------------------------------------------

namespace {

/** What changes through other spellings; each step ends equal to the disk. */
void play_spellings(const Place& place, Watch& watch) {
  CHECK_EQ(watch.settle(), "");
  std::ofstream(place / "README", std::ios::app) << "through another spelling";
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.view.count("update", "/README") == 0 || !watch.view.rows.contains("/README") || !watch.view.rows.contains("/readme"));
  std::ofstream(place / "Made") << "1";
  CHECK_EQ(watch.settle(), "");
  ::chmod((place / "mADE").c_str(), 0600);
  CHECK_EQ(watch.settle(), "");
  ::unlink((place / "MADE").c_str());
  CHECK_EQ(watch.settle(), "");
  std::ofstream(place / "SUB/Inside") << "1";
  CHECK_EQ(watch.settle(), "");
  ::rename((place / "SUB/inside").c_str(), (place / "sub/OTHER").c_str());
  CHECK_EQ(watch.settle(), "");
  ::rename((place / "sub").c_str(), (place / "Sub").c_str());
  std::ofstream(place / "SUB/last") << "1";
  CHECK_EQ(watch.settle(), "");
}

}  // namespace

EACH_ENGINE("on a file system that ignores case a name counts only as a listing spells it") {
  in_child([&] {
    if (!may_mount({"mkntfs", "lowntfs-3g"})) return;
    MountPlace place;
    const std::string image = place.top + "/image";
    const fustor::UniqueFd fd(::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(fd && ::ftruncate(fd.get(), 16 << 20) == 0);
    REQUIRE_EQ(run_program({"mkntfs", "-F", "-q", image}), 0);
    if (run_program({"lowntfs-3g", "-o", "ignore_case", image, place.root}) != 0) return check::skipped("lowntfs-3g cannot be mounted");
    place.write("readme", "1");
    place.make("sub");
    Watch watch(config_of(place, engine));
    REQUIRE(watch.begin());
    play_spellings(place, watch);
    CHECK_EQ(fs::exists(place / "ReadMe"), true);
  });
}

EACH_ENGINE("in a directory that folds case a name counts only as a listing spells it") {
  in_child([&] {
    if (!may_mount({"mkfs.ext4", "chattr"})) return;
    MountPlace place;
    if (::access("/sys/fs/ext4/features/casefold", F_OK) != 0) return check::skipped("the kernel's ext4 cannot fold case");
    if (!mount_disk({"mkfs.ext4", "-q", "-F", "-O", "casefold"}, place.top + "/image", 16, place.root)) return;
    place.make("exact");
    place.write("exact/readme", "1");
    place.write("exact/README", "2");
    place.make("folds");
    REQUIRE_EQ(run_program({"chattr", "+F", place / "folds"}), 0);
    Place below;  // a place whose root is the directory that folds
    fs::remove(below.root);
    below.root = place / "folds";
    below.write("readme", "1");
    below.make("sub");
    Watch watch(config_of(place, engine));
    REQUIRE(watch.begin());
    play_spellings(below, watch);
    place.write("exact/readme", "both are files of their own");
    CHECK_EQ(watch.settle(), "");
    CHECK(watch.view.rows.contains("/exact/README"));
  });
}
