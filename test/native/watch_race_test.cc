// Races between hints and looks, made on purpose: the file system really changes, and a scripted source says what, when and in which
// order the engine hears of it.
#include <sys/syscall.h>

#include <atomic>
#include <cstring>
#include <set>

#include "check.h"
#include "own_mounts.h"
#include "base/name_codec.h"
#include "base/unique_fd.h"
#include "scripted_source.h"
#include "watch_judge.h"

using namespace watching;

namespace {

/** Holds the engine's worker in a hook until the test opens it. */
class Gate {
 public:
  ~Gate() { open(); }
  void pass() {
    std::unique_lock lock(mutex_);
    reached_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [this] { return open_; });
  }
  bool reached() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return reached_; });
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool reached_ = false;
  bool open_ = false;
};

ScriptedSource::Inode inode_of(const std::string& path) {
  struct stat info{};
  ::lstat(path.c_str(), &info);
  return {info.st_dev, info.st_ino};
}

struct Scene : Place {
  ScriptedSource* source = nullptr;
  std::unique_ptr<Watch> watch;

  Watch& open(const fustor::WatchConfig& config) {
    auto scripted = std::make_unique<ScriptedSource>();
    source = scripted.get();
    watch = std::make_unique<Watch>(config, std::move(scripted));
    return *watch;
  }
  Watch& open() { return open(config()); }
  /** The first pass is over and the view equals the disk. */
  Watch& begin(const fustor::WatchConfig& config) {
    open(config);
    REQUIRE(watch->begin());
    REQUIRE_EQ(difference(disk(root), watch->view.rows), "");
    watch->view.log.clear();
    return *watch;
  }
  Watch& begin() { return begin(config()); }

  fustor::WatchId id(std::string_view directory) const {
    return source->watch_of(directory.empty() ? root : *this / directory);
  }
  void exchange(std::string_view a, std::string_view b) const {
    const long failed = ::syscall(SYS_renameat2, AT_FDCWD, (*this / a).c_str(), AT_FDCWD, (*this / b).c_str(), 2 /* RENAME_EXCHANGE */);
    REQUIRE_EQ(failed, 0);
  }
  /** Once, in the worker, right after the directory was armed again and before it is listed. */
  void once_armed(std::string_view directory, std::function<void()> then) {
    source->after_arm([wanted = inode_of(*this / directory), done = std::make_shared<std::atomic<bool>>(false),
                       then = std::move(then)](ScriptedSource::Inode inode) {
      if (inode == wanted && !done->exchange(true)) then();
    });
  }
};

void fill(const Place& place) {
  place.make("a/d/deep");
  place.make("b");
  place.write("a/d/f", "one");
  place.write("a/d/deep/g", "two");
  place.write("top", "three");
}

constexpr uint32_t kDir = IN_ISDIR;

}  // namespace

// ---- renames ------------------------------------------------------------------------------------------------------------------------

TEST("a file that is created and closed is told once, as whole, however its events are cut into reads") {
  Scene scene;
  Watch& watch = scene.begin();
  constexpr int kFiles = 200;
  for (int i = 0; i < kFiles; i++) {
    const std::string name = "f" + std::to_string(i);
    scene.write(name, "");
    scene.source->tell_apart({{scene.id(""), IN_CREATE, name}, {scene.id(""), IN_CLOSE_WRITE, name}});
  }
  CHECK_EQ(watch.settle(), "");
  int once = 0;
  for (int i = 0; i < kFiles; i++) {
    const std::string path = "/f" + std::to_string(i);
    once += watch.view.count("update", path) == 1 ? 1 : 0;
    CHECK_EQ(watch.view.last(path)->row.atomic, "true");
  }
  CHECK(once > kFiles * 9 / 10);  // a thread that does not get the processor for 4 ms may make it two
}

TEST("a file that is created and stays open is told, as not whole") {
  Scene scene;
  Watch& watch = scene.begin();
  scene.write("f", "");
  scene.source->tell({{scene.id(""), IN_CREATE, "f"}});
  CHECK(watch.until([&] { return watch.view.last("/f") != nullptr; }));
  CHECK_EQ(watch.view.last("/f")->row.atomic, "false");
}

