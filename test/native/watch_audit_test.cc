// The rows of an audit: everything, listed anew, each directory before what lies in it, and what could not be listed says so.

#include <atomic>
#include <thread>

#include "check.h"
#include "in_child.h"
#include "scripted_source.h"
#include "watch_judge.h"

using namespace watching;

namespace {

using Rows = std::vector<JsonReader::Members>;

/** All rows in order; empty when the audit does not end well. */
Rows audit(Watch& watch, size_t chunk_bytes = 1 << 20, uint32_t chunks = 4) {
  const auto stream = watch.engine->open_audit({chunk_bytes, chunks});
  Rows rows;
  fustor::Poll last = fustor::Poll::pending;
  const bool ended = watch.until([&] {
    fustor::Chunk* chunk;
    while ((last = stream->poll_next(chunk)) == fustor::Poll::chunk) {
      for (uint32_t i = 0; i < chunk->rows; i++) {
        const uint32_t begin = chunk->row_offsets[i];
        rows.push_back(JsonReader({chunk->data + begin, chunk->row_offsets[i + 1] - 1 - begin}).object());
      }
      stream->release(chunk->slot);
    }
    return last != fustor::Poll::pending;
  });
  return ended && last == fustor::Poll::end && stream->summary().complete ? rows : Rows{};
}

Tree tree_of(const Rows& rows) {
  Tree tree;
  for (const auto& row : rows) tree[member(row, "path")] = row_of(row, "");
  return tree;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return path == "/" ? "" : slash == 0 ? "/" : path.substr(0, slash);
}

/** What is wrong with the order and the members of the rows, "" when nothing is. */
std::string fault(const Rows& rows) {
  std::map<std::string, std::string> directories;  // path -> modified_time
  std::set<std::string> seen;
  for (const auto& row : rows) {
    const std::string path = member(row, "path");
    if (!seen.insert(path).second) return "twice: " + path;
    const std::string parent = parent_of(path);
    if (path != "/" && !directories.contains(parent)) return "before its directory: " + path;
    if (member(row, "is_directory") == "true") {
      directories[path] = member(row, "modified_time");
    } else if (member(row, "parent_path") != parent || member(row, "parent_mtime") != directories[parent]) {
      return "wrong directory: " + path;
    }
  }
  return "";
}

std::set<std::string> skipped(const Rows& rows) {
  std::set<std::string> paths;
  for (const auto& row : rows) {
    if (member(row, "audit_skipped") == "true") paths.insert(member(row, "path"));
  }
  return paths;
}

/** Nothing of what happens is ever told. */
std::unique_ptr<ScriptedSource> deaf() { return std::make_unique<ScriptedSource>(); }

}  // namespace

TEST("an audit hands out every entry once, each directory before what lies in it") {
  Place place;
  for (int i = 0; i < 30; i++) {
    place.make("d" + std::to_string(i) + "/below");
    for (int j = 0; j < 100; j++) place.write("d" + std::to_string(i) + "/below/a rather long name of a file " + std::to_string(j));
  }
  place.write("\xff odd \"name\"");
  place.make("empty");
  Watch watch(place.config());
  REQUIRE(watch.begin());
  const Rows rows = audit(watch, 1, 2);
  CHECK_EQ(fault(rows), "");
  CHECK_EQ(difference(disk(place.root), tree_of(rows)), "");
  CHECK(skipped(rows).empty());
}

TEST("what changed unseen comes as changes, and the rows of the audit are right") {
  Place place;
  place.make("d/e");
  place.write("d/inplace", "old");
  place.write("d/gone");
  place.make("d/left/below");
  Watch watch(place.config(), deaf());
  REQUIRE(watch.begin());
  place.write("d/inplace", "new text, same directory");
  place.remove("d/gone");
  place.remove("d/left");
  place.write("d/e/came");
  const Rows rows = audit(watch);
  CHECK_EQ(fault(rows), "");
  CHECK_EQ(difference(disk(place.root), tree_of(rows)), "");
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.count("update", "/d/inplace"), 1u);
  CHECK_EQ(watch.view.count("delete", "/d/left"), 1u);
}

