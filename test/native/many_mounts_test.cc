// Many file systems below one root: what the mounts cost is counted in bytes read and in readings of the table, never in
// time. Each test has a mount namespace of its own, because every mount of another process in a shared one makes the
// engine read the table again, and a root on a file system of its own, because fanotify hands the engine the events of
// a whole file system, which the engine reads and counts as bytes.
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/mount_table.h"
#include "own_mounts.h"
#include "watch_judge.h"

namespace {
using namespace watching;

constexpr int kMounts = 1500;

/** What this process has read so far, whatever from. */
uint64_t bytes_read() {
  std::ifstream io("/proc/self/io");
  uint64_t bytes = 0;
  for (std::string key; io >> key;) {
    if (key == "rchar:") io >> bytes;
  }
  return bytes;
}

/** Directories m1, m2, ... below the root with a small file system on each and a file in it. */
class ManyMounts {
 public:
  explicit ManyMounts(const Place& place) : place_(place) {
    REQUIRE(::mount("none", place.root.c_str(), "tmpfs", 0, "size=16m") == 0);
  }
  ~ManyMounts() { ::umount2(place_.root.c_str(), MNT_DETACH); }
  bool make(int count) {
    for (const int end = made_ + count; made_ < end;) {
      const std::string directory = at(made_ + 1);
      if (::mkdir(directory.c_str(), 0755) != 0 || ::mount("none", directory.c_str(), "tmpfs", 0, "size=64k") != 0) return false;
      made_++;
      std::ofstream(directory + "/f") << made_;
    }
    return true;
  }
  bool unmount_last() { return ::umount(at(made_--).c_str()) == 0; }

 private:
  std::string at(int number) const { return place_ / ("m" + std::to_string(number)); }
  const Place& place_;
  int made_ = 0;
};

EVENT_ENGINES("with many mounts below the root the mounts are read when they change, not for each file system or question") {
  in_child([&] {
    if (!may_mount()) return;
    Place place;
    ManyMounts mounts(place);
    REQUIRE(mounts.make(kMounts));
    const uint64_t one_reading = fustor::current_mounts()->all().size() * 60;  // at least so many bytes
    const uint64_t readings = fustor::mount_table_reads();
    const uint64_t bytes = bytes_read();
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    CHECK_EQ(watch.settle(), "");
    CHECK(fustor::mount_table_reads() - readings <= 10);
    CHECK(bytes_read() - bytes < one_reading * 100);

    const uint64_t before_questions = bytes_read();
    for (int i = 0; i < 200; i++) watch.engine->status();
    CHECK(bytes_read() - before_questions < one_reading * 10);
    for (const fustor::EngineFact& fact : watch.engine->status().engines) CHECK(fact.file_system != "tmpfs" || fact.count >= kMounts);
  });
}

EVENT_ENGINES("mounts that come in quick succession are all walked, and are not looked at once for each of them") {
  in_child([&] {
    if (!may_mount()) return;
    Place place;
    ManyMounts mounts(place);
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    const uint64_t readings = fustor::mount_table_reads();
    REQUIRE(mounts.make(300));
    CHECK_EQ(watch.settle(), "");
    CHECK(fustor::mount_table_reads() - readings < 300);
    REQUIRE(mounts.make(1));
    CHECK_EQ(watch.settle(), "");
  });
}

TEST("the table of mounts says what is mounted where, under names with blanks and backslashes, too") {
  const fustor::MountTable table(
      "36 35 98:0 /sub\\040dir /mnt\\134x\\011y rw,noatime shared:1 master:2 - ext4 /dev/root\\040a rw,errors=continue\n"
      "37 36 0:45 / /mnt/z rw - fuse.sshfs host:/a rw\n"
      "not a mount\n"
      "38 36 0:45 / /mnt/z rw shared:7 - tmpfs none rw");
  REQUIRE_EQ(table.all().size(), 3u);
  const fustor::Mount* first = table.by_id(36);
  REQUIRE(first != nullptr);
  CHECK_EQ(first->inside, "/sub dir");
  CHECK_EQ(first->place, "/mnt\\x\ty");
  CHECK_EQ(first->type, "ext4");
  CHECK_EQ(first->source, "/dev/root\\040a");
  CHECK_EQ(first->parent_id, 35);
  const fustor::Mount* second = table.by_dev(45);
  REQUIRE(second != nullptr);
  CHECK_EQ(second->type, "fuse.sshfs");
  CHECK_EQ(table.all().back().type, "tmpfs");
  CHECK(table.by_id(39) == nullptr);
}
}  // namespace
