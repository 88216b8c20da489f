#include "watch/changes/change_queue.h"

#include <sys/inotify.h>

#include <string>

#include "check.h"

using namespace fustor;

namespace {
FileStat a_file() {
  FileStat stat{};
  stat.size = 3;
  stat.mtime = {5, 6};
  stat.ctime = {7, 8};
  stat.kind = EntryKind::file;
  return stat;
}
}  // namespace

TEST("changes come out in order as one JSON array a batch") {
  ChangeQueue queue;
  ChangeBatch batch;
  CHECK(!queue.take(batch));
  queue.upsert("/d", "f\"\n", a_file(), AtomicFlag::no, 11, 1000);
  queue.remove("/d", "x\xff", true, 12, 500);
  CHECK_EQ(queue.count(), 2u);
  REQUIRE(queue.take(batch));
  CHECK_EQ(batch.json,
           R"([{"op":"update","key":"/d/f\"\u000a","sequence":11,"isContainer":false,"row":{"path":"/d/f\"\u000a","file_name":"f\"\u000a",)"
           R"("size":3,"modified_time":5.000000006,"created_time":7.000000008,"is_directory":false,"is_atomic_write":false}},)"
           "{\"op\":\"delete\",\"key\":\"/d/x\xE2\x80\x9B" "FF\",\"sequence\":12,\"isContainer\":true,\"row\":{\"path\":\"/d/x\xE2\x80\x9B" "FF\"}}]");
  CHECK_EQ(batch.count, 2u);
  CHECK_EQ(batch.since_ns, 500);
  CHECK(queue.empty());
  CHECK_EQ(queue.count(), 0u);
}

TEST("the root has a row of its own and lies in no directory") {
  ChangeQueue queue;
  FileStat stat = a_file();
  stat.kind = EntryKind::directory;
  queue.upsert_root(stat, 1, 1);
  queue.upsert("", "top", stat, AtomicFlag::absent, 2, 1);
  ChangeBatch batch;
  REQUIRE(queue.take(batch));
  CHECK(batch.json.find(R"({"op":"update","key":"/","sequence":1,"isContainer":true,"row":{"path":"/","file_name":"",)") != std::string::npos);
  CHECK(batch.json.find(R"("key":"/top","sequence":2,)") != std::string::npos);
}

TEST("a batch holds a thousand changes, and the queue is full at its bound and has room again when drained") {
  ChangeQueue queue;
  uint64_t pushed = 0;
  const std::string name(200, 'n');
  while (!queue.full()) queue.upsert("/d", name, a_file(), AtomicFlag::yes, ++pushed, 1);
  CHECK(pushed > 5'000 && pushed < 50'000);
  uint64_t taken = 0;
  ChangeBatch batch;
  while (queue.take(batch)) {
    CHECK(batch.count > 0 && batch.count <= 1000);
    taken += batch.count;
    batch = {};
  }
  CHECK_EQ(taken, pushed);
  CHECK(!queue.full());
}

TEST("raw events nobody reads are bounded and say once that something is missing") {
  ChangeQueue queue;
  const std::string path(1000, 'p');
  for (int i = 0; i < 60'000; i++) queue.raw(IN_CREATE | IN_ISDIR, path, 3, 4);
  const std::string text = queue.take_raw();
  CHECK(text.size() < (40u << 20));
  CHECK(text.starts_with(R"({"mask":["IN_CREATE","IN_ISDIR"],"path":"ppp)"));
  const size_t lost = text.find("IN_Q_OVERFLOW");
  CHECK(lost != std::string::npos);
  CHECK_EQ(text.find("IN_Q_OVERFLOW", lost + 1), std::string::npos);
  CHECK(!queue.has_raw());
  queue.raw(IN_MODIFY, "/f", 0, 4);
  CHECK_EQ(queue.take_raw(), "{\"mask\":[\"IN_MODIFY\"],\"path\":\"/f\",\"cookie\":0,\"wd\":4}\n");
}
