#include "watch/schedule/dirty_set.h"

#include <string>

#include "check.h"

using namespace fustor;

TEST("marks of one name merge, and the last word on being written counts") {
  DirtySet dirty;
  dirty.mark(1, "f", kMarkModified, 100);
  dirty.mark(1, "f", kMarkClosed, 200);
  DirtyDirectory task = dirty.take(1);
  CHECK_EQ(task.names.size(), 1u);
  CHECK_EQ(task.names["f"].flags, kMarkModified | kMarkClosed);
  CHECK_EQ(task.since_ns, 100);
  CHECK(task.quiet);  // that is the listing's: a mark asks for none
  dirty.mark(1, "f", kMarkClosed, 300);
  dirty.mark(1, "f", kMarkModified, 400);
  CHECK_EQ(dirty.take(1).names["f"].flags, kMarkModified);
  CHECK(!dirty.has(1));
}

TEST("a task that is put back is older than what came since") {
  DirtySet dirty;
  dirty.mark(1, "closed", kMarkModified | kMarkClosed, 100);
  dirty.mark(1, "contested", kMarkCreated, 100);
  DirtyDirectory task = dirty.take(1);
  task.names["contested"].contested_since = 42;
  task.list = task.recursive = true;
  task.quiet = false;
  task.pass = 3;
  dirty.mark(1, "closed", kMarkModified, 200);
  dirty.put_back(1, std::move(task), 300);
  DirtyDirectory merged = dirty.take(1);
  CHECK_EQ(merged.names["closed"].flags, kMarkModified);  // it was opened again after the close that was put back
  CHECK_EQ(merged.names["contested"].contested_since, 42u);
  CHECK(merged.list && merged.recursive && !merged.quiet);
  CHECK_EQ(merged.pass, 3u);
  CHECK_EQ(merged.since_ns, 100);
}

TEST("a quiet listing that is put back stays quiet, whatever names are marked besides, until those collapse into it") {
  DirtySet dirty;
  dirty.of(1, 10).list = true;
  DirtyDirectory task = dirty.take(1);
  CHECK(task.quiet);
  dirty.put_back(1, std::move(task), 20);
  CHECK(dirty.of(1, 0).quiet);
  dirty.mark(1, "f", kMarkCreated, 30);
  CHECK(dirty.of(1, 0).quiet);
  for (size_t i = 0; i <= PressureLimits{}.names_per_directory; i++) dirty.mark(1, std::to_string(i), kMarkCreated, 40);
  CHECK(!dirty.of(1, 0).quiet);
}

TEST("more names than the bound become one listing") {
  DirtySet dirty;
  for (size_t i = 0; i <= PressureLimits{}.names_per_directory; i++) {
    CHECK(!dirty.of(1, 1).list);
    dirty.mark(1, std::to_string(i), kMarkCreated, 1);
  }
  CHECK(dirty.of(1, 1).list);
  CHECK(dirty.of(1, 1).names.empty());
}

TEST("a directory waits in a queue once, however many marks come") {
  DirtySet dirty;
  for (int i = 0; i < 1000; i++) {
    dirty.mark(1, "f", kMarkModified, 1);
    dirty.enqueue(1, false);
  }
  DirId id;
  CHECK(dirty.pop(id));
  CHECK_EQ(id, 1u);
  CHECK(!dirty.pop(id));
  dirty.enqueue(1, false);  // popped but not taken: it can wait again
  CHECK(dirty.pop(id));
  dirty.take(1);
  dirty.mark(1, "f", kMarkModified, 1);
  dirty.enqueue(1, false);
  CHECK(dirty.pop(id));
  CHECK(!dirty.queued());
}

TEST("a live mark brings forward what waits in the background") {
  DirtySet dirty;
  for (DirId id = 1; id <= 5; id++) {
    dirty.of(id, 1).list = true;
    dirty.enqueue(id, true);
  }
  dirty.mark(2, "f", kMarkModified, 1);
  dirty.enqueue(2, false);
  CHECK(dirty.live_queued());
  DirId id;
  CHECK(dirty.pop(id));
  CHECK_EQ(id, 2u);
  CHECK(!dirty.live_queued());
}

TEST("under a steady stream of live marks the background gets its turn") {
  DirtySet dirty;
  dirty.of(7, 1).list = true;
  dirty.enqueue(7, true);
  bool came = false;
  for (uint32_t i = 0; i < DirtySet::kBackgroundTurn * 2; i++) {
    const DirId live = 100 + i;
    dirty.mark(live, "f", kMarkModified, 1);
    dirty.enqueue(live, false);
    DirId id;
    CHECK(dirty.pop(id));
    came = came || id == 7;
  }
  CHECK(came);
}