TEST("a directory whose rename comes in two reads moves with everything below it") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  const auto before = scene.source->watched();
  scene.rename("a/d", "b/e");
  scene.source->tell_apart({{scene.id("a"), IN_MOVED_FROM | kDir, "d", 7}, {scene.id("b"), IN_MOVED_TO | kDir, "e", 7}});
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(scene.source->watched(), before);
}

TEST("the halves of a rename may come in the wrong order") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.rename("a/d", "b/e");
  scene.source->tell_apart({{scene.id("b"), IN_MOVED_TO | kDir, "e", 7}, {scene.id("a"), IN_MOVED_FROM | kDir, "d", 7}});
  CHECK_EQ(watch.settle(), "");
}

TEST("a rename of which only the second half ever comes is found out by asking the old place") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  const auto before = scene.source->watched();
  scene.rename("a/d", "b/e");
  scene.source->tell({{scene.id("b"), IN_MOVED_TO | kDir, "e", 7}});
  CHECK(watch.until([&] { return watch.view.rows.contains("/b/e/deep/g") && !watch.view.rows.contains("/a/d"); }));
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(scene.source->watched(), before);
}

TEST("what changes in a directory that came along with a renamed one is told after it, whatever was told of it just before") {
  Scene scene;
  fill(scene);
  const std::vector<std::string> gone{"g1", "g2", "g3", "g4"};
  for (const std::string& name : gone) scene.write("a/d/deep/" + name);
  auto config = scene.config();
  config.threads = 1;  // takes the marks in the order they came: the old place, the new one, the directory that came along
  Watch& watch = scene.begin(config);
  const auto deep = scene.id("a/d/deep");
  scene.rename("a/d", "b/e");
  for (const std::string& name : gone) scene.remove("b/e/deep/" + name);
  scene.write("b/e/deep/new");
  std::vector<ScriptedEvent> events{{scene.id("a"), IN_MOVED_FROM | kDir, "d", 7}, {scene.id("b"), IN_MOVED_TO | kDir, "e", 7}};
  for (const std::string& name : gone) events.push_back({deep, IN_DELETE, name});
  events.insert(events.begin() + 4, {deep, IN_CLOSE_WRITE, "new"});  // the names of one directory are looked at in no order
  scene.source->tell(events);
  CHECK_EQ(watch.settle(), "");
}

TEST("a directory that left the root is gone with everything below, its watches too") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  const auto before = scene.source->watched();
  scene.away("a/d", "outside");
  scene.source->tell({{scene.id("a"), IN_MOVED_FROM | kDir, "d", 7}});
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.until([&] { return scene.source->watched() == before - 2; }));
}

TEST("a file renamed over another leaves one row with the new content") {
  Scene scene;
  fill(scene);
  scene.write("b/old", "old content");
  Watch& watch = scene.begin();
  scene.rename("a/d/f", "b/old");
  scene.source->tell({{scene.id("b"), IN_MOVED_TO, "old", 9}});
  scene.source->tell({{scene.id("a/d"), IN_MOVED_FROM, "f", 9}});
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows["/b/old"].size, "3");
}

TEST("two directories that changed places are told apart, whichever halves come first") {
  for (int order = 0; order < 4; order++) {
    Scene scene;
    fill(scene);
    scene.make("b/d/other");
    scene.write("b/d/h");
    Watch& watch = scene.begin();
    const auto before = scene.source->watched();
    scene.exchange("a/d", "b/d");
    std::vector<ScriptedEvent> events = {{scene.id("a"), IN_MOVED_FROM | kDir, "d", 1},
                                         {scene.id("b"), IN_MOVED_TO | kDir, "d", 1},
                                         {scene.id("b"), IN_MOVED_FROM | kDir, "d", 2},
                                         {scene.id("a"), IN_MOVED_TO | kDir, "d", 2}};
    if (order == 1) std::swap(events[0], events[3]);
    if (order == 2) events = {events[1], events[3]};
    order == 3 ? scene.source->tell(events) : scene.source->tell_apart(events);
    CHECK_EQ(watch.settle(), "");
    CHECK_EQ(scene.source->watched(), before);
  }
}

TEST("a parent and its child that changed places do not form a circle") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.rename("a/d", "d");  // a, d
  scene.rename("a", "d/a");  // d/a
  scene.rename("d", "a");    // a/a
  scene.source->tell({{scene.id(""), IN_MOVED_TO | kDir, "a", 3}, {scene.id("a/a"), IN_MOVED_FROM | kDir, "d", 1}});
  scene.source->tell({{scene.id("a"), IN_MOVED_TO | kDir, "a", 2}, {scene.id(""), IN_MOVED_TO | kDir, "d", 1}});
  CHECK_EQ(watch.settle(), "");
}