TEST("an audit asked for while a pass runs lists everything again after it") {
  Place place;
  place.make("a");
  place.make("b");
  place.write("a/f", "old");
  auto scripted = std::make_unique<ScriptedSource>();
  ScriptedSource* source = scripted.get();
  Watch watch(place.config(), std::move(scripted));
  std::atomic<int> armed{0};
  std::atomic<bool> go{false};
  source->after_arm([&](ScriptedSource::Inode) {
    armed++;
    while (!go && armed >= 3) std::this_thread::yield();  // the last one is armed and not listed
  });
  watch.engine->start();
  REQUIRE(watch.until([&] { return armed >= 3; }));
  const auto stream = watch.engine->open_audit({1 << 20, 4});
  place.write("a/f", "written after a was armed, and nobody told");
  go = true;
  CHECK(watch.take(*stream));
  CHECK_EQ(watch.settle(), "");
  CHECK_EQ(watch.view.rows.at("/a/f").size, "42");
}

TEST("a directory that cannot be listed says so, and stays out of nobody's way") {
  if (::geteuid() != 0) return check::skipped("without root nobody can become nobody");
  in_child([] {
    Place place;
    place.make("shut/below");
    place.write("shut/f");
    place.make("open");
    place.write("open/g");
    for (const auto& entry : fs::recursive_directory_iterator(place.top)) REQUIRE_EQ(::lchown(entry.path().c_str(), 65534, 65534), 0);
    REQUIRE_EQ(::chown(place.top.c_str(), 65534, 65534), 0);
    REQUIRE_EQ(::setgid(65534), 0);
    REQUIRE_EQ(::setuid(65534), 0);
    Watch watch(place.config());
    REQUIRE(watch.begin());
    REQUIRE_EQ(::chmod((place / "shut").c_str(), 0), 0);
    const Rows closed = audit(watch);
    CHECK_EQ(fault(closed), "");
    CHECK(skipped(closed).contains("/shut"));
    CHECK(!skipped(closed).contains("/open"));
    CHECK(!skipped(closed).contains("/"));
    const size_t before = watch.view.count("update", "/shut");
    REQUIRE_EQ(::chmod((place / "shut").c_str(), 0755), 0);
    CHECK(watch.until([&] { return watch.view.count("update", "/shut") > before; }));
    CHECK_EQ(watch.settle(), "");
    CHECK(skipped(audit(watch)).empty());
  });
}

TEST("an audit beside writers holds everything that stood still") {
  Place place;
  for (int i = 0; i < 50; i++) {
    place.make("still" + std::to_string(i));
    place.write("still" + std::to_string(i) + "/f");
  }
  Watch watch(place.config());
  REQUIRE(watch.begin());
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; i++) {
      const std::string name = "moving" + std::to_string(i % 7);
      place.make(name + "/deep");
      place.write(name + "/deep/f");
      if (i % 3 == 0) place.rename(name, "renamed" + std::to_string(i % 5));
      if (i % 4 == 0) place.remove("renamed" + std::to_string(i % 5));
    }
  });
  for (int round = 0; round < 5; round++) {
    const Rows rows = audit(watch);
    REQUIRE(!rows.empty());
    const Tree tree = tree_of(rows);
    for (int i = 0; i < 50; i++) CHECK(tree.contains("/still" + std::to_string(i) + "/f"));
    std::set<std::string> directories;
    for (const auto& row : rows) {
      const std::string path = member(row, "path");
      if (path != "/" && !path.starts_with("/moving") && !path.starts_with("/renamed")) CHECK(directories.contains(parent_of(path)));
      if (member(row, "is_directory") == "true") directories.insert(path);
    }
  }
  stop = true;
  writer.join();
  CHECK_EQ(watch.settle(), "");
}

TEST("an audit fails when the root goes away, and does not begin without it") {
  Place place;
  place.make("d");
  Watch watch(place.config());
  REQUIRE(watch.begin());
  REQUIRE(place.away("", "elsewhere"));
  REQUIRE(watch.until([&] { return !watch.why_unavailable().empty(); }));
  CHECK(audit(watch).empty());
}
