// The scan against a made tree: every kind of entry, the order of rows, back-pressure, cancelling, trees that change meanwhile.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>

#include "base/unique_fd.h"
#include "check.h"
#include "scan/scanner.h"

using namespace fustor;
namespace fs = std::filesystem;

namespace {
struct Temp {
  std::string path;
  Temp() {
    std::string name = fs::temp_directory_path() / "fustor-scan-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Temp() { fs::remove_all(path); }
};
void touch(const std::string& path) { UniqueFd(::open(path.c_str(), O_CREAT | O_WRONLY, 0644)); }

std::string path_of(const std::string& row) {
  const size_t begin = std::strlen(R"({"path":")");
  return row.substr(begin, row.find('"', begin) - begin);
}

struct Rows {
  std::vector<std::string> rows;
  Poll end = Poll::pending;
};

/** Pulls until the end; gives up (with `pending`) when nothing comes for 20 s. */
template <class OnChunk>
Rows drain(BulkStream& stream, OnChunk&& on_chunk) {
  // Shared with the callback: the last ring may come after the end was seen.
  struct Door {
    std::mutex mutex;
    std::condition_variable changed;
    bool rung = true;
  };
  const auto door = std::make_shared<Door>();
  stream.set_on_ready([door] {
    const std::lock_guard lock(door->mutex);
    door->rung = true;
    door->changed.notify_one();
  });
  Rows out;
  for (size_t number = 0;;) {
    Chunk* chunk = nullptr;
    const Poll poll = stream.poll_next(chunk);
    if (poll == Poll::pending) {
      std::unique_lock lock(door->mutex);
      if (!door->changed.wait_for(lock, std::chrono::seconds(20), [&] { return door->rung; })) break;
      door->rung = false;
      continue;
    }
    out.end = poll;
    if (poll != Poll::chunk) break;
    for (uint32_t r = 0; r < chunk->rows; r++) {
      out.rows.emplace_back(chunk->data + chunk->row_offsets[r], chunk->row_offsets[r + 1] - 1 - chunk->row_offsets[r]);
    }
    CHECK_EQ(chunk->row_offsets.size(), chunk->rows + size_t{1});
    CHECK_EQ(chunk->group_first_row.front(), 0u);
    CHECK_EQ(chunk->group_first_row.size(), chunk->group_sequence.size());
    on_chunk(number++, out);
    stream.release(chunk->slot);
  }
  return out;
}
Rows drain(BulkStream& stream) {
  return drain(stream, [](size_t, const Rows&) {});
}

/** 12^3 directories with four files each and long names: several chunks even at the least size. */
size_t grow(const std::string& path, int depth) {
  size_t made = 0;
  for (int i = 0; i < 4; i++, made++) touch(path + "/file-with-quite-a-long-name-so-that-chunks-fill-up-" + std::to_string(i));
  for (int i = 0; depth > 0 && i < 12; i++) {
    const std::string below = path + "/d" + std::to_string(i);
    fs::create_directory(below);
    made += 1 + grow(below, depth - 1);
  }
  return made;
}

int orphans(const std::vector<std::string>& rows) {
  std::set<std::string> seen;
  int count = 0;
  for (const std::string& row : rows) {
    const std::string path = path_of(row);
    const std::string parent = path.rfind('/') == 0 ? "/" : path.substr(0, path.rfind('/'));
    if (path != "/" && !seen.contains(parent)) count++;
    if (!seen.insert(path).second) count++;
  }
  return count;
}
}  // namespace

TEST("every kind of entry is one row by lstat, and links are never followed") {
  Temp t;
  touch(t.path + "/file");
  fs::create_hard_link(t.path + "/file", t.path + "/hard");
  fs::create_directory(t.path + "/dir");
  touch(t.path + "/dir/in");
  fs::create_directory_symlink("dir", t.path + "/link-to-dir");
  fs::create_symlink("nowhere", t.path + "/dangling");
  fs::create_directory_symlink("/", t.path + "/dir/out");
  ::mkfifo((t.path + "/fifo").c_str(), 0644);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (t.path + "/socket").c_str(), sizeof(address.sun_path) - 1);
  CHECK_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  touch(t.path + "/odd\n\"\\\xFF");
  auto scan = start_scan({.root = t.path, .filter = {}, .threads = 2});
  const Rows rows = drain(*scan);
  CHECK_EQ(rows.end, Poll::end);
  CHECK_EQ(rows.rows.size(), 11u);
  std::set<std::string> directories;
  for (const std::string& row : rows.rows) {
    if (row.find("\"is_directory\":true") != std::string::npos) directories.insert(path_of(row));
  }
  CHECK(directories == (std::set<std::string>{"/", "/dir"}));
  const ScanSummary summary = scan->summary();
  CHECK_EQ(summary.rows, 11u);
  CHECK_EQ(summary.files, 4u);
  CHECK_EQ(summary.directories, 2u);
  CHECK_EQ(summary.symlinks, 3u);
  CHECK_EQ(summary.others, 2u);
  CHECK(summary.complete);
}

TEST("a directory's row comes before those of its children, whatever the threads and the pool") {
  Temp t;
  const size_t made = grow(t.path, 3);
  for (const unsigned threads : {1u, 2u, 7u}) {
    for (const uint32_t pool : {1u, 2u, 8u}) {
      auto scan = start_scan({.root = t.path, .filter = {}, .threads = threads, .cross_mounts = true, .chunk_bytes = 1, .pool_chunks = pool});
      const Rows rows = drain(*scan);
      CHECK_EQ(rows.end, Poll::end);
      CHECK_EQ(rows.rows.size(), made + 1);
      CHECK_EQ(orphans(rows.rows), 0);
      CHECK_EQ(path_of(rows.rows[0]), "/");
      CHECK(scan->summary().complete);
    }
  }
}

