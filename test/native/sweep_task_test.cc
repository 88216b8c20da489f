// One task of a sweep over real files: what it says of them, how it stops and goes on, and what it leaves alone.
#include "sweep/sweep_task.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "check.h"
#include "stalling_fuse.h"
#include "temp_tree.h"

using namespace fustor;

namespace {

int64_t thread_cpu_ns() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return spent.tv_sec * 1'000'000'000 + spent.tv_nsec;
}

/** A share over one directory, as the engine would hand it out. */
struct Asked {
  std::string root;
  std::vector<std::string> names;
  SweepShare share;
  SweepFacts own;

  Asked(std::string in, std::vector<std::string> of) : root(std::move(in)), names(std::move(of)) {
    share.root = root;
    share.rules = {.mode = SweepMode::hash, .polite = false, .min_age_sec = -10, .task_ms = 10'000};
    FileStat stat;
    REQUIRE_EQ(stat_at(AT_FDCWD, root.c_str(), stat), 0);
    share.root_dev = stat.dev;
    share.root_ino = stat.ino;
    SweepPiece& piece = share.pieces.emplace_back();
    piece.dev = stat.dev;
    piece.own = SweepFacts::of(stat);
    for (const std::string& name : names) {
      FileStat file{};
      REQUIRE_EQ(stat_at(AT_FDCWD, (root + '/' + name).c_str(), file), 0);
      piece.entries.push_back({SweepFacts::of(file), 0, name});
    }
  }

  SweepResult run(const std::optional<SweepResult>& before = std::nullopt, const std::atomic<int32_t>* cancelled = nullptr) const {
    const auto result = run_sweep_task(to_bytes(share), before, {.cancelled = cancelled});
    REQUIRE(result.has_value());
    const auto again = result_of(to_bytes(*result));  // as it crosses threads
    REQUIRE(again.has_value());
    return *again;
  }
};

SweepVerdict only_verdict(const SweepResult& result) {
  REQUIRE_EQ(result.findings.size(), 1u);
  return result.findings[0].verdict;
}

/** A new file, or other contents of one that is there. */
void write_file(const TempTree& tree, const std::string& name, const std::string& content) {
  const UniqueFd fd(::open(tree.at(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  REQUIRE(fd && ::write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
}

/** Pages of a file that are in the page cache. */
size_t cached_pages(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const auto size = static_cast<size_t>(std::filesystem::file_size(path));
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  std::vector<unsigned char> pages((size + 4095) / 4096);
  ::mincore(map, size, pages.data());
  ::munmap(map, size);
  size_t count = 0;
  for (const unsigned char page : pages) count += page & 1;
  return count;
}

void drop_from_cache(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  ::fdatasync(fd.get());
  ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
}

}  // namespace

TEST("a file that is unchanged is hashed, a link, a fifo and a device are not opened") {
  TempTree tree;
  write_file(tree, "file", "content");
  REQUIRE_EQ(::mkfifo(tree.at("fifo").c_str(), 0600), 0);
  REQUIRE_EQ(::symlink("file", tree.at("link").c_str()), 0);
  const auto result = Asked(tree.path(), {"file", "fifo", "link"}).run();
  CHECK_EQ(result.looks, 4u);
  CHECK_EQ(result.read_bytes, 7u);
  CHECK_EQ(only_verdict(result), SweepVerdict::hashed);
}

TEST("a file that is gone, another one, a link or a fifo by now is told, and not opened") {
  TempTree tree;
  for (const char* name : {"gone", "other", "link", "fifo"}) write_file(tree, name, "content");
  Asked asked(tree.path(), {"gone", "other", "link", "fifo"});
  for (const char* name : {"gone", "link", "fifo"}) ::unlink(tree.at(name).c_str());
  write_file(tree, "other", "longer content");
  REQUIRE_EQ(::symlink("other", tree.at("link").c_str()), 0);
  REQUIRE_EQ(::mkfifo(tree.at("fifo").c_str(), 0600), 0);
  const auto result = asked.run();
  REQUIRE_EQ(result.findings.size(), 5u);  // the directory's own times differ, too
  CHECK_EQ(result.findings[0].entry, SweepFinding::kOwn);
  CHECK_EQ(result.findings[1].verdict, SweepVerdict::gone);
  for (size_t i = 2; i < 5; i++) CHECK_EQ(result.findings[i].verdict, SweepVerdict::differs);
  CHECK_EQ(result.read_bytes, 0u);
}

TEST("tasks that stop in the middle of a file come to the digest of the whole") {
  TempTree tree;
  write_file(tree, "file", std::string(3'000'000, 'x'));
  const UniqueFd fd(::open(tree.at("file").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE_EQ(::ftruncate(fd.get(), 40'000'000), 0);  // a hole of two steps behind it
  Asked asked(tree.path(), {"file"});
  const auto whole = asked.run();
  CHECK_EQ(only_verdict(whole), SweepVerdict::hashed);
  CHECK(whole.read_bytes < 3'200'000);
  asked.share.rules.task_ms = 0;
  std::optional<SweepResult> result;
  int tasks = 0;
  do {
    result = asked.run(result);
    tasks++;
  } while (result->next_piece < 1 && tasks < 1000);
  CHECK(tasks > 10);
  CHECK_EQ(only_verdict(*result), SweepVerdict::hashed);
  CHECK(result->findings[0].digest == whole.findings[0].digest);
}

TEST("a directory that goes away in the middle of a file leaves the next one's files right") {
  TempTree tree;
  std::filesystem::create_directory(tree.at("sub"));
  write_file(tree, "sub/big", std::string(3'000'000, 'x'));
  write_file(tree, "file", "content");
  const Asked sub(tree.at("sub"), {"big"});
  Asked asked(tree.path(), {"file"});
  SweepPiece first = sub.share.pieces[0];
  first.path = "sub";
  asked.share.pieces.insert(asked.share.pieces.begin(), first);
  asked.share.rules.task_ms = 0;
  auto result = asked.run();
  while (!result.open) result = asked.run(result);
  std::filesystem::remove_all(tree.at("sub"));
  asked.share.rules.task_ms = 10'000;
  result = asked.run(result);
  bool is_hashed = false;
  for (const SweepFinding& finding : result.findings) {
    is_hashed |= finding.piece == 1 && finding.entry == 0 && finding.verdict == SweepVerdict::hashed;
  }
  CHECK(is_hashed);
  CHECK(!result.open);
}

TEST("a file that changes between two tasks has no digest") {
  TempTree tree;
  write_file(tree, "file", std::string(3'000'000, 'x'));
  Asked asked(tree.path(), {"file"});
  asked.share.rules.task_ms = 0;
  auto result = asked.run();
  while (!result.open) result = asked.run(result);
  write_file(tree, "file", std::string(3'000'001, 'y'));
  int tasks = 0;
  do result = asked.run(result);
  while (result.next_piece < 1 && tasks++ < 1000);
  CHECK_EQ(only_verdict(result), SweepVerdict::changed);
}

TEST("a task that is cancelled stops after one step") {
  TempTree tree;
  write_file(tree, "file", std::string(3'000'000, 'x'));
  const std::atomic<int32_t> cancelled{1};
  const Asked asked(tree.path(), {"file"});
  auto result = asked.run(std::nullopt, &cancelled);
  CHECK(result.read_bytes <= 256 * 1024);
  CHECK_EQ(result.next_piece, 0u);
}

TEST("a file of a petabyte that is nearly all hole is not hashed, and costs one step") {
  TempTree tree;
  write_file(tree, "file", "content");
  const UniqueFd fd(::open(tree.at("file").c_str(), O_RDWR | O_CLOEXEC));
  const off_t petabyte = off_t{1} << 50;
  if (::ftruncate(fd.get(), petabyte) != 0 && ::ftruncate(fd.get(), petabyte / 100) != 0) {
    return check::skipped("this file system has no files of ten terabytes");
  }
  const auto result = Asked(tree.path(), {"file"}).run();
  CHECK_EQ(only_verdict(result), SweepVerdict::too_large);
  CHECK(result.read_bytes <= 256 * 1024);
}

TEST("the time that holes cost is part of what a task reports") {
  TempTree tree;
  write_file(tree, "file", "content");
  const UniqueFd fd(::open(tree.at("file").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE_EQ(::ftruncate(fd.get(), 1 << 30), 0);
  Asked asked(tree.path(), {"file"});
  asked.share.rules.digest = DigestKind::sha256;
  asked.share.rules.task_ms = 50;
  const int64_t before = thread_cpu_ns();
  const auto result = asked.run();
  const int64_t used = thread_cpu_ns() - before;
  REQUIRE(result.open.has_value());
  CHECK(result.open->zeros > 0);
  CHECK(static_cast<int64_t>(result.cpu_ns) * 2 > used);
}

TEST("a file whose times are in the future is hashed when its age was settled, and not before") {
  TempTree tree;
  write_file(tree, "file", "content");
  const timespec future[2] = {{0, UTIME_OMIT}, {::time(nullptr) + 100'000, 0}};
  REQUIRE_EQ(::utimensat(AT_FDCWD, tree.at("file").c_str(), future, 0), 0);
  Asked asked(tree.path(), {"file"});
  asked.share.rules.min_age_sec = 0;
  CHECK_EQ(only_verdict(asked.run()), SweepVerdict::too_young);
  asked.share.pieces[0].entries[0].how = kSettled;
  CHECK_EQ(only_verdict(asked.run()), SweepVerdict::hashed);
}

TEST("of the names of one file a share reads one, also when a task ends between them, and looks at them all") {
  TempTree tree;
  write_file(tree, "a", "content");
  for (const char* name : {"b", "c"}) REQUIRE_EQ(::link(tree.at("a").c_str(), tree.at(name).c_str()), 0);
  write_file(tree, "d", "content");
  Asked asked(tree.path(), {"a", "b", "c", "d"});
  for (size_t i = 0; i < 3; i++) asked.share.pieces[0].entries[i].how = kOneOfSeveral;
  const auto whole = asked.run();
  CHECK_EQ(whole.looks, 5u);
  CHECK_EQ(whole.read_bytes, 14u);
  asked.share.rules.task_ms = 0;
  uint64_t read_bytes = 0;
  std::optional<SweepResult> result;
  do {
    result = asked.run(result);
    read_bytes += result->read_bytes;
  } while (result->next_piece < 1);
  CHECK_EQ(read_bytes, 14u);
  asked.share.pieces[0].entries[0].how |= kIsKnown;
  asked.share.rules.task_ms = 10'000;
  CHECK_EQ(asked.run().read_bytes, 14u);  // its digest stands for a name, not for the others of this share
  for (size_t i = 0; i < 3; i++) asked.share.pieces[0].entries[i].how |= kIsKnown;
  CHECK_EQ(asked.run().read_bytes, 7u);
}

TEST("what lies in a directory that cannot be opened was not seen, and what went with its directory is not missed") {
  TempTree tree;
  std::filesystem::create_directory(tree.at("sub"));
  for (const char* name : {"sub/a", "sub/b"}) write_file(tree, name, "content");
  const Asked sub(tree.at("sub"), {"a", "b"});
  Asked asked(tree.path(), {});
  SweepPiece piece = sub.share.pieces[0];
  piece.path = "sub";
  asked.share.pieces.push_back(piece);
  CHECK_EQ(asked.run().missed, 0u);
  // As after an unmount: what stands there lies on another file system.
  asked.share.pieces[1].dev++;
  CHECK_EQ(asked.run().missed, 2u);
  asked.share.pieces[1].path = "sub/below";
  CHECK_EQ(asked.run().missed, 2u);
  asked.share.pieces[1].dev--;
  CHECK_EQ(asked.run().missed, 0u);
}

TEST("a task shows that its file system answers") {
  TempTree tree;
  for (const char* name : {"a", "b", "c"}) write_file(tree, name, "content");
  const Asked asked(tree.path(), {"a", "b", "c"});
  std::atomic<int32_t> steps{0};
  std::atomic<int32_t> recalls{0};
  const auto result = run_sweep_task(to_bytes(asked.share), std::nullopt, {.steps = &steps, .recalls = &recalls});
  REQUIRE(result.has_value());
  CHECK(steps >= 9);  // a stat, an open and a read of each
  CHECK_EQ(recalls.load(), 0);
}

TEST("a file without blocks is offline where the file system counts blocks, is read where it counts none, and on demand") {
  TempTree tree;
  TempTree behind;
  write_file(behind, "file", "content");
  StallingFuse fuse(behind.path(), tree.path());
  if (!fuse.mounted()) return check::skipped("FUSE cannot be mounted here");
  fuse.hide_blocks(false);
  Asked asked(tree.path(), {"file"});
  CHECK_EQ(only_verdict(asked.run()), SweepVerdict::offline);
  asked.share.rules.recall = true;
  CHECK_EQ(only_verdict(asked.run()), SweepVerdict::hashed);
  asked.share.rules.recall = false;
  fuse.hide_blocks(true);
  CHECK_EQ(only_verdict(asked.run()), SweepVerdict::hashed);
}

TEST("where another root stands nothing is looked at") {
  TempTree tree;
  write_file(tree, "file", "content");
  Asked asked(tree.path(), {"file"});
  asked.share.root_ino++;
  const auto result = asked.run();
  CHECK_EQ(result.root_error, ESTALE);
  CHECK_EQ(result.looks, 0u);
}

TEST("what was not in the page cache is not there afterwards, what was stays, and access times stay") {
  TempTree tree;
  write_file(tree, "cold", std::string(2'000'000, 'x'));
  write_file(tree, "warm", std::string(2'000'000, 'x'));
  drop_from_cache(tree.at("cold"));
  if (cached_pages(tree.at("cold")) > 0) return check::skipped("this file system lives in the page cache");
  const size_t warm = cached_pages(tree.at("warm"));
  struct stat before;
  REQUIRE_EQ(::stat(tree.at("cold").c_str(), &before), 0);
  const timespec old[2] = {{1000, 0}, before.st_mtim};
  REQUIRE_EQ(::utimensat(AT_FDCWD, tree.at("cold").c_str(), old, 0), 0);
  const auto result = Asked(tree.path(), {"cold", "warm"}).run();
  CHECK_EQ(result.findings.size(), 2u);
  struct stat after;
  REQUIRE_EQ(::stat(tree.at("cold").c_str(), &after), 0);
  CHECK_EQ(after.st_atim.tv_sec, 1000);
  CHECK_EQ(cached_pages(tree.at("cold")), 0u);
  CHECK_EQ(cached_pages(tree.at("warm")), warm);
}

TEST("bytes that are no share or no result are refused") {
  CHECK(!run_sweep_task("", std::nullopt, {}).has_value());
  TempTree tree;
  write_file(tree, "file", "content");
  const Asked asked(tree.path(), {"file"});
  const std::string share = to_bytes(asked.share);
  for (size_t length = 0; length < share.size(); length++) CHECK(!share_of(share.substr(0, length)).has_value());
  const std::string result = to_bytes(asked.run());
  for (size_t length = 0; length < result.size(); length++) CHECK(!result_of(result.substr(0, length)).has_value());
}
