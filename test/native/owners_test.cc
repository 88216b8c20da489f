// The small owners of the watch engine's state, each alone.
#include "check.h"
#include "watch/diff/contests.h"
#include "watch/model/detached.h"
#include "watch/read_pace.h"
#include "watch/schedule/created_names.h"
#include "watch/schedule/timed_marks.h"
#include "watch/schedule/tree_walk.h"
#include "watch/schedule/write_throttle.h"

using namespace fustor;

namespace {
constexpr int64_t kSecond = 1'000'000'000;
}

TEST("a directory counts once for a tree walk, and not for another one") {
  TreeWalk walk;
  uint32_t pass = 0;
  walk.count_in(pass);
  CHECK(!walk.has_pending());  // no walk has begun
  walk.begin(true);
  CHECK(walk.is_first() && walk.is_running());
  walk.count_in(pass);
  walk.count_in(pass);
  CHECK(walk.has_pending());
  walk.count_out(0);
  walk.count_out(7);
  CHECK(walk.has_pending());
  walk.count_out(pass);
  CHECK(!walk.has_pending());
  walk.end(kSecond);
  CHECK(walk.has_ended_once() && !walk.is_first() && walk.was_first());
  walk.begin(false);
  CHECK(walk.is_running() && !walk.is_first() && !walk.was_first());
}

TEST("resyncs that follow each other closely come after growing pauses") {
  ResyncWish wish;
  CHECK(wish.make("one", 20 * kSecond, 0));
  CHECK(!wish.make("two", 20 * kSecond, 0));
  CHECK_EQ(wish.reason(), std::string("two"));
  const int64_t first = wish.due_ns() - 20 * kSecond;
  CHECK(!wish.is_due(20 * kSecond) && wish.is_due(21 * kSecond));
  wish.forget();
  CHECK_EQ(wish.due_ns(), INT64_MAX);
  CHECK(wish.make("three", 21 * kSecond, 21 * kSecond));
  CHECK(wish.due_ns() - 21 * kSecond > first);
}

TEST("a new name waits for its close, and both are one look") {
  CreatedNames names;
  Mark mark{kMarkCreated};
  int64_t arrived = 10;
  CHECK(!names.is_due(1, "f", mark, arrived));
  mark = {kMarkModified, 0, 77};
  arrived = 11;
  CHECK(!names.is_due(1, "f", mark, arrived));
  mark = {kMarkClosed};
  arrived = 12;
  CHECK(names.is_due(2, "f", mark, arrived));  // another directory's
  CHECK_EQ(mark.flags, kMarkClosed);
  arrived = 13;
  CHECK(names.is_due(1, "f", mark, arrived));
  CHECK_EQ(mark.flags, kMarkCreated | kMarkModified | kMarkClosed);
  CHECK_EQ(mark.inode, 77u);
  CHECK_EQ(arrived, int64_t{10});
  CHECK_EQ(names.next_ns(), INT64_MAX);
}

TEST("a new name without a close is looked at when its time is over, the oldest first, and no more than 64 wait") {
  CreatedNames names;
  for (int i = 0; i < 70; i++) {
    Mark mark{kMarkCreated};
    int64_t arrived = i;
    CHECK_EQ(names.is_due(1, "f" + std::to_string(i), mark, arrived), i >= 64);
  }
  Mark moved{kMarkGone};
  int64_t arrived = 100;
  CHECK(names.is_due(1, "f5", moved, arrived));
  CreatedNames::Name name;
  CHECK(!names.take(CreatedNames::kPatienceNs - 1, name));
  for (int i = 0; i < 64; i++) {
    if (i == 5) continue;
    CHECK(names.take(CreatedNames::kPatienceNs + i, name));
    CHECK_EQ(name.name, "f" + std::to_string(i));
  }
  CHECK(!names.take(INT64_MAX, name));
}

TEST("a mark that is not of a new file is made at once") {
  CreatedNames names;
  int64_t arrived = 1;
  for (const uint16_t flags : std::initializer_list<uint16_t>{kMarkModified, kMarkClosed, kMarkGone, kMarkMovedTo, kMarkAttrib,
                                                             kMarkCreated | kMarkClosed}) {
    Mark mark{flags};
    CHECK(names.is_due(1, "f", mark, arrived));
  }
}