TEST("three directories in rotation end under their new names, the hints backwards") {
  Scene scene;
  for (const char* name : {"one", "two", "three"}) {
    scene.make(name);
    scene.write(std::string(name) + "/is-" + name);
  }
  Watch& watch = scene.begin();
  scene.rename("one", "t");
  scene.rename("two", "one");
  scene.rename("three", "two");
  scene.rename("t", "three");
  const auto root = scene.id("");
  scene.source->tell_apart({{root, IN_MOVED_TO | kDir, "three", 4},
                            {root, IN_MOVED_FROM | kDir, "t", 4},
                            {root, IN_MOVED_TO | kDir, "two", 3},
                            {root, IN_MOVED_TO | kDir, "one", 2},
                            {root, IN_MOVED_TO | kDir, "t", 1}});
  CHECK_EQ(watch.settle(), "");
}

TEST("hints that come twice change nothing the second time") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.write("b/n");
  scene.rename("a/d", "b/e");
  scene.source->tell_twice({{scene.id("b"), IN_CREATE, "n"},
                            {scene.id("b"), IN_CLOSE_WRITE, "n"},
                            {scene.id("a"), IN_MOVED_FROM | kDir, "d", 7},
                            {scene.id("b"), IN_MOVED_TO | kDir, "e", 7}});
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.count("delete", "/a/d"), 1u);
  CHECK(watch.view.count("delete", "/b/n") == 0);
}

// ---- inodes and watches -------------------------------------------------------------------------------------------------------------

TEST("a directory removed and made again with the same inode is watched again, whenever the old watch's end comes") {
  for (const bool late : {false, true}) {
    in_child([late] {
      // On a disk of its own: on a shared one another process may take the inode number.
      if (!may_mount()) return;
      Scene scene;
      if (!mount_disk({"mkfs.ext4", "-q", "-F"}, scene.top + "/image", 16, scene.root)) return;
      scene.make("d");
      scene.write("d/old");
      Watch& watch = scene.begin();
      const auto before = inode_of(scene / "d");
      const auto dead = scene.id("d");
      scene.remove("d");
      scene.make("d");
      REQUIRE(inode_of(scene / "d") == before);
      scene.write("d/new");
      scene.source->die_silently(dead);
      std::vector<ScriptedEvent> events = {{dead, IN_DELETE, "old"}};
      if (!late) events.push_back({dead, IN_IGNORED});
      events.push_back({scene.id(""), IN_DELETE | kDir, "d"});
      events.push_back({scene.id(""), IN_CREATE | kDir, "d"});
      scene.source->tell(events);
      if (late) {
        CHECK(watch.until([&] { return !watch.view.rows.contains("/d/old"); }));
        scene.source->tell({{dead, IN_DELETE_SELF}, {dead, IN_IGNORED}});
      }
      CHECK_EQ(watch.settle(), "");
      REQUIRE(watch.until([&] { return scene.id("d") != -1; }));
      scene.write("d/later");
      scene.source->tell({{scene.id("d"), IN_CREATE, "later"}, {scene.id("d"), IN_CLOSE_WRITE, "later"}});
      CHECK_EQ(watch.settle(), "");
      watch.engine->close();
      ::umount2(scene.root.c_str(), MNT_DETACH);
    });
  }
}

TEST("a watch that ends although its directory lives is set again") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  const auto lost = scene.id("a/d");
  scene.source->die(lost);
  CHECK(watch.until([&] { return scene.id("a/d") != -1 && scene.id("a/d") != lost; }));
  scene.write("a/d/f", "after");
  scene.source->tell({{scene.id("a/d"), IN_CLOSE_WRITE, "f"}});
  CHECK_EQ(watch.settle(), "");
}

