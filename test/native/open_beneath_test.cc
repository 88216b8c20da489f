#include "base/open_beneath.h"

#include <limits.h>

#include <cerrno>

#include "base/file_stat.h"
#include "check.h"
#include "temp_tree.h"

using namespace fustor;

namespace {

struct Opened {
  int error = 0;
  uint64_t ino = 0;
};

Opened open_below(const TempTree& tree, std::string_view relative) {
  const UniqueFd root(::open(tree.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(root);
  UniqueFd fd;
  const int error = open_directory_beneath(root.get(), relative, fd);
  if (error != 0) {
    CHECK(!fd);
    return {error};
  }
  FileStat stat;
  REQUIRE_EQ(stat_at(fd.get(), "", stat), 0);
  CHECK(stat.kind == EntryKind::directory);
  return {0, stat.ino};
}

uint64_t inode(const std::string& path) {
  struct stat status;
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST("the empty path is the root, any other the directory below it") {
  TempTree tree;
  tree.directory("a");
  tree.directory("a/b");
  CHECK_EQ(open_below(tree, "").ino, inode(tree.path()));
  CHECK_EQ(open_below(tree, "a/b").ino, inode(tree.at("a/b")));
}

TEST("a link is never followed, neither at the end of a path nor inside it") {
  TempTree tree;
  tree.directory("a");
  tree.directory("a/b");
  tree.link("a", "inside");
  tree.link("/etc", "outside");
  for (const char* path : {"inside", "outside", "inside/b", "outside/ssl"}) {
    const int error = open_below(tree, path).error;
    CHECK(error == ELOOP || error == ENOTDIR);
  }
}

TEST("what is no directory is refused at once, even a fifo that nobody writes to") {
  TempTree tree;
  tree.file("file");
  tree.fifo("fifo");
  CHECK_EQ(open_below(tree, "file").error, ENOTDIR);
  CHECK_EQ(open_below(tree, "fifo").error, ENOTDIR);
  CHECK_EQ(open_below(tree, "nothing").error, ENOENT);
  CHECK_EQ(open_below(tree, "file/x").error, ENOTDIR);
}

TEST("a directory deeper than PATH_MAX opens, and a link on the way is still refused") {
  TempTree tree;
  const std::string deep = tree.deep(std::string(200, 'd'), 30);
  CHECK(deep.size() > PATH_MAX);
  CHECK_EQ(open_below(tree, deep).error, 0);
  CHECK(open_below(tree, deep).ino != inode(tree.path()));
  CHECK_EQ(open_below(tree, deep + "/nothing").error, ENOENT);
  tree.link(std::string(200, 'd'), "link");
  const int error = open_below(tree, "link" + deep.substr(200)).error;
  CHECK(error == ELOOP || error == ENOTDIR);
}
