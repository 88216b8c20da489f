#include "scan/scanner.h"

#include <sys/resource.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "check.h"
#include "temp_tree.h"
#include "thread_priorities.h"
#include "watch/mounts/place_identity.h"

using namespace fustor;

namespace {

/** Waits for what a stream says next, as the addon does. */
class Reader {
 public:
  explicit Reader(ScanConfig config) : stream_(start_scan(std::move(config))) {
    stream_->set_on_ready([this] {
      std::lock_guard lock(mutex_);
      rung_ = true;
      bell_.notify_one();
    });
  }
  ~Reader() { stream_.reset(); }  // joins, so that nobody rings a bell that is gone

  BulkStream& stream() { return *stream_; }

  Poll next(Chunk*& chunk) {
    for (;;) {
      const Poll poll = stream_->poll_next(chunk);
      if (poll != Poll::pending) return poll;
      std::unique_lock lock(mutex_);
      REQUIRE(bell_.wait_for(lock, std::chrono::seconds(60), [this] { return rung_; }));
      rung_ = false;
    }
  }

  /** Every row until the end, in the order of the stream; releases the chunks. */
  std::vector<std::string> rows() {
    std::vector<std::string> all;
    Chunk* chunk = nullptr;
    for (Poll poll; (poll = next(chunk)) != Poll::end;) {
      REQUIRE(poll == Poll::chunk);
      REQUIRE_EQ(chunk->row_offsets.size(), chunk->rows + 1u);
      REQUIRE(chunk->used <= chunk->capacity && chunk->rows > 0);
      CHECK_EQ(chunk->group_first_row.at(0), 0u);
      CHECK(std::is_sorted(chunk->group_first_row.begin(), chunk->group_first_row.end()));
      for (uint32_t row = 0; row < chunk->rows; row++) {
        const uint32_t begin = chunk->row_offsets[row];
        all.emplace_back(chunk->data + begin, chunk->row_offsets[row + 1] - 1 - begin);
      }
      stream_->release(chunk->slot);
    }
    return all;
  }

 private:
  std::mutex mutex_;
  std::condition_variable bell_;
  bool rung_ = false;
  std::shared_ptr<BulkStream> stream_;
};

std::string path_of(const std::string& row) {
  constexpr std::string_view kBefore = R"({"path":")";
  REQUIRE(row.starts_with(kBefore));
  return row.substr(kBefore.size(), row.find("\",\"file_name") - kBefore.size());
}

std::map<std::string, std::string> by_path(const std::vector<std::string>& rows) {
  std::map<std::string, std::string> found;
  for (const std::string& row : rows) {
    if (!found.emplace(path_of(row), row).second) CHECK_EQ(path_of(row), "a path that comes once");
  }
  return found;
}

bool is_directory(const std::string& row) { return row.find(R"("is_directory":true)") != std::string::npos; }

/** `width` directories and as many files in each directory, `depth` levels. */
size_t grow(TempTree& tree, const std::string& below, int width, int depth) {
  size_t entries = 0;
  for (int i = 0; i < width; i++) {
    tree.file(below + "f" + std::to_string(i), "x");
    entries++;
    if (depth == 0) continue;
    const std::string child = below + "d" + std::to_string(i);
    tree.directory(child);
    entries += 1 + grow(tree, child + '/', width, depth - 1);
  }
  return entries;
}

}  // namespace

TEST("every kind of entry is a row, and only directories are directories") {
  TempTree tree;
  tree.file("file", "12345");
  tree.directory("dir");
  tree.file("dir/inner");
  tree.link("dir", "link to a directory");
  tree.link("nothing", "dangling");
  tree.fifo("fifo");
  tree.socket("socket");
  REQUIRE(::link(tree.at("file").c_str(), tree.at("hard").c_str()) == 0);
  const bool may_make_devices = ::mknod(tree.at("device").c_str(), S_IFCHR | 0644, makedev(1, 3)) == 0;
  Reader reader({.root = tree.path()});
  const auto rows = by_path(reader.rows());
  const size_t others = may_make_devices ? 3 : 2;
  CHECK_EQ(rows.size(), 7 + others);
  for (const auto& [path, row] : rows) CHECK_EQ(is_directory(row), path == "/" || path == "/dir");
  for (const char* path : {"/file", "/hard"}) CHECK(rows.at(path).find(R"("size":5,)") != std::string::npos);
  for (const char* path : {"/dir/inner", "/link to a directory", "/dangling", "/fifo", "/socket"}) CHECK_EQ(rows.count(path), 1u);
  const ScanSummary summary = reader.stream().summary();
  CHECK_EQ(summary.directories, 2u);
  CHECK_EQ(summary.files, 3u);
  CHECK_EQ(summary.symlinks, 2u);
  CHECK_EQ(summary.others, others);
  CHECK_EQ(summary.rows, rows.size());
  CHECK(summary.complete);
}