TEST("a watch id that is given out again while the old one's last events wait is told apart in the end") {
  Scene scene;
  scene.make("old");
  scene.write("old/f");
  Watch& watch = scene.begin();
  const auto id = scene.id("old");
  scene.away("old", "outside");
  scene.make("new");
  scene.write("new/g");
  scene.source->die_silently(id);  // what the kernel says of it waits in its queue
  scene.source->next_id(id);
  scene.source->tell({{scene.id(""), IN_CREATE | kDir, "new"}});
  REQUIRE(watch.until([&] { return scene.id("new") == id && watch.view.rows.contains("/new/g"); }));
  scene.source->next_id(1'000);
  scene.source->tell({{id, IN_DELETE, "g"}, {id, IN_IGNORED}, {scene.id(""), IN_MOVED_FROM | kDir, "old", 3}});
  CHECK_EQ(watch.settle(), "");
  REQUIRE(watch.until([&] { return scene.id("new") != -1; }));
  scene.write("new/h");
  scene.source->tell({{scene.id("new"), IN_CREATE, "h"}});
  CHECK_EQ(watch.settle(), "");
}

TEST("an event of a watch nobody knows any more says nothing") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.source->tell({{4711, IN_CREATE, "ghost"}, {4711, IN_IGNORED}, {4711, IN_DELETE_SELF}});
  scene.write("b/real");
  scene.source->tell({{scene.id("b"), IN_CREATE, "real"}});
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.last("/b/ghost"), nullptr);
}

TEST("a hint from below a directory that was renamed a moment ago finds its way") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  const auto deep = scene.id("a/d/deep");
  scene.rename("a", "c");
  scene.write("c/d/deep/g", "changed on the way");
  scene.write("c/d/deep/h");
  scene.source->tell({{deep, IN_CREATE, "h"}, {deep, IN_CLOSE_WRITE, "g"}});
  CHECK(watch.until([&] { return !watch.view.rows.contains("/a"); }));  // the parents were asked up to the root
  scene.source->tell({{scene.id(""), IN_MOVED_TO | kDir, "c", 5}});
  CHECK_EQ(watch.settle(), "");
}

TEST("nothing outside the root is reported when a directory is swapped for a symbolic link") {
  Scene scene;
  fill(scene);
  fs::create_directories(scene.top + "/outside/deep");
  std::ofstream(scene.top + "/outside/secret") << "secret";
  std::ofstream(scene.top + "/outside/deep/secret") << "secret";
  Watch& watch = scene.begin();
  const auto directory = scene.id("a/d");
  const auto deep = scene.id("a/d/deep");
  scene.away("a/d", "moved");
  fs::create_directory_symlink(scene.top + "/outside", scene / "a/d");
  scene.source->tell({{directory, IN_CREATE, "secret"}, {deep, IN_CREATE, "secret"}});
  CHECK(watch.until([&] { return watch.view.rows.contains("/a/d") && !watch.view.rows["/a/d"].directory; }));
  scene.source->tell({{scene.id("a"), IN_MOVED_FROM | kDir, "d", 1}, {scene.id("a"), IN_CREATE, "d"}});
  CHECK_EQ(watch.settle(), "");
  for (const Change& change : watch.view.log) CHECK(change.key.find("secret") == std::string::npos);
}

TEST("a directory renamed while it is listed keeps its contents") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.make("b/new/sub");
  scene.write("b/new/x");
  scene.once_armed("b/new", [&] {
    scene.rename("b/new", "a/moved");
    scene.write("a/moved/y");
  });
  scene.source->tell({{scene.id("b"), IN_CREATE | kDir, "new"}});
  REQUIRE(watch.until([&] { return fs::exists(scene / "a/moved/y"); }));
  scene.source->tell_apart({{scene.id("b"), IN_MOVED_FROM | kDir, "new", 1}, {scene.id("a"), IN_MOVED_TO | kDir, "moved", 1}});
  CHECK_EQ(watch.settle(), "");
}

TEST("a name that flips between file, directory and link ends as what it is") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  const auto root = scene.id("");
  for (int i = 0; i < 12; i++) {
    scene.remove("flip");
    if (i % 3 == 0) scene.write("flip");
    if (i % 3 == 1) {  // whole at once: the hint before may be looked at now, and none tells what comes into it later
      scene.make("../flip/below");
      scene.write("../flip/below/f");
      REQUIRE(scene.rename("../flip", "flip"));
    }
    if (i % 3 == 2) fs::create_symlink("nowhere", scene / "flip");
    scene.source->tell({{root, IN_CREATE, "flip"}});
    if (i % 2 == 0) continue;  // sometimes two flips between looks
    CHECK_EQ(watch.settle(), "");
  }
  CHECK_EQ(watch.settle(), "");
}