TEST("the reader pauses in a storm, also when it gets it event by event, and not beside a few changes") {
  constexpr int64_t kMs = 1'000'000;
  ReadPace pace;
  CHECK_EQ(pace.pause_us(2, kSecond), 0u);
  for (int i = 1; i <= 100; i++) CHECK_EQ(pace.pause_us(2, kSecond + i * kMs), 0u);  // 1,000 files a second
  CHECK(pace.pause_us(300, 2 * kSecond) > 0);
  int64_t now = 3 * kSecond;
  for (int i = 0; i < 400; i++) pace.pause_us(1, now += kMs / 100);
  const unsigned storm = pace.pause_us(1, now += kMs / 100);
  CHECK(storm > 0);
  CHECK_EQ(pace.pause_us(0, now), 0u);
  CHECK_EQ(pace.pause_us(2000, now), 0u);  // more waits
  for (int i = 0; i < 10; i++) pace.pause_us(1000, now += 4 * kMs);
  CHECK(pace.pause_us(1000, now += 4 * kMs) > storm);
  pace.pause_us(2, now += kSecond);
  CHECK_EQ(pace.pause_us(2, now += kMs), 0u);
}

TEST("a directory's own row is looked at once in a tenth of a second, and the last look is never lost") {
  WriteThrottle throttle(1000);
  using Answer = WriteThrottle::Answer;
  CHECK(throttle.ask_own(1, kSecond).answer == Answer::now);
  CHECK(throttle.ask_own(2, kSecond).answer == Answer::now);
  const auto later = throttle.ask_own(1, kSecond + 1);
  CHECK(later.answer == Answer::later);
  CHECK_EQ(later.until_ns, kSecond + kSecond / 10);
  CHECK(throttle.ask_own(1, kSecond + 2).answer == Answer::waits_already);
  CHECK(throttle.ask_own(1, later.until_ns).answer == Answer::now);
  throttle.forget_old(10 * kSecond, kSecond);
  CHECK(throttle.ask_own(1, 10 * kSecond).answer == Answer::now);
}

TEST("writes to one file are looked at once in the throttle time, and the last one is never lost") {
  WriteThrottle throttle(1000);
  using Answer = WriteThrottle::Answer;
  CHECK(throttle.ask(1, "f", kMarkModified, 1).answer == Answer::now);
  const auto later = throttle.ask(1, "f", kMarkModified, kSecond / 2);
  CHECK(later.answer == Answer::later);
  CHECK_EQ(later.until_ns, kSecond + 1);
  CHECK(throttle.ask(1, "f", kMarkModified, kSecond / 2).answer == Answer::waits_already);
  CHECK(throttle.ask(1, "g", kMarkModified, kSecond / 2).answer == Answer::now);
  CHECK(throttle.ask(1, "f", kMarkDue, kSecond + 1).answer == Answer::now);
  CHECK(throttle.ask(1, "f", kMarkModified | kMarkClosed, kSecond + 2).answer == Answer::now);
  CHECK(throttle.ask(1, "f", kMarkModified, kSecond + 3).answer == Answer::now);  // the close ended it
}

TEST("a directory at two places is looked at in growing pauses, and not for ever") {
  Contests contests;
  int64_t now = kSecond;
  int64_t pause = 0;
  for (int64_t at; (at = contests.retry_ns(1, "d", now)) != 0; now = at) {
    CHECK(at - now >= pause && at - now <= kSecond / 4);
    pause = at - now;
  }
  CHECK(now > 4 * kSecond);
  contests.settle(1, "d");
  CHECK(contests.retry_ns(1, "d", now) != 0);
}

TEST("a detached directory waits longer while there is work that may attach it, and not for ever") {
  DetachedNodes nodes;
  CHECK_EQ(nodes.next_ns(), INT64_MAX);
  nodes.add(5, 0);
  CHECK(nodes.expired(kSecond / 100, true).empty());
  CHECK(nodes.expired(kSecond, true).empty());
  CHECK(nodes.next_ns() > kSecond);
  CHECK_EQ(nodes.expired(kSecond + kSecond / 10, false).size(), 1u);
  CHECK_EQ(nodes.expired(60 * kSecond, true).size(), 1u);
  nodes.forget(5);
  CHECK(nodes.expired(60 * kSecond, true).empty());
}

TEST("marks come out in the order of their times, and the first one says so") {
  TimedMarks marks;
  CHECK(marks.add(200, 1, "later", Mark{kMarkVerify}));
  CHECK(marks.add(100, 2, "sooner", Mark{kMarkSettle}));
  CHECK(!marks.add(300, 3, "last", Mark{}));
  TimedMark mark;
  CHECK(!marks.take(99, mark));
  CHECK(marks.take(250, mark) && mark.name == "sooner");
  CHECK(marks.take(250, mark) && mark.name == "later");
  CHECK(!marks.take(250, mark));
}
