// On the real kernel. Everything that needs a group is skipped, and says so, where fanotify_init refuses (not root).
#include "watch/source/fanotify_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "check.h"
#include "own_mounts.h"
#include "temp_tree.h"
#include "watch/source/handle_table.h"

using namespace fustor;
namespace fs = std::filesystem;

namespace {

struct Seen {
  WatchId watch;
  uint32_t mask;
  uint32_t cookie;
  std::string name;
};

/** File systems to which no other process writes: a mark on one of them reports what the test does, and nothing else. */
class OwnDisks {
 public:
  OwnDisks() {
    if (!watching::own_mounts()) return;
    place_.directory("ext4");
    place_.directory("tmpfs");
    watching::mount_disk({"mkfs.ext4", "-q", "-F"}, place_.at("image"), 64, ext4());
    if (::mount("tmpfs", tmpfs().c_str(), "tmpfs", 0, nullptr) != 0) check::skipped("tmpfs cannot be mounted");
  }
  ~OwnDisks() {
    for (const std::string& disk : {ext4(), tmpfs()}) ::umount2(disk.c_str(), MNT_DETACH);
  }
  std::string ext4() const { return place_.at("ext4"); }
  std::string tmpfs() const { return place_.at("tmpfs"); }

 private:
  TempTree place_;
};

const OwnDisks& own_disks() {
  static const OwnDisks disks;
  return disks;
}

/** A folder of its own in `where`, and a source. */
class Stage {
 public:
  explicit Stage(const std::string& where = own_disks().ext4(), FanotifyOptions options = {}) : source(options) {
    std::string pattern = where + "/fustor-fanotify-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      check::skipped(pattern + ": " + std::strerror(errno));
      return;
    }
    path = pattern;
    error = source.open();
    if (error != 0) check::skipped(std::string("no fanotify group: ") + std::strerror(error));
    if (error != 0) return;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    WatchId id = -1;
    error = source.arm(fd.get(), id);
    if (error != 0) check::skipped(std::string("fanotify refuses the file system of ") + where + ": " + std::strerror(error));
    source.disarm(id);
  }
  ~Stage() {
    if (path.empty()) return;
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  bool runs() const { return error == 0; }
  std::string in(const std::string& name) const { return path + "/" + name; }
  WatchId arm(const std::string& directory, int expected = 0) {
    const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(fd.get() >= 0);
    WatchId id = -1;
    CHECK_EQ(source.arm(fd.get(), id), expected);
    return id;
  }
  WatchId make(const std::string& name) {
    fs::create_directories(in(name));
    return arm(in(name));
  }
  void write(const std::string& name, const std::string& text = "x") const {
    const UniqueFd fd(::open(in(name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    CHECK(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  /** What is queued by now. */
  std::vector<Seen> take() {
    std::vector<Seen> seen;
    std::vector<KernelEvent> events;
    while (source.read(events)) {
      for (const KernelEvent& event : events) seen.push_back({event.watch, event.mask, event.cookie, std::string(event.name)});
      events.clear();
    }
    return seen;
  }
  /** After something that the kernel does in its own time. */
  std::vector<Seen> wait() {
    pollfd ready{source.poll_fd(), POLLIN, 0};
    std::vector<Seen> seen;
    for (int i = 0; i < 100 && seen.empty(); i++) {
      ::poll(&ready, 1, 50);
      seen = take();
    }
    return seen;
  }

  FanotifySource source;
  std::string path;
  int error = ENOENT;
};

std::string mask_text(uint32_t mask) {
  const std::pair<uint32_t, const char*> bits[] = {
      {IN_CREATE, "create"},           {IN_DELETE, "delete"},   {IN_MOVED_FROM, "from"},       {IN_MOVED_TO, "to"},
      {IN_MODIFY, "modify"},           {IN_CLOSE_WRITE, "close"}, {IN_ATTRIB, "attrib"},       {IN_DELETE_SELF, "delete-self"},
      {IN_MOVE_SELF, "move-self"},     {IN_UNMOUNT, "unmount"}, {IN_IGNORED, "ignored"},       {IN_Q_OVERFLOW, "overflow"},
      {IN_ISDIR, "dir"}};
  std::string text;
  for (const auto& [bit, name] : bits) {
    if (mask & bit) text += (text.empty() ? "" : "+") + std::string(name);
  }
  return text;
}

/** "A/x create, A delete-self" */
std::string text_of(const std::vector<Seen>& seen, const std::map<WatchId, std::string>& names) {
  std::string text;
  for (const Seen& event : seen) {
    const auto name = names.find(event.watch);
    text += (text.empty() ? "" : ", ") + (name == names.end() ? std::to_string(event.watch) : name->second);
    if (!event.name.empty()) text += "/" + event.name;
    text += " " + mask_text(event.mask);
  }
  return text;
}

uint64_t inode_of(const std::string& path) {
  struct stat stat {};
  return ::lstat(path.c_str(), &stat) == 0 ? stat.st_ino : 0;
}

}  // namespace

TEST("every kind of change arrives with inotify's bits, on ext4 and tmpfs") {
  for (const std::string& place : {own_disks().ext4(), own_disks().tmpfs()}) {
    Stage stage(place);
    if (!stage.runs()) continue;
    const std::map<WatchId, std::string> names{
        {stage.make("A"), "A"}, {stage.make("B"), "B"}, {stage.make("A/S"), "S"}, {kByInode, "its inode"}};
    stage.take();
    const auto expect = [&](const char* expected, const std::function<void()>& change) {
      change();
      CHECK_EQ(text_of(stage.take(), names), std::string(expected));
    };
    int fd = -1;
    expect("A/f create", [&] { fd = ::open(stage.in("A/f").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644); });
    expect("A/f modify", [&] { CHECK(::write(fd, "x", 1) == 1); });
    expect("A/f close", [&] { ::close(fd); });
    expect("A/f modify", [&] { CHECK(::truncate(stage.in("A/f").c_str(), 9) == 0); });
    expect("A/f attrib", [&] { CHECK(::chmod(stage.in("A/f").c_str(), 0600) == 0); });
    expect("A/f attrib", [&] { CHECK(::utimensat(AT_FDCWD, stage.in("A/f").c_str(), nullptr, 0) == 0); });
    expect("S attrib+dir", [&] { CHECK(::chmod(stage.in("A/S").c_str(), 0700) == 0); });
    // Another count of links, taken back by what names the place.
    expect("its inode attrib, B/l create, its inode delete", [&] { CHECK(::link(stage.in("A/f").c_str(), stage.in("B/l").c_str()) == 0); });
    expect("B/l modify+close", [&] { stage.write("B/l"); });
    expect("A/s create", [&] { CHECK(::symlink("nowhere", stage.in("A/s").c_str()) == 0); });
    expect("A/p create", [&] { CHECK(::mkfifo(stage.in("A/p").c_str(), 0600) == 0); });
    expect("A/d create+dir", [&] { CHECK(::mkdir(stage.in("A/d").c_str(), 0755) == 0); });
    expect("A/d delete+dir", [&] { CHECK(::rmdir(stage.in("A/d").c_str()) == 0); });
    expect("A/p delete", [&] { CHECK(::unlink(stage.in("A/p").c_str()) == 0); });
    expect("A/f from, B/g to", [&] { CHECK(::rename(stage.in("A/f").c_str(), stage.in("B/g").c_str()) == 0); });
    expect("A/S from+dir, B/T to+dir, S move-self+dir", [&] { CHECK(::rename(stage.in("A/S").c_str(), stage.in("B/T").c_str()) == 0); });
    expect("S/n create+modify+close", [&] { stage.write("B/T/n"); });
    expect("S/n delete", [&] { CHECK(::unlink(stage.in("B/T/n").c_str()) == 0); });
    const std::string odd("a\n\xff\"", 4);
    expect(("A/" + odd + " create+modify+close").c_str(), [&] { stage.write("A/" + odd); });
    expect(("A/" + std::string(255, 'n') + " create+modify+close").c_str(), [&] { stage.write("A/" + std::string(255, 'n')); });
  }
}

TEST("both halves of a rename share a cookie that no other rename has, and a half in a directory that is not armed is left out") {
  Stage stage;
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  const WatchId b = stage.make("B");
  fs::create_directory(stage.in("outside"));
  stage.write("A/1");
  stage.write("A/2");
  stage.write("outside/in");
  stage.take();
  fs::rename(stage.in("A/1"), stage.in("B/1"));
  fs::rename(stage.in("A/2"), stage.in("A/3"));
  fs::rename(stage.in("B/1"), stage.in("outside/1"));
  fs::rename(stage.in("outside/in"), stage.in("B/in"));
  const std::vector<Seen> seen = stage.take();
  CHECK_EQ(text_of(seen, {{a, "A"}, {b, "B"}}), std::string("A/1 from, B/1 to, A/2 from, A/3 to, B/1 from, B/in to"));
  REQUIRE(seen.size() == 6);
  CHECK(seen[0].cookie != 0 && seen[0].cookie == seen[1].cookie);
  CHECK(seen[2].cookie == seen[3].cookie);
  CHECK_EQ((std::set<uint32_t>{seen[0].cookie, seen[2].cookie, seen[4].cookie, seen[5].cookie}).size(), 4u);
}

TEST("exchanged names arrive as two pairs") {
  Stage stage;
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  stage.write("A/x");
  stage.write("A/y");
  stage.take();
  REQUIRE(::renameat2(AT_FDCWD, stage.in("A/x").c_str(), AT_FDCWD, stage.in("A/y").c_str(), RENAME_EXCHANGE) == 0);
  CHECK_EQ(text_of(stage.take(), {{a, "A"}}), std::string("A/x from, A/y to, A/y from, A/x to"));
}

TEST("without the event for renames both halves still arrive") {
  Stage stage(own_disks().ext4(), {.rename_events = false});
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  const WatchId b = stage.make("B");
  stage.write("A/1");
  stage.take();
  fs::rename(stage.in("A/1"), stage.in("B/2"));
  CHECK_EQ(text_of(stage.take(), {{a, "A"}, {b, "B"}}), std::string("A/1 from, B/2 to"));
}

TEST("what happens in directories that are not armed, or no longer, is dropped and counted") {
  Stage stage;
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  fs::create_directory(stage.in("B"));
  stage.take();
  const uint64_t before = stage.source.stats().foreign;
  stage.write("B/f");
  stage.write("f");
  CHECK(stage.take().empty());
  CHECK(stage.source.stats().foreign >= before + 2);
  stage.write("A/f");
  CHECK_EQ(stage.take().size(), 1u);
  stage.source.disarm(a);
  stage.write("A/f");
  CHECK(stage.take().empty());
  CHECK_EQ(stage.source.stats().directories, 0u);
}

TEST("a read tells how much it took that is none of ours, so that a busy neighbour is not read event by event") {
  Stage stage;
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  fs::create_directory(stage.in("B"));
  stage.take();
  for (int i = 0; i < 300; i++) stage.write("B/" + std::to_string(i));
  std::vector<KernelEvent> events;
  CHECK(!stage.source.read(events));
  CHECK(stage.source.foreign_in_last_read() >= 300);
  stage.write("A/f");
  CHECK(stage.source.read(events));
  CHECK_EQ(events.front().watch, a);
  CHECK(stage.source.foreign_in_last_read() < 300);  // other processes write, too
}

TEST("a directory has one id however often it is armed, and whatever it is called") {
  Stage stage;
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  CHECK(a < -1);
  CHECK_EQ(stage.arm(stage.in("A")), a);
  fs::rename(stage.in("A"), stage.in("B"));
  CHECK_EQ(stage.arm(stage.in("B")), a);
  stage.source.disarm(a);
  CHECK(stage.arm(stage.in("B")) < a);
}

TEST("a deleted directory ends with IN_IGNORED, and a new one with its inode number gets another id") {
  Stage stage;
  if (!stage.runs()) return;
  std::set<WatchId> ids;
  uint64_t first = 0;
  for (int i = 0; i < 50; i++) {
    const WatchId id = stage.make("A");
    CHECK(ids.insert(id).second);
    if (i == 0) first = inode_of(stage.in("A"));
    REQUIRE_EQ(inode_of(stage.in("A")), first);
    stage.take();
    fs::remove(stage.in("A"));
    CHECK_EQ(text_of(stage.wait(), {{id, "A"}}), std::string("A delete-self+dir, A ignored"));
    CHECK_EQ(stage.source.stats().directories, 0u);
  }
}

TEST("a deleted directory that somebody has open ends when it is closed") {
  Stage stage;
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  UniqueFd held(::open(stage.in("A").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  stage.take();
  fs::remove(stage.in("A"));
  CHECK(stage.take().empty());
  held.reset();
  CHECK_EQ(text_of(stage.wait(), {{a, "A"}}), std::string("A delete-self+dir, A ignored"));
}

TEST("creation and deletion of a name merge into one event that says both") {
  Stage stage;
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  stage.take();
  stage.write("A/f");
  fs::remove(stage.in("A/f"));
  CHECK_EQ(text_of(stage.take(), {{a, "A"}}), std::string("A/f create+delete+modify+close"));
}

TEST("a directory can be armed by a descriptor that cannot read it, and its chmod is told") {
  Stage stage;
  if (!stage.runs()) return;
  fs::create_directory(stage.in("A"));
  const UniqueFd fd(::open(stage.in("A").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  WatchId a = -1;
  REQUIRE_EQ(stage.source.arm(fd.get(), a), 0);
  REQUIRE(::chmod(stage.in("A").c_str(), 0700) == 0);
  CHECK_EQ(text_of(stage.take(), {{a, "A"}}), std::string("A attrib+dir"));
}

TEST("100,000 files created in a row arrive one by one, none lost") {
  Stage stage(own_disks().tmpfs());
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  stage.take();
  const UniqueFd directory(::open(stage.in("A").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 100'000; i++) ::close(::openat(directory.get(), std::to_string(i).c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644));
  std::set<int> names;
  for (const Seen& event : stage.take()) {
    CHECK(event.watch == a && event.mask == IN_CREATE);
    names.insert(std::atoi(event.name.c_str()));
  }
  CHECK_EQ(names.size(), 100'000u);
  CHECK_EQ(stage.source.stats().discarded, 0u);
}

TEST("more waiting events than allowed are given up with one overflow, and the next arm hears everything again") {
  Stage stage(own_disks().tmpfs(), {.max_queued = 20'000});
  if (!stage.runs()) return;
  const WatchId a = stage.make("A");
  const auto fill = [&](int count) {
    for (int i = 0; i < count; i++) stage.write("A/" + std::to_string(i));
  };
  fill(15'000);
  CHECK_EQ(stage.take().size(), 15'000u);  // below the limit: late, but whole
  fill(40'000);
  int overflows = 0;
  for (const Seen& event : stage.take()) {
    overflows += event.mask == IN_Q_OVERFLOW;
    CHECK(event.mask != IN_Q_OVERFLOW || event.watch == -1);
  }
  CHECK_EQ(overflows, 1);
  CHECK(stage.source.stats().discarded > 20'000);
  stage.write("A/unheard");
  CHECK(stage.take().empty());
  CHECK_EQ(stage.arm(stage.in("A")), a);
  stage.write("A/heard");
  CHECK_EQ(text_of(stage.take(), {{a, "A"}}), std::string("A/heard create+modify+close"));
}

TEST("a file system that refuses answers its errno") {
  Stage stage(own_disks().tmpfs());
  if (!stage.runs()) return;
  for (const char* name : {"low", "up", "work", "mnt", "proc"}) fs::create_directory(stage.in(name));
  const std::string options = "lowerdir=" + stage.in("low") + ",upperdir=" + stage.in("up") + ",workdir=" + stage.in("work");
  if (::mount("overlay", stage.in("mnt").c_str(), "overlay", 0, options.c_str()) == 0) {
    stage.arm(stage.in("mnt"), EOPNOTSUPP);
    ::umount(stage.in("mnt").c_str());
  } else {
    check::skipped(std::string("no overlay: ") + std::strerror(errno));
  }
  stage.arm("/proc", EOPNOTSUPP);
  CHECK_EQ(stage.source.stats().file_systems, 1u);  // that of the stage
}

TEST("an unmounted file system ends every watch on it, and the next one in its place is heard") {
  Stage stage;
  if (!stage.runs()) return;
  fs::create_directory(stage.in("m"));
  std::set<WatchId> ids;
  for (int round = 0; round < 3; round++) {
    Stage fresh;  // opened after the namespace was left
    const WatchId outside = fresh.make("outside");
    REQUIRE(::mount("none", stage.in("m").c_str(), "tmpfs", 0, nullptr) == 0);
    const WatchId root = fresh.arm(stage.in("m"));
    fs::create_directory(stage.in("m/d"));
    const WatchId below = fresh.arm(stage.in("m/d"));
    fresh.take();
    REQUIRE(::umount(stage.in("m").c_str()) == 0);
    std::map<WatchId, std::string> ends;
    for (const Seen& event : fresh.wait()) ends[event.watch] += mask_text(event.mask) + " ";
    CHECK_EQ(ends.size(), 2u);
    CHECK_EQ(ends[root], std::string("unmount+dir ignored "));
    CHECK_EQ(ends[below], std::string("unmount+dir ignored "));
    CHECK_EQ(fresh.source.stats().directories, 1u);
    REQUIRE(::mount("none", stage.in("m").c_str(), "tmpfs", 0, nullptr) == 0);
    const WatchId again = fresh.arm(stage.in("m"));
    CHECK(again != root);
    fresh.take();
    std::ofstream(stage.in("m/new")).put('x');
    CHECK_EQ(text_of(fresh.take(), {{again, "M"}}), std::string("M/new create+modify+close"));
    fresh.write("outside/f");
    CHECK_EQ(text_of(fresh.take(), {{outside, "O"}}), std::string("O/f create+modify+close"));
    REQUIRE(::umount(stage.in("m").c_str()) == 0);
  }
}

TEST("a file system mounted in the place of another before anybody looked is marked anew") {
  Stage stage;
  if (!stage.runs()) return;
  fs::create_directory(stage.in("m"));
  REQUIRE(::mount("none", stage.in("m").c_str(), "tmpfs", 0, nullptr) == 0);
  const WatchId first = stage.arm(stage.in("m"));
  REQUIRE(::umount(stage.in("m").c_str()) == 0);
  REQUIRE(::mount("none", stage.in("m").c_str(), "tmpfs", 0, nullptr) == 0);
  const WatchId second = stage.arm(stage.in("m"));
  CHECK(first != second);
  std::ofstream(stage.in("m/new")).put('x');
  CHECK_EQ(text_of(stage.take(), {{first, "1"}, {second, "2"}}), std::string("1 unmount+dir, 1 ignored, 2/new create+modify+close"));
  CHECK(::umount(stage.in("m").c_str()) == 0);
}

TEST("of two copies of one disk the second is refused, until the first is unmounted") {
  Stage stage;
  if (!stage.runs()) return;
  fs::create_directory(stage.in("a"));
  fs::create_directory(stage.in("b"));
  const std::string quiet = " >/dev/null 2>&1";
  const std::string make = "truncate -s 8M " + stage.in("1") + " && mkfs.ext4 -q -F " + stage.in("1") + " && cp " + stage.in("1") + " " +
                           stage.in("2") + " && mount -o loop " + stage.in("1") + " " + stage.in("a") + " && mount -o loop " +
                           stage.in("2") + " " + stage.in("b");
  if (std::system(("(" + make + ")" + quiet).c_str()) != 0) {
    check::skipped("no loop devices or no mkfs.ext4");
    ::umount(stage.in("a").c_str());
    return;
  }
  const WatchId a = stage.arm(stage.in("a"));
  stage.arm(stage.in("b"), EEXIST);
  stage.take();
  std::ofstream(stage.in("b/f")).put('x');
  CHECK(stage.take().empty());
  std::ofstream(stage.in("a/f")).put('x');
  CHECK_EQ(text_of(stage.take(), {{a, "A"}}), std::string("A/f create+modify+close"));
  REQUIRE(::umount(stage.in("a").c_str()) == 0);
  const WatchId b = stage.arm(stage.in("b"));
  CHECK(b != a);
  stage.take();
  std::ofstream(stage.in("b/g")).put('x');
  CHECK_EQ(text_of(stage.take(), {{b, "B"}}), std::string("B/g create+modify+close"));
  CHECK(::umount(stage.in("b").c_str()) == 0);
}

TEST("the table of handles agrees with a map under random insertions and deletions") {
  const unsigned seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  HandleTable table;
  struct Key {
    uint16_t fs;
    uint8_t type;
    std::string bytes;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, WatchId> model;
  WatchId next = -2;
  for (int i = 0; i < 60'000; i++) {
    Key key{static_cast<uint16_t>(random() % 3), static_cast<uint8_t>(1 + random() % 2), std::string(random() % 4 == 0 ? 33 : 8, '\0')};
    const uint32_t number = random() % 4000;
    std::memcpy(key.bytes.data(), &number, sizeof(number));
    const HandleRef ref{key.fs, key.type, key.bytes};
    const auto known = model.find(key);
    CHECK_EQ(table.find(ref), known == model.end() ? HandleTable::kNone : known->second);
    if (known == model.end()) {
      table.insert(ref, next);
      model[key] = next--;
    } else if (random() % 3 != 0) {
      CHECK(table.erase(known->second));
      CHECK(!table.erase(known->second));
      model.erase(known);
    }
    CHECK_EQ(table.size(), model.size());
  }
  std::vector<WatchId> ids;
  table.erase_fs(1, ids);
  CHECK_EQ(ids.size(), static_cast<size_t>(std::count_if(model.begin(), model.end(), [](const auto& item) { return item.first.fs == 1; })));
  for (const auto& [key, id] : model) CHECK_EQ(table.find({key.fs, key.type, key.bytes}), key.fs == 1 ? HandleTable::kNone : id);
}

TEST("a million directories take at most 50 bytes each") {
  HandleTable table;
  for (uint64_t i = 0; i < 1'000'000; i++) {
    table.insert({0, 1, {reinterpret_cast<const char*>(&i), sizeof(i)}}, -2 - static_cast<WatchId>(i));
    if (i > 10'000 && i % 5'000 == 0) CHECK(table.bytes() <= table.size() * 50 + 300'000);
  }
  std::printf("%.1f bytes per directory\n", static_cast<double>(table.bytes()) / static_cast<double>(table.size()));
}