TEST("a name deleted and made again between two looks is told as changed, and never as deleted last") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.remove("top");
  scene.write("top", "another one");
  const auto root = scene.id("");
  scene.source->tell({{root, IN_DELETE, "top"}, {root, IN_CREATE, "top"}, {root, IN_CLOSE_WRITE, "top"}});
  CHECK_EQ(watch.settle(), "");
  REQUIRE(watch.view.last("/top") != nullptr);
  CHECK_EQ(watch.view.last("/top")->op, "update");
  scene.write("brief");
  scene.remove("brief");  // made and deleted: nobody ever knew of it
  scene.source->tell({{root, IN_CREATE, "brief"}, {root, IN_DELETE, "brief"}});
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.last("/brief"), nullptr);
}

TEST("a deletion that is told after the name was made again does not remove it") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.remove("top");
  scene.write("top", "new");
  const auto root = scene.id("");
  scene.source->tell({{root, IN_CREATE, "top"}, {root, IN_CLOSE_WRITE, "top"}});
  CHECK_EQ(watch.settle(), "");
  scene.source->tell({{root, IN_DELETE, "top"}});
  scene.write("b/witness");
  scene.source->tell({{scene.id("b"), IN_CREATE, "witness"}});
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.count("delete", "/top"), 0u);
}

TEST("a hint that comes between the listing of a directory and the end of its task is looked at afterwards") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.make("b/new");
  for (int i = 0; i < 200; i++) scene.write("b/new/f" + std::to_string(i), "1");
  Gate gate;
  scene.once_armed("b/new", [&] {
    // Armed and not yet listed: the listing sees one half of this, hints tell the other, and some tell what was seen already.
    const auto id = scene.id("b/new");
    for (int i = 0; i < 200; i++) {
      if (i % 3 == 0) scene.remove("b/new/f" + std::to_string(i));
      if (i % 3 == 1) scene.write("b/new/f" + std::to_string(i), "another size");
      if (i % 3 < 2) scene.source->tell({{id, i % 3 == 0 ? static_cast<uint32_t>(IN_DELETE) : static_cast<uint32_t>(IN_CLOSE_WRITE), "f" + std::to_string(i)}});
    }
    gate.pass();
  });
  scene.source->tell({{scene.id("b"), IN_CREATE | kDir, "new"}});
  REQUIRE(gate.reached());
  const auto id = scene.id("b/new");
  CHECK(watch.until([&] { return watch.engine->status().raw_events >= 134; }));
  gate.open();
  for (int i = 0; i < 200; i += 7) {  // while it is listed
    scene.write("b/new/late" + std::to_string(i));
    scene.source->tell({{id, IN_CREATE, "late" + std::to_string(i)}});
  }
  CHECK_EQ(watch.settle(), "");
}

TEST("content that changed under an old directory time is found by a look at everything") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.write("a/d/deep/g", "nobody tells of this");  // no entry was added: the directory looks as before
  watch.engine->recheck("", true, false);
  CHECK_EQ(watch.settle(), "");
}

TEST("names of 255 bytes fill the kernel's buffer and come out whole") {
  Place place;
  fustor::InotifySource source;
  REQUIRE_EQ(source.open(), 0);
  const fustor::UniqueFd fd(::open(place.root.c_str(), O_RDONLY | O_DIRECTORY));
  fustor::WatchId id;
  REQUIRE_EQ(source.arm(fd.get(), id), 0);
  std::set<std::string> wanted;
  for (int i = 0; i < 3'000; i++) {
    std::string name = std::to_string(i);
    name += std::string(255 - name.size(), i % 2 == 0 ? 'x' : '\xff');
    place.make(name);
    wanted.insert(name);
  }
  std::set<std::string> seen;
  std::vector<fustor::KernelEvent> events;
  while (source.read(events)) {
    for (const fustor::KernelEvent& event : events) seen.insert(std::string(event.name));
    events.clear();
  }
  CHECK(seen == wanted);
}

// ---- overflow -----------------------------------------------------------------------------------------------------------------------

