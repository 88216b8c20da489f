// Which rows in bulk are strong: what was changed since a second, and what a changed directory takes along.

#include <sys/stat.h>

#include <ctime>
#include <set>
#include <thread>

#include "check.h"
#include "watch_judge.h"

using namespace watching;

namespace {

/** The first moment of a new second: whatever was made before has a ctime below it. */
int64_t new_second() {
  const time_t before = std::time(nullptr);
  while (std::time(nullptr) == before) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the clock of a file system may be a tick behind
  return std::time(nullptr);
}

struct Told {
  std::set<std::string> all;
  std::set<std::string> strong;
  std::set<std::string> skipped;
};

/** Empty when the stream does not end well. */
Told rows_of(Watch& watch, fustor::BulkStream& stream) {
  Told told;
  fustor::Poll last = fustor::Poll::pending;
  watch.until([&] {
    fustor::Chunk* chunk;
    while ((last = stream.poll_next(chunk)) == fustor::Poll::chunk) {
      REQUIRE_EQ(chunk->row_flags.size(), chunk->rows);
      for (uint32_t i = 0; i < chunk->rows; i++) {
        const uint32_t begin = chunk->row_offsets[i];
        const std::string_view text(chunk->data + begin, chunk->row_offsets[i + 1] - 1 - begin);
        const std::string path = member(JsonReader(text).object(), "path");
        told.all.insert(path);
        if (chunk->row_flags[i] & fustor::kStrongRow) told.strong.insert(path);
        if (chunk->row_flags[i] & fustor::kSkippedRow) told.skipped.insert(path);
      }
      stream.release(chunk->slot);
    }
    return last != fustor::Poll::pending;
  });
  return last == fustor::Poll::end && stream.summary().complete ? told : Told{};
}

void set_mtime(const std::string& path, int64_t second) {
  const timespec times[] = {{second, 0}, {second, 0}};
  REQUIRE_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
}

using Paths = std::set<std::string>;

}  // namespace

TEST("what was changed since is strong, and everything below a directory that was") {
  Place place;
  place.make("calm/below");
  place.write("calm/below/f");
  place.write(R"(calm/,"created_time":9999999999.0)");
  place.make("moved/below/deep");
  place.write("moved/below/deep/f");
  for (int i = 0; i < 2000; i++) place.write("calm/below/" + std::to_string(i));
  place.write("restored");
  place.write("rewritten");
  const int64_t since = new_second();
  place.rename("moved", "put");
  set_mtime(place / "restored", 1'700'000'000);
  place.write("rewritten", "again");
  Watch watch(place.config());
  REQUIRE(watch.begin());
  const Paths put{"/put", "/put/below", "/put/below/deep", "/put/below/deep/f"};
  Paths changed = put;
  changed.insert({"/restored", "/rewritten"});

  const Told snapshot = rows_of(watch, *watch.engine->open_snapshot({1, 2, since}));
  CHECK_EQ(snapshot.all.size(), disk(place.root).size());
  CHECK(snapshot.strong == changed);

  const Told restatement = rows_of(watch, *watch.engine->open_changed({1, 2, since}));
  CHECK(restatement.all == changed);
  CHECK(restatement.strong == changed);

  // A write shows in the mtime.
  const Told audit = rows_of(watch, *watch.engine->open_audit({1, 2, since}));
  CHECK_EQ(audit.all.size(), disk(place.root).size());
  changed.erase("/rewritten");
  CHECK(audit.strong == changed);
  CHECK(audit.skipped.empty());

  CHECK(rows_of(watch, *watch.engine->open_snapshot({1 << 20, 4})).strong.empty());
  CHECK(rows_of(watch, *watch.engine->open_snapshot({1 << 20, 4, std::time(nullptr) + 60})).strong.empty());
}

TEST("a restatement of nothing is empty, however large a directory is, and ends well") {
  Place place;
  for (int i = 0; i < 10'000; i++) place.write("a name in a large directory " + std::to_string(i));
  place.make("empty");
  const int64_t since = new_second();
  Watch watch(place.config());
  REQUIRE(watch.begin());
  const auto stream = watch.engine->open_changed({1 << 20, 4, since});
  CHECK(rows_of(watch, *stream).all.empty());
  CHECK(stream->summary().complete);
  CHECK_EQ(stream->summary().rows, 0u);
}

TEST("a directory that moved while it was watched takes its contents along, although something new hides that in its times") {
  Place place;
  place.make("d/below");
  place.write("d/below/f");
  Watch watch(place.config());
  REQUIRE(watch.begin());
  const int64_t since = new_second();
  place.rename("d", "put");
  place.write("put/new");
  REQUIRE(watch.until([&] { return watch.view.rows.contains("/put/below/f") && watch.view.rows.contains("/put/new"); }));
  const Told audit = rows_of(watch, *watch.engine->open_audit({1 << 20, 4, since}));
  CHECK(audit.strong == (Paths{"/put", "/put/below", "/put/below/f", "/put/new"}));
  CHECK(rows_of(watch, *watch.engine->open_audit({1 << 20, 4, std::time(nullptr) + 60})).strong.empty());
}