TEST("a directory's row comes before those of its children, whichever threads wrote them") {
  TempTree tree;
  const size_t entries = grow(tree, "", 5, 3);
  for (const unsigned threads : {1u, 2u, 8u}) {
    Reader reader({.root = tree.path(), .threads = threads, .chunk_bytes = 1, .pool_chunks = 16});
    std::set<std::string> seen;
    for (const std::string& row : reader.rows()) {
      const std::string path = path_of(row);
      if (path != "/") REQUIRE(seen.count(path.rfind('/') == 0 ? "/" : path.substr(0, path.rfind('/'))) == 1);
      REQUIRE(seen.insert(path).second);
    }
    CHECK_EQ(seen.size(), entries + 1);
  }
}

TEST("of named paths only these and what is below them are rows, and what is not there is none") {
  TempTree tree;
  tree.directory("d");
  tree.directory("d/e");
  tree.file("d/e/f");
  tree.file("d/g");
  tree.file("h");
  tree.link("d", "link");
  const auto paths = [&](std::vector<std::string> wanted, bool recursive) {
    Reader reader({.root = tree.path(), .filter = {.exclude = {"g"}}, .paths = std::move(wanted), .recursive = recursive});
    std::string joined;
    for (const auto& [path, row] : by_path(reader.rows())) joined += path + " ";
    CHECK(reader.stream().summary().complete);
    return joined;
  };
  CHECK_EQ(paths({"d"}, true), "/d /d/e /d/e/f ");
  CHECK_EQ(paths({"d"}, false), "/d ");
  CHECK_EQ(paths({""}, false), "/ ");
  CHECK_EQ(paths({"h", "d/e/f", "d/g", "gone", "gone/deeper", "h/below", "link"}, true), "/d/e/f /h /link ");
}

TEST("a path that leads through a symbolic link is not followed") {
  TempTree tree;
  TempTree outside;
  outside.file("secret");
  tree.link(outside.path(), "link");
  Reader reader({.root = tree.path(), .paths = {"link/secret"}});
  CHECK(reader.rows().empty());
}

TEST("with a single chunk everything still comes, because releasing it is all that a scan waits for") {
  TempTree tree;
  for (int i = 0; i < 3000; i++) tree.file("a name of some length, so that a few chunks are filled " + std::to_string(i));
  Reader reader({.root = tree.path(), .threads = 4, .chunk_bytes = 1, .pool_chunks = 1});
  CHECK_EQ(reader.rows().size(), 3001u);
}

TEST("a scan holds no more chunks than its pool has, however long nobody takes them") {
  TempTree tree;
  for (int i = 0; i < 4000; i++) tree.file("a name of some length, so that many chunks are filled " + std::to_string(i));
  Reader reader({.root = tree.path(), .threads = 2, .chunk_bytes = 1, .pool_chunks = 2});
  std::set<uint32_t> slots;
  Chunk* chunk = nullptr;
  for (int i = 0; i < 2; i++) {
    REQUIRE(reader.next(chunk) == Poll::chunk);
    slots.insert(chunk->slot);
  }
  CHECK_EQ(slots.size(), 2u);
  CHECK(reader.stream().poll_next(chunk) == Poll::pending);
  for (const uint32_t slot : slots) reader.stream().release(slot);
  CHECK(reader.next(chunk) == Poll::chunk);
}