TEST("an overflow in the first pass is made good by a pass after it") {
  Scene scene;
  fill(scene);
  scene.open();
  Gate gate;
  scene.once_armed("a/d/deep", [&] { gate.pass(); });
  scene.watch->engine->start();
  REQUIRE(gate.reached());
  CHECK(scene.watch->until([&] { return scene.id("b") != -1; }));
  scene.write("b/lost");  // nobody tells
  scene.remove("top");
  scene.source->overflow();
  CHECK(scene.watch->until([&] { return scene.watch->engine->status().overflows == 1; }));
  gate.open();
  CHECK(scene.watch->until([&] { return scene.watch->available(); }));
  CHECK(scene.watch->take_snapshot());
  CHECK_EQ(scene.watch->settle(), "");
}

TEST("an overflow during a resync is made good by another one") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  Gate gate;
  scene.once_armed("a/d/deep", [&] { gate.pass(); });
  scene.remove("a/d/f");  // nobody tells; it counts as deleted at the end of the pass
  scene.write("a/d/new");
  scene.source->overflow();
  REQUIRE(gate.reached());
  CHECK(watch.until([&] { return watch.view.rows.contains("/a/d/new"); }));
  scene.write("b/lost");
  scene.write("a/d/f", "back");
  scene.source->overflow();
  CHECK(watch.until([&] { return watch.engine->status().overflows == 2; }));
  gate.open();
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.until([&] { return watch.engine->status().resyncs >= 2; }));  // the first one may have seen everything already
}

TEST("directories made while events were lost are watched after the resync") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  scene.make("b/new/below");
  scene.remove("a/d/deep");
  scene.source->overflow();
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.until([&] { return scene.id("b/new/below") != -1; }));
}

TEST("a file whose close was lost in an overflow is reported as whole once it is quiet") {
  Scene scene;
  fill(scene);
  auto config = scene.config();
  config.settle_ms = 100;
  Watch& watch = scene.begin(config);
  scene.write("top", "being written");
  scene.source->tell({{scene.id(""), IN_MODIFY, "top"}});
  REQUIRE(watch.until([&] { return watch.view.last("/top") != nullptr; }));
  CHECK_EQ(watch.view.last("/top")->row.atomic, "false");
  scene.source->overflow();
  CHECK(watch.until([&] { return watch.view.last("/top")->row.atomic == "true"; }));
}

TEST("a close that comes while its directory waits for a listing is not forgotten") {
  Scene scene;
  fill(scene);
  auto config = scene.config();
  config.threads = 1;
  config.settle_ms = 3'600'000;  // only the close can say that the file is whole
  Watch& watch = scene.begin(config);
  scene.write("top", "being written");
  scene.source->tell({{scene.id(""), IN_MODIFY, "top"}});
  REQUIRE(watch.until([&] { return watch.view.last("/top") != nullptr; }));
  Gate gate;
  scene.once_armed("b", [&] { gate.pass(); });
  watch.engine->recheck("b", true, false);
  REQUIRE(gate.reached());
  scene.source->tell({{scene.id(""), IN_CLOSE_WRITE, "top"}});
  CHECK(watch.until([&] { return watch.engine->status().raw_events == 2; }));
  watch.engine->recheck("", true, false);
  gate.open();
  CHECK(watch.until([&] { return watch.view.last("/top")->row.atomic == "true"; }));
}

// ---- watches refused ----------------------------------------------------------------------------------------------------------------

TEST("directories the kernel refuses to watch are counted by reason, looked at from time to time, and everything else goes on") {
  Scene scene;
  fill(scene);
  scene.make("c/below");
  auto config = scene.config();
  config.poll_ms = 300;
  scene.open(config);
  scene.source->refuse([full = inode_of(scene / "b"), poor = inode_of(scene / "c")](ScriptedSource::Inode inode) {
    return inode == full ? ENOSPC : inode == poor ? ENOMEM : 0;
  });
  REQUIRE(scene.watch->begin());
  REQUIRE(scene.watch->until([&] {
    const auto status = scene.watch->engine->status();
    return status.unwatched.contains("budget") && status.unwatched.at("budget").count == 1 && status.unwatched.size() == 2;
  }));
  CHECK(scene.id("c/below") != -1);
  scene.write("a/d/f", "live");
  scene.write("b/polled");
  scene.make("c/new/below");
  scene.write("c/new/below/f");
  scene.source->tell({{scene.id("a/d"), IN_CLOSE_WRITE, "f"}});
  CHECK_EQ(scene.watch->settle(), "");
  scene.source->refuse({});
  CHECK(scene.watch->until([&] { return scene.id("b") != -1 && scene.id("c") != -1; }));
  CHECK(scene.watch->until([&] { return scene.watch->engine->status().unwatched.empty(); }));
}