TEST("an empty pool stops the scan until a chunk comes back") {
  Temp t;
  const size_t made = grow(t.path, 3);
  auto scan = start_scan({.root = t.path, .filter = {}, .threads = 3, .cross_mounts = true, .chunk_bytes = 1, .pool_chunks = 1});
  Chunk* held = nullptr;
  while (scan->poll_next(held) == Poll::pending) ::usleep(1000);
  const uint64_t then = scan->summary().rows;
  ::usleep(200'000);
  Chunk* other = nullptr;
  CHECK_EQ(scan->poll_next(other), Poll::pending);
  CHECK(scan->summary().rows < then + 3000);
  const uint32_t rows_held = held->rows;
  scan->release(held->slot);
  CHECK_EQ(drain(*scan).rows.size() + rows_held, made + 1);
}

TEST("a cancelled scan ends, is not complete, and frees its threads") {
  Temp t;
  grow(t.path, 3);
  for (int round = 0; round < 20; round++) {
    auto scan = start_scan({.root = t.path, .filter = {}, .threads = 3, .cross_mounts = true, .chunk_bytes = 1, .pool_chunks = 2});
    ::usleep(static_cast<useconds_t>(round * 300));
    scan->cancel();
    CHECK_EQ(drain(*scan).end, Poll::end);
    if (round % 2) start_scan({.root = t.path, .filter = {}, .threads = 2});  // forgotten at once
  }
}

TEST("a root that is missing or no directory fails with its errno") {
  Temp t;
  touch(t.path + "/file");
  auto missing = start_scan({.root = t.path + "/nothing", .filter = {}, .threads = 2});
  CHECK_EQ(drain(*missing).end, Poll::failed);
  CHECK_EQ(missing->root_error(), ENOENT);
  auto file = start_scan({.root = t.path + "/file", .filter = {}, .threads = 2});
  CHECK_EQ(drain(*file).end, Poll::failed);
  CHECK_EQ(file->root_error(), ENOTDIR);
}

TEST("a scan whose root went away before its end is not complete") {
  Temp t;
  fs::create_directory(t.path + "/root");
  grow(t.path + "/root", 3);
  auto scan = start_scan({.root = t.path + "/root", .filter = {}, .threads = 1, .cross_mounts = true, .chunk_bytes = 1, .pool_chunks = 1});
  const Rows rows = drain(*scan, [&](size_t number, const Rows&) {
    if (number == 0) fs::rename(t.path + "/root", t.path + "/elsewhere");
  });
  CHECK_EQ(rows.end, Poll::end);
  CHECK(!scan->summary().complete);
}

TEST("excluded directories are not entered and patterns spare directories") {
  Temp t;
  fs::create_directories(t.path + "/keep/.git/deep");
  touch(t.path + "/keep/.git/deep/x.txt");
  touch(t.path + "/keep/a.txt");
  touch(t.path + "/keep/a.bin");
  FilterSpec filter;
  filter.file_pattern = "*.txt";
  filter.exclude = {".git/"};
  auto scan = start_scan({.root = t.path, .filter = filter, .threads = 1});
  std::set<std::string> paths;
  for (const std::string& row : drain(*scan).rows) paths.insert(path_of(row));
  CHECK(paths == (std::set<std::string>{"/", "/keep", "/keep/a.txt"}));
}

TEST("a directory replaced by a link or a file before its turn is neither entered nor a failure") {
  Temp t;
  constexpr int kDirectories = 3000;
  const auto place = [&](int i) { return t.path + "/root/directory-with-a-rather-long-name-" + std::to_string(i); };
  fs::create_directories(t.path + "/outside");
  touch(t.path + "/outside/secret");
  fs::create_directory(t.path + "/root");
  for (int i = 0; i < kDirectories; i++) fs::create_directory(place(i));
  auto scan =
      start_scan({.root = t.path + "/root", .filter = {}, .threads = 1, .cross_mounts = true, .chunk_bytes = 1, .pool_chunks = 1});
  const Rows rows = drain(*scan, [&](size_t number, const Rows&) {
    if (number != 0) return;
    for (int i = 0; i < kDirectories; i++) {
      fs::remove(place(i));
      if (i % 2 == 0) {
        touch(place(i));
      } else {
        fs::create_directory_symlink("../outside", place(i));
      }
    }
  });
  CHECK_EQ(rows.end, Poll::end);
  for (const std::string& row : rows.rows) CHECK(row.find("secret") == std::string::npos);
  const ScanSummary summary = scan->summary();
  CHECK_EQ(summary.failed_directories, 0u);
  CHECK(summary.vanished > 0);
}

TEST("a path longer than a chunk is a row like any other") {
  Temp t;
  // Six bytes of JSON for each of these: at 120 levels a row is nearly twice the least chunk.
  const std::string name(250, '\x01');
  UniqueFd at(::open(t.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  constexpr size_t kLevels = 120;
  for (size_t i = 0; i < kLevels; i++) {
    CHECK_EQ(::mkdirat(at.get(), name.c_str(), 0755), 0);
    at.reset(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  at.reset();
  for (const uint32_t pool : {1u, 3u}) {
    auto scan = start_scan({.root = t.path, .filter = {}, .threads = 2, .cross_mounts = true, .max_path_bytes = 0, .chunk_bytes = 1, .pool_chunks = pool});
    const Rows rows = drain(*scan);
    CHECK_EQ(rows.end, Poll::end);
    CHECK_EQ(rows.rows.size(), kLevels + 1);
    CHECK_EQ(orphans(rows.rows), 0);
    CHECK(rows.rows.back().size() > (160u << 10));
    CHECK_EQ(scan->summary().failed_directories, 0u);
  }
}
