// Writes that come without a name that helps: by file handle, through a link outside of the root, through a name that is gone; and writes
// that nobody tells of at all.
#include <linux/aio_abi.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/unique_fd.h"
#include "check.h"
#include "own_mounts.h"
#include "watch_judge.h"

using namespace watching;

namespace {

bool is_fanotify(const Engine& engine) { return engine.mode == fustor::WatchMode::fanotify; }

void append(int fd, std::string_view text) { CHECK_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size())); }

/** A file as an NFS server keeps it: by its handle, without a name. */
class Handle {
 public:
  explicit Handle(const std::string& path) {
    handle().handle_bytes = MAX_HANDLE_SZ;
    REQUIRE_EQ(::name_to_handle_at(AT_FDCWD, path.c_str(), &handle(), &mount_id_, 0), 0);
  }
  fustor::UniqueFd open(const std::string& root) {
    const fustor::UniqueFd mount(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fustor::UniqueFd(::open_by_handle_at(mount.get(), &handle(), O_WRONLY | O_APPEND | O_CLOEXEC));
  }

 private:
  file_handle& handle() { return *reinterpret_cast<file_handle*>(space_); }
  alignas(file_handle) char space_[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  int mount_id_ = 0;
};

/** Where an open file is known to lie: "/" when the kernel has forgotten its name. */
std::string place_of(int fd) {
  std::error_code none;
  return fs::read_symlink("/proc/self/fd/" + std::to_string(fd), none).string();
}

/** A write through the kernel's asynchronous interface: no event of any kind. */
bool write_silently(int fd, const std::string& text) {
  aio_context_t context = 0;
  if (::syscall(SYS_io_setup, 1, &context) != 0) return false;
  iocb block{};
  block.aio_lio_opcode = IOCB_CMD_PWRITE;
  block.aio_fildes = static_cast<uint32_t>(fd);
  block.aio_buf = reinterpret_cast<uint64_t>(text.data());
  block.aio_nbytes = text.size();
  iocb* blocks[] = {&block};
  io_event done{};
  const bool written = ::syscall(SYS_io_submit, context, 1, blocks) == 1 && ::syscall(SYS_io_getevents, context, 1, 1, &done, nullptr) == 1 &&
                       done.res == static_cast<int64_t>(text.size());
  ::syscall(SYS_io_destroy, context);
  return written;
}

}  // namespace

EVENT_ENGINES("what is written by file handle, as an NFS server does, is seen at once") {
  if (!is_fanotify(engine)) return;  // inotify: docs/watching.md, limits
  Place place;
  in_child([&] {
    if (!may_mount() || !mount_disk({"mkfs.ext4", "-q", "-F"}, place.top + "/image", 32, place.root)) return;
    place.make("a/b");
    place.make("other");
    for (int i = 0; i < 100; i++) place.write("other/f" + std::to_string(i));
    place.write("a/b/f");
    place.write("a/b/g");
    Handle one(place / "a/b/f");
    Handle two(place / "a/b/g");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    // A remount makes the kernel forget the names of this file system, and of no other.
    fustor::UniqueFd fd;
    const auto open_without_name = [&](Handle& file, const char* name) {
      return watch.until([&] {
        fd.reset();
        ::mount(nullptr, place.root.c_str(), nullptr, MS_REMOUNT, nullptr);
        fd = file.open(place.root);
        return fd && !place_of(fd.get()).ends_with(name);
      });
    };
    REQUIRE(open_without_name(one, "/f"));
    append(fd.get(), "by handle");
    CHECK(watch.until([&] { return watch.view.rows["/a/b/f"].size == "10"; }));
    append(fd.get(), " again");  // its place is known now
    CHECK(watch.until([&] { return watch.view.rows["/a/b/f"].size == "16"; }));
    const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    CHECK_EQ(::futimens(fd.get(), times), 0);
    CHECK_EQ(watch.settle(), "");
    REQUIRE(open_without_name(two, "/g"));
    CHECK_EQ(::futimens(fd.get(), times), 0);
    fd.reset();
    CHECK_EQ(watch.settle(), "");
  });
}

EVENT_ENGINES("what is written through a link outside of the root is seen under the names inside") {
  if (!is_fanotify(engine)) return;  // inotify: docs/watching.md, limits
  Place place;
  place.make("a");
  for (const char* name : {"a/before", "a/after", "a/two"}) place.write(name);
  fs::create_hard_link(place / "a/before", place.top + "/before");
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  std::ofstream(place.top + "/before", std::ios::app) << "outside";
  CHECK(watch.until([&] { return watch.view.rows["/a/before"].size == "8"; }));
  fs::create_hard_link(place / "a/after", place.top + "/after");
  fs::create_hard_link(place / "a/two", place.top + "/two");
  fs::create_hard_link(place / "a/two", place / "a/twin");
  CHECK_EQ(watch.settle(), "");
  std::ofstream(place.top + "/after", std::ios::app) << "outside";
  std::ofstream(place.top + "/two", std::ios::app) << "outside";
  CHECK(watch.until([&] { return watch.view.rows["/a/after"].size == "8"; }));
  CHECK(watch.until([&] { return watch.view.rows["/a/two"].size == "8" && watch.view.rows["/a/twin"].size == "8"; }));
  CHECK_EQ(watch.settle(), "");
  fs::remove(place / "a/two");
  std::ofstream(place.top + "/two", std::ios::app) << "!";
  CHECK(watch.until([&] { return watch.view.rows["/a/twin"].size == "9"; }));
  CHECK_EQ(watch.settle(), "");
}

EVENT_ENGINES("what is written to a file through a name that is gone is seen under its other names") {
  for (const bool patient : {true, false}) {
    Place place;
    place.make("old");
    place.write("log");
    Watch watch(place.config(engine));
    REQUIRE(watch.begin());
    const fustor::UniqueFd fd(::open((place / "log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    fs::create_hard_link(place / "log", place / "old/log.1");
    if (patient) CHECK_EQ(watch.settle(), "");
    fs::remove(place / "log");
    CHECK_EQ(watch.settle(), "");
    append(fd.get(), "written late");
    CHECK(watch.until([&] { return watch.view.rows["/old/log.1"].size == "13"; }));
    append(fd.get(), " and later");
    CHECK_EQ(watch.settle(), "");
    if (!is_fanotify(engine)) continue;  // which says which file it means, whatever has the name now
    place.write("log", "the next one");
    CHECK_EQ(watch.settle(), "");
    append(fd.get(), "!");
    CHECK_EQ(watch.settle(), "");
  }
}

EVENT_ENGINES("files that are deleted in numbers, and those without a name, have nobody look for other names of theirs") {
  Place place;
  place.make("a");
  for (int i = 0; i < 500; i++) place.write("a/f" + std::to_string(i));
  Watch watch(place.config(engine));
  REQUIRE(watch.begin());
  for (int i = 0; i < 500; i++) fs::remove(place / ("a/f" + std::to_string(i)));
  const fustor::UniqueFd fd(::open(place.root.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (fd) append(fd.get(), "nobody's");
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.count("update", "/a/f0"), 0u);
}

EVENT_ENGINES("writes that the kernel tells nobody of are found while a file is young") {
  Place place;
  place.write("image");
  place.write("database");
  const fustor::UniqueFd image(::open((place / "image").c_str(), O_WRONLY | O_CLOEXEC));
  const fustor::UniqueFd database(::open((place / "database").c_str(), O_WRONLY | O_CLOEXEC));
  auto config = place.config(engine);
  config.young_ms = 600'000;
  config.look_again_ms = 500;
  Watch watch(config);
  REQUIRE(watch.begin());
  for (const std::string text : {"first", "and second", "and, after a while, third"}) {
    REQUIRE(write_silently(image.get(), text));
    REQUIRE(write_silently(database.get(), text + text));
    CHECK_EQ(watch.settle(), "");
    CHECK_EQ(watch.view.rows["/image"].size, std::to_string(text.size()));
  }
  // Once it is old it is left alone.
  const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  CHECK_EQ(::futimens(image.get(), times), 0);
  CHECK_EQ(::futimens(database.get(), times), 0);
  CHECK_EQ(watch.settle(), "");
  fs::remove(place / "database");
  CHECK_EQ(watch.settle(), "");
}