TEST("directories without a watch are told with examples as the wire spells them, and how long ago the stalest was listed") {
  Scene scene;
  scene.make("many");
  for (int i = 0; i < 30; i++) scene.make("many/d" + std::to_string(i));
  scene.make("odd\xff");
  scene.make("fresh");
  auto config = scene.config();
  config.poll_ms = 3'600'000;
  scene.open(config);
  scene.source->refuse([fresh = inode_of(scene / "fresh"), odd = inode_of(scene / "odd\xff"), root = inode_of(scene.root),
                        many = inode_of(scene / "many")](ScriptedSource::Inode inode) {
    return inode == root || inode == many ? 0 : inode == odd ? ENOMEM : inode == fresh ? EIO : ENOSPC;
  });
  REQUIRE(scene.watch->begin());
  const auto line = [&](const std::string& cause) { return scene.watch->engine->status().unwatched[cause]; };
  REQUIRE(scene.watch->until([&] { return line("budget").count == 30; }));
  const auto examples = line("budget").examples;
  CHECK_EQ(std::set<std::string>(examples.begin(), examples.end()).size(), fustor::Unwatched::kExamples);
  for (const std::string& path : examples) CHECK(path.starts_with("/many/d"));
  std::string odd;
  fustor::encode_wire("/odd\xff", odd);
  CHECK(line(std::strerror(ENOMEM)).examples == std::vector<std::string>{odd});
  // A listing makes one of them young again and the others no younger.
  CHECK(scene.watch->until([&] { return line("budget").stale_ms >= 2000 && line(std::strerror(EIO)).stale_ms >= 2000; }));
  scene.watch->engine->recheck("fresh", true, false);
  CHECK(scene.watch->until([&] { return line(std::strerror(EIO)).stale_ms < 2000; }));
  CHECK(line("budget").stale_ms >= 2000);
}

TEST("the watch of a root that was replaced is given back") {
  Scene scene;
  fill(scene);
  Watch& watch = scene.begin();
  const auto before = scene.source->watched();
  ::rename(scene.root.c_str(), (scene.top + "/old").c_str());
  fs::copy(scene.top + "/old", scene.root, fs::copy_options::recursive);
  CHECK(watch.until([&] { return watch.engine->confirm_root(); }));
  CHECK(watch.until([&] { return scene.id("") != -1; }));
  CHECK_EQ(watch.settle(), "");
  CHECK(watch.until([&] { return scene.source->watched() == before; }));
}

// ---- pressure -----------------------------------------------------------------------------------------------------------------------

TEST("more names told of in one directory than may wait become one listing of it, and the view converges") {
  Scene scene;
  fill(scene);
  auto config = scene.config();
  config.pressure.names_per_directory = 10;
  scene.open(config);
  REQUIRE(scene.watch->begin());
  std::vector<ScriptedEvent> told;
  for (int i = 0; i < 30; i++) {
    scene.write("b/f" + std::to_string(i));
    if (i < 20) told.push_back({scene.id("b"), IN_CLOSE_WRITE, "f" + std::to_string(i)});
  }
  scene.source->tell(told);
  CHECK_EQ(scene.watch->settle(), "");  // those nobody told of were listed as well
  CHECK(scene.watch->engine->status().collapsed_directories >= 1);
  CHECK_EQ(scene.watch->engine->status().collapsed_root, 0u);
}

TEST("more directories told of than may wait become one resync, and the view converges") {
  Scene scene;
  for (int i = 0; i < 40; i++) scene.make("d" + std::to_string(i) + "/sub");
  auto config = scene.config();
  config.pressure.directories = 10;
  scene.open(config);
  REQUIRE(scene.watch->begin());
  const auto resyncs = scene.watch->engine->status().resyncs;
  std::vector<ScriptedEvent> told;
  for (int i = 0; i < 40; i++) {
    const std::string directory = "d" + std::to_string(i) + "/sub";
    scene.write(directory + "/f");
    scene.write(directory + "/silent");
    told.push_back({scene.id(directory), IN_CLOSE_WRITE, "f"});
  }
  scene.source->tell(told);
  CHECK_EQ(scene.watch->settle(), "");
  const auto status = scene.watch->engine->status();
  CHECK_EQ(status.collapsed_root, 1u);
  CHECK_EQ(status.resyncs, resyncs + 1);
  CHECK_EQ(status.last_resync_reason, "too many directories were dirty");
}