TEST("cancelling ends a scan that waits for chunks, and it says that it is not complete") {
  TempTree tree;
  for (int i = 0; i < 3000; i++) tree.file("a name of some length, so that a few chunks are filled " + std::to_string(i));
  Reader reader({.root = tree.path(), .threads = 2, .chunk_bytes = 1, .pool_chunks = 1});
  Chunk* chunk = nullptr;
  REQUIRE(reader.next(chunk) == Poll::chunk);
  reader.stream().cancel();
  while (reader.next(chunk) == Poll::chunk) continue;
  CHECK(reader.next(chunk) == Poll::end);
  CHECK(!reader.stream().summary().complete);
}

TEST("destroying a scan at any moment joins its threads") {
  TempTree tree;
  grow(tree, "", 6, 3);
  for (int i = 0; i < 40; i++) {
    Reader reader({.root = tree.path(), .threads = 3, .chunk_bytes = 1, .pool_chunks = static_cast<uint32_t>(1 + i % 3)});
    Chunk* chunk = nullptr;
    for (int taken = 0; taken < i % 4; taken++) {
      if (reader.next(chunk) == Poll::chunk) reader.stream().release(chunk->slot);
    }
  }
}

TEST("a root that is missing, or no directory, fails with its errno") {
  TempTree tree;
  tree.file("file");
  const std::pair<std::string, int> cases[] = {{tree.at("nothing"), ENOENT}, {tree.at("file"), ENOTDIR}};
  for (const auto& [root, error] : cases) {
    Reader reader({.root = root});
    Chunk* chunk = nullptr;
    CHECK(reader.next(chunk) == Poll::failed);
    CHECK_EQ(reader.stream().root_error(), error);
    CHECK(!reader.stream().summary().complete);
  }
}

TEST("a scan in whose middle another directory takes the place of the root says that it is not complete") {
  for (const bool exchanged : {false, true}) {
    for (const bool by_identity : {false, true}) {
      TempTree tree;
      for (const char* name : {"root", "other"}) {
        tree.directory(name);
        tree.directory(std::string(name) + "/d");
      }
      for (int i = 0; i < 2000; i++) tree.file("root/d/a name of some length, so that a few chunks are filled " + std::to_string(i));
      ScanConfig config{.root = tree.at("root"), .threads = 1, .chunk_bytes = 1, .pool_chunks = 1};
      if (by_identity) {  // as a source asks for it
        config.identify = identity_text;
        config.is_same = is_same_place;
      }
      Reader reader(config);
      Chunk* chunk = nullptr;
      REQUIRE(reader.next(chunk) == Poll::chunk);
      if (exchanged) {
        std::filesystem::rename(tree.at("root"), tree.at("away"));
        std::filesystem::rename(tree.at("other"), tree.at("root"));
      }
      reader.stream().release(chunk->slot);
      while (reader.next(chunk) == Poll::chunk) reader.stream().release(chunk->slot);
      CHECK_EQ(reader.stream().summary().complete, !exchanged);
    }
  }
}

TEST("what the filter excludes is not there, with everything below it") {
  TempTree tree;
  grow(tree, "", 2, 2);
  tree.file("d0/keep.txt");
  FilterSpec filter{.file_pattern = "*.txt", .exclude = {"d1/"}, .exclude_paths = {tree.at("d0/d0")}};
  Reader reader({.root = tree.path(), .filter = filter});
  std::set<std::string> paths;
  for (const std::string& row : reader.rows()) paths.insert(path_of(row));
  CHECK(paths == (std::set<std::string>{"/", "/d0", "/d0/keep.txt"}));
}

TEST("a directory below a path of 4096 bytes is an error, and what lies in it is left alone") {
  TempTree tree;
  tree.deep(std::string(200, 'd'), 30);
  Reader reader({.root = tree.path()});
  CHECK_EQ(reader.rows().size(), 22u);
  const ScanSummary summary = reader.stream().summary();
  CHECK(summary.complete);
  CHECK_EQ(summary.failed_directories, 1u);
  CHECK_EQ(summary.errors_by_errno.at(ENAMETOOLONG), 1u);
}