TEST("what was dropped is not there when its id is popped") {
  DirtySet dirty;
  dirty.mark(1, "f", kMarkCreated, 1);
  dirty.enqueue(1, false);
  dirty.drop(1);
  DirId id;
  CHECK(dirty.pop(id));
  CHECK(!dirty.has(id));
  dirty.mark(2, "f", kMarkCreated, 1);
  dirty.enqueue(2, true);
  dirty.clear();
  CHECK(!dirty.queued());
  CHECK_EQ(dirty.size(), 0u);
}

TEST("more names in all than the bound become listings of their directories, and each is counted") {
  DirtySet dirty({.names_per_directory = 3, .names_in_all = 4, .directories = 100});
  for (const char* name : {"a", "b", "c", "d"}) dirty.mark(1, name, kMarkCreated, 1);
  CHECK_EQ(dirty.collapses(), 1u);
  CHECK(dirty.of(1, 1).list);
  for (DirId id = 2; id <= 6; id++) dirty.mark(id, "f", kMarkCreated, 1);
  CHECK_EQ(dirty.collapses(), 6u);
  CHECK_EQ(dirty.names(), 0u);
  for (DirId id = 1; id <= 6; id++) CHECK(dirty.of(id, 1).list);
}

TEST("a listing in place of names keeps what they asked for beyond a look") {
  DirtySet dirty({.names_per_directory = 2, .names_in_all = 100, .directories = 100});
  for (const char* name : {"a", "b", "c"}) {
    dirty.mark(1, name, kMarkModified, 1);
    dirty.mark(2, name, *name == 'b' ? kMarkSettle : kMarkModified, 1);
    dirty.mark(3, name, *name == 'b' ? kMarkAnnounce : kMarkModified, 1);
  }
  CHECK(dirty.of(1, 1).list && !dirty.of(1, 1).settle && !dirty.of(1, 1).announce);
  CHECK(dirty.of(2, 1).list && dirty.of(2, 1).settle && !dirty.of(2, 1).announce);
  CHECK(dirty.of(3, 1).list && !dirty.of(3, 1).settle && dirty.of(3, 1).announce);
}

TEST("too many dirty directories forget what was only a hint, and keep what a listing of everything would not make good") {
  DirtySet dirty({.names_per_directory = 100, .names_in_all = 1000, .directories = 20});
  dirty.of(100, 1).announce = true;
  dirty.of(101, 1).pass = 1;
  dirty.of(102, 1).recursive = true;
  dirty.of(103, 1).settle = true;
  dirty.mark(104, "f", kMarkAnnounce, 1);
  dirty.mark(105, "f", kMarkModified | kMarkSettle, 1);
  for (DirId id = 1; id <= 14; id++) {
    dirty.mark(id, "f", kMarkCreated, 1);
    dirty.enqueue(id, false);
  }
  dirty.enqueue(104, false);
  CHECK(!dirty.too_many());
  dirty.mark(15, "f", kMarkCreated, 1);
  dirty.enqueue(15, false);
  CHECK(dirty.too_many());
  CHECK_EQ(dirty.forget_hints(), 15u);
  CHECK(!dirty.too_many());
  CHECK_EQ(dirty.size(), 6u);
  CHECK_EQ(dirty.names(), 2u);
  DirId id;
  CHECK(dirty.pop_live(id));
  CHECK_EQ(id, 104u);
  CHECK(!dirty.pop_live(id));  // a queue that kept the forgotten would grow with each time
}

TEST("work that cannot be forgotten is asked about again only when there is as much more") {
  DirtySet dirty({.names_per_directory = 100, .names_in_all = 1000, .directories = 10});
  for (DirId id = 1; id <= 11; id++) dirty.of(id, 1).pass = 1;
  CHECK(dirty.too_many());
  CHECK_EQ(dirty.forget_hints(), 0u);
  CHECK_EQ(dirty.size(), 11u);
  CHECK(!dirty.too_many());
  for (DirId id = 12; id <= 21; id++) dirty.mark(id, "f", kMarkCreated, 1);
  CHECK(!dirty.too_many());
  dirty.mark(22, "f", kMarkCreated, 1);
  CHECK(dirty.too_many());
  CHECK_EQ(dirty.forget_hints(), 11u);
  CHECK_EQ(dirty.size(), 11u);
}