TEST("directories told of too many at a time, again and again beside a resync, end equal to the disk") {
  Scene scene;
  for (int i = 0; i < 40; i++) scene.make("d" + std::to_string(i));
  auto config = scene.config();
  config.pressure.directories = 10;
  scene.open(config);
  REQUIRE(scene.watch->begin());
  for (int round = 0; round < 5; round++) {
    std::vector<ScriptedEvent> told;
    for (int i = 0; i < 40; i++) {
      const std::string directory = "d" + std::to_string(i);
      if (scene.id(directory) == -1) continue;
      scene.write(directory + "/f" + std::to_string(round));
      if (round > 0) scene.remove(directory + "/f" + std::to_string(round - 1));
      told.push_back({scene.id(directory), IN_CREATE, "f" + std::to_string(round)});
    }
    scene.source->tell(told);
  }
  scene.rename("d0", "d1/moved");
  scene.source->tell({{scene.id(""), IN_MOVED_FROM | kDir, "d0", 9}, {scene.id("d1"), IN_MOVED_TO | kDir, "moved", 9}});
  CHECK_EQ(scene.watch->settle(), "");
  CHECK(scene.watch->engine->status().collapsed_root >= 1);
}

// ---- files being written ------------------------------------------------------------------------------------------------------------

TEST("the trailing look of a throttled file does not make a closed file an open one again") {
  Scene scene;
  scene.write("f");
  scene.write("g");
  auto config = scene.config();
  config.throttle_ms = 100;
  Watch& watch = scene.begin(config);
  const auto root = scene.id("");
  const auto write = [&](const char* name, const char* text) {
    scene.write(name, text);
    scene.source->tell({{root, IN_MODIFY, name}});
  };
  write("f", "1");
  CHECK(watch.until([&] { return watch.view.count("update", "/f") == 1; }));
  write("f", "22");  // held back
  CHECK(watch.until([&] { return watch.engine->status().raw_events == 2 && watch.engine->status().queue_depth == 0; }));
  scene.source->tell({{root, IN_CLOSE_WRITE, "f"}});
  REQUIRE(watch.until([&] { return watch.view.last("/f")->row.atomic == "true"; }));
  write("g", "1");
  CHECK(watch.until([&] { return watch.view.count("update", "/g") == 1; }));
  write("g", "22");
  CHECK(watch.until([&] { return watch.view.count("update", "/g") == 2; }));  // held back after f, so f's look is over, too
  ::chmod((scene / "f").c_str(), 0600);
  scene.source->tell({{root, IN_ATTRIB, "f"}});
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.last("/f")->row.atomic, "true");
}

TEST("a file with a modification time in the future settles") {
  Scene scene;
  scene.make("d");
  auto config = scene.config();
  config.settle_ms = 50;
  Watch& watch = scene.begin(config);
  scene.write("f");
  const timespec times[2] = {{4'000'000'000, 0}, {4'000'000'000, 0}};
  ::utimensat(AT_FDCWD, (scene / "f").c_str(), times, 0);
  scene.source->tell({{scene.id(""), IN_CREATE, "f"}});
  CHECK(watch.until([&] { return watch.view.last("/f") != nullptr && watch.view.last("/f")->row.atomic == "true"; }));
}

// ---- filter -------------------------------------------------------------------------------------------------------------------------

TEST("what became excluded while nobody told is gone after the resync") {
  Scene scene;
  scene.make("in");
  scene.write("in/x");
  scene.make("moved/in");
  scene.write("moved/in/deep");
  auto config = scene.config();
  config.filter.exclude = {"x/", "out/in"};
  Watch& watch = scene.begin(config);
  scene.remove("in/x");
  scene.make("in/x");  // a file became a directory, and such directories are excluded
  scene.rename("moved", "out");
  scene.source->overflow();
  CHECK(watch.until([&] { return watch.view.rows.contains("/out") && watch.view.count("delete", "/in/x") == 1; }));
  CHECK(watch.until([&] { return watch.engine->status().queue_depth == 0; }));
  CHECK(!watch.view.rows.contains("/in/x"));
  CHECK(!watch.view.rows.contains("/out/in"));
  CHECK(!watch.view.rows.contains("/out/in/deep"));
}