TEST("with a higher limit a tree deeper than PATH_MAX is scanned to its end") {
  TempTree tree;
  const std::string deep = tree.deep(std::string(200, 'd'), 30);
  Reader reader({.root = tree.path(), .max_path_bytes = 0});
  const std::vector<std::string> rows = reader.rows();
  CHECK_EQ(rows.size(), 31u);
  CHECK_EQ(path_of(rows.back()), "/" + deep);
  CHECK_EQ(reader.stream().summary().failed_directories, 0u);
}

TEST("a row that is longer than a chunk still comes, whole") {
  TempTree tree;
  const std::string deep = tree.deep(std::string(250, '\x01'), 100);  // six bytes for each in JSON: 150 KB for the innermost path
  tree.file("z");
  Reader reader({.root = tree.path(), .max_path_bytes = 0, .chunk_bytes = 1});
  const std::vector<std::string> rows = reader.rows();
  CHECK_EQ(rows.size(), 102u);
  size_t longest = 0;
  for (const std::string& row : rows) longest = std::max(longest, row.size());
  CHECK(longest > 6 * deep.size());
  CHECK_EQ(reader.stream().summary().failed_directories, 0u);
}

TEST("the sequence of a group is older than anything read after it") {
  TempTree tree;
  grow(tree, "", 3, 2);
  Reader reader({.root = tree.path(), .threads = 1});
  Chunk* chunk = nullptr;
  double last = 0;
  while (reader.next(chunk) == Poll::chunk) {
    CHECK_EQ(chunk->group_first_row.size(), chunk->group_sequence.size());
    for (const double sequence : chunk->group_sequence) {
      CHECK(sequence > last);
      last = sequence;
    }
    reader.stream().release(chunk->slot);
  }
  CHECK(last > 0);
}

TEST("a depth limit lists so many levels and no more") {
  TempTree tree;
  grow(tree, "", 2, 3);
  const std::pair<uint32_t, size_t> cases[] = {{1, 1 + 4}, {2, 1 + 4 + 8}, {0, 1 + 4 + 8 + 16 + 16}};
  for (const auto& [depth, expected] : cases) {
    Reader reader({.root = tree.path(), .max_depth = depth});
    CHECK_EQ(reader.rows().size(), expected);
    CHECK(reader.stream().summary().complete);
  }
}

TEST("a scan's threads have the priorities that were asked for, and nobody else has") {
  TempTree tree;
  for (int i = 0; i < 3000; i++) tree.file("a name of some length, so that a few chunks are filled " + std::to_string(i));
  const Politeness politeness{.nice = 7, .io_priority = watching::kIdleIo};
  Reader reader({.root = tree.path(), .threads = 2, .politeness = politeness, .chunk_bytes = 1, .pool_chunks = 1});
  Chunk* chunk = nullptr;
  REQUIRE(reader.next(chunk) == Poll::chunk);  // one thread at least lives and waits for it to be released
  const watching::Priorities seen = watching::await_polite_threads(7, 1, 2);
  CHECK(seen.polite >= 1 && seen.polite <= 2);
  CHECK_EQ(seen.half, 0);
  CHECK(::getpriority(PRIO_PROCESS, 0) != 7);
  reader.stream().cancel();
}

TEST("a limit on entries a second holds over all threads") {
  TempTree tree;
  for (int d = 0; d < 10; d++) {
    const std::string directory = "d" + std::to_string(d);
    tree.directory(directory);
    for (int i = 0; i < 100; i++) tree.file(directory + '/' + std::to_string(i));
  }
  const auto begin = std::chrono::steady_clock::now();
  Reader reader({.root = tree.path(), .threads = 4, .politeness = {.entries_per_second = 2000}});
  CHECK_EQ(reader.rows().size(), 1011u);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  // All but what each of the threads has not paid for at the end.
  CHECK(took.count() >= (1010.0 - 4 * 64) / 2000);
}

TEST("cancelling ends a scan that waits for its limit at once") {
  TempTree tree;
  for (int i = 0; i < 3000; i++) tree.file(std::to_string(i));
  Reader reader({.root = tree.path(), .threads = 2, .politeness = {.entries_per_second = 0.001}});
  Chunk* chunk = nullptr;
  REQUIRE(reader.next(chunk) == Poll::chunk);
  reader.stream().cancel();
  while (reader.next(chunk) == Poll::chunk) continue;
  CHECK(reader.next(chunk) == Poll::end);
}
