// The filter's rules, listing, opening beneath the root, and which file systems are never entered.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/dir_lister.h"
#include "base/filter.h"
#include "base/json_row.h"
#include "base/open_beneath.h"
#include "check.h"
#include "scan/mounts.h"

using namespace fustor;
namespace fs = std::filesystem;

namespace {
struct Temp {
  std::string path;
  Temp() {
    std::string name = fs::temp_directory_path() / "fustor-places-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Temp() { fs::remove_all(path); }
};
UniqueFd open_directory(const std::string& path) { return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

std::string time_text(int64_t sec, uint32_t nsec) {
  std::string out;
  append_timestamp({sec, nsec}, out);
  return out;
}
}  // namespace

TEST("a double star before a slash stands for any number of directories, none too") {
  const Filter filter({"*", {"**/foo", "a/**/b", "c/**"}, {}}, "/r");
  CHECK(!filter.wants("x/y", "foo", EntryKind::file));
  CHECK(!filter.wants("", "foo", EntryKind::file));
  CHECK(filter.wants("", "xfoo", EntryKind::file));
  CHECK(!filter.wants("a", "b", EntryKind::file));
  CHECK(!filter.wants("a/x/y", "b", EntryKind::file));
  CHECK(filter.wants("", "c", EntryKind::directory));
  CHECK(!filter.wants("c", "d", EntryKind::file));
}

TEST("an excluded path is recognised however it is spelt") {
  const Filter filter({"*", {}, {"/r//a/", "/r/./b", "/rest"}}, "/r/");
  CHECK(!filter.wants("", "a", EntryKind::directory));
  CHECK(!filter.wants("", "b", EntryKind::directory));
  CHECK(filter.wants("", "c", EntryKind::directory));
  CHECK(filter.wants("b", "a", EntryKind::directory));
  CHECK(filter.wants_root());
  CHECK(!Filter({"*", {}, {"/"}}, "/r").wants_root());
  CHECK(!Filter({"*", {}, {"/r/"}}, "/r").wants_root());
}

TEST("one descriptor can be listed again from its beginning") {
  Temp t;
  std::ofstream(t.path + "/a");
  const UniqueFd fd = open_directory(t.path);
  DirLister lister;
  for (int round = 0; round < 2; round++) {
    int seen = 0;
    CHECK_EQ(lister.list(fd.get(), [&](std::string_view, unsigned char) { return ++seen > 0; }), 0);
    CHECK_EQ(seen, 1);
  }
}

TEST("no segment leads out of the root, however long the path") {
  Temp t;
  fs::create_directories(t.path + "/root/in");
  fs::create_directory_symlink("/", t.path + "/root/link");
  const UniqueFd root = open_directory(t.path + "/root");
  UniqueFd out;
  CHECK_EQ(open_directory_beneath(root.get(), "in", out), 0);
  CHECK(open_directory_beneath(root.get(), "..", out) != 0);
  CHECK(open_directory_beneath(root.get(), "link", out) != 0);
  CHECK(open_directory_beneath(root.get(), "link/tmp", out) != 0);
  std::string beyond = "..";
  while (beyond.size() < PATH_MAX + 10) beyond += "/..";
  CHECK(open_directory_beneath(root.get(), beyond, out) != 0);
}

TEST("proc and, where /dev is one, devtmpfs are pseudo file systems and a temporary folder is none") {
  CHECK(is_pseudo_filesystem(open_directory("/proc").get()));
  CHECK(!is_pseudo_filesystem(open_directory(fs::temp_directory_path()).get()));
  std::ifstream mountinfo("/proc/self/mountinfo");
  std::string last;  // of several mounts in one place the last one shows
  for (std::string line; std::getline(mountinfo, line);) {
    if (line.find(" /dev ") != std::string::npos) last = line;
  }
  if (last.find(" - devtmpfs ") != std::string::npos) CHECK(is_pseudo_filesystem(open_directory("/dev").get()));
}

TEST("times are decimals before 1970, too") {
  CHECK_EQ(time_text(0, 0), "0.000000000");
  CHECK_EQ(time_text(-2, 500'000'000), "-1.500000000");
  CHECK_EQ(time_text(-1, 999'999'999), "-0.000000001");
  CHECK_EQ(time_text(-1, 0), "-1.000000000");
  CHECK_EQ(time_text(1'790'000'000, 120'400'001), "1790000000.120400001");
  CHECK_EQ(time_text(INT64_MIN, 0), "-9223372036854775808.000000000");
  CHECK_EQ(time_text(5, 4'000'000'000), "5.999999999");  // nonsense of a server stays a number
}
