// Checkpoints and the journal: what a run finds that follows a kill, and what it makes of files that are not as they
// were left. A kill is an engine that ends without saving anything, and a receiver that lacks the last batches.
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <random>
#include <thread>

#include "check.h"
#include "watch_judge.h"

using namespace watching;

namespace {

std::string index_path(const Place& place) { return place.top + "/tree.index"; }

std::string last_journal(const Place& place) {
  const std::string next = index_path(place) + ".journal.next";
  return fs::exists(next) ? next : index_path(place) + ".journal";
}

struct stat facts_of(const std::string& path) {
  struct stat info {};
  ::stat(path.c_str(), &info);
  return info;
}

/** What the engine handed out and the receiver has not accepted yet, in order. */
struct Sent {
  std::string json, mark;
  ino_t journal;
  off_t journal_bytes;  // when it was handed out
};

/** A run whose receiver is slow, and which ends with a kill. */
struct Run {
  Run(const Place& place, const fustor::WatchConfig& config, const Tree& rows) : place(place), watch(config) {
    watch.view.rows = rows;
    outcome = watch.engine->load_index(index_path(place));
    watch.view.complete = outcome.reason.empty();
  }

  bool begin() {
    if (!watch.view.complete) {
      watch.view.rows.clear();
      return watch.begin();
    }
    watch.engine->start();
    return watch.until([this] { return watch.available(); });
  }
  /** As Watch::until, but it drains nothing. */
  bool wait(const std::function<bool()>& holds) {
    const auto deadline = Clock::now() + kPatience;
    while (!holds()) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }
  void hand_out() {
    fustor::LiveBatch batch;
    while (watch.engine->drain(batch)) {
      const struct stat info = facts_of(last_journal(place));
      sent.push_back({batch.json, batch.mark, info.st_ino, info.st_size});
    }
  }
  void accept(size_t batches) {
    for (; batches > 0 && !sent.empty(); batches--) {
      watch.view.apply(sent.front().json);
      // A younger one may have been begun meanwhile.
      if (!sent.front().mark.empty() && watch.engine->keep_checkpoint(sent.front().mark).empty()) kept++;
      accepted = sent.front();
      sent.pop_front();
    }
  }
  void accept_all() {
    hand_out();
    accept(sent.size());
  }
  /** Writes one beside whatever happens; `join` before the next. */
  void begin_checkpoint(const std::string& generation) {
    join();
    writer = std::thread([this, generation] {
      written = watch.engine->write_checkpoint(index_path(place), generation, 20'000).reason;
    });
  }
  void join() {
    if (writer.joinable()) writer.join();
  }
  /** One whose rows are all accepted. */
  void keep(const std::string& generation) {
    begin_checkpoint(generation);
    join();
    REQUIRE_EQ(written, "");
    const size_t before = kept;
    REQUIRE(wait([&] {
      accept_all();
      return kept > before;
    }));
  }
  ~Run() { join(); }

  const Place& place;
  Watch watch;
  fustor::IndexOutcome outcome;
  std::deque<Sent> sent;
  Sent accepted{};
  size_t kept = 0;
  std::thread writer;
  std::string written;
};

/** A run that reports everything and is killed with a kept checkpoint; what the receiver holds. */
Tree first_life(const Place& place, const fustor::WatchConfig& config, const std::function<void(Run&)>& then = {}) {
  Run run(place, config, {});
  REQUIRE(run.begin());
  REQUIRE_EQ(run.watch.settle(), "");
  run.keep("one");
  if (then) then(run);
  return run.watch.view.rows;
}

void grow(const Place& place) {
  for (int i = 0; i < 8; i++) {
    const std::string directory = "d" + std::to_string(i) + "/below";
    place.make(directory);
    for (int j = 0; j < 8; j++) place.write(directory + "/" + std::to_string(j));
  }
}

std::string whole_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put_file(const std::string& path, const std::string& bytes) {
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
  ::chmod(path.c_str(), 0600);
}

}  // namespace

EACH_ENGINE("a run that follows a kill reports what differs, and nothing else") {
  Place place;
  grow(place);
  const Tree rows = first_life(place, place.config(engine));
  CHECK(!fs::exists(index_path(place)));
  place.remove("d1/below/3");
  place.write("d2/new");
  Run next(place, place.config(engine), rows);
  REQUIRE_EQ(next.outcome.reason, "");
  CHECK_EQ(next.outcome.generation, "one");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
  CHECK(next.watch.view.log.size() <= 6u);
}

EVENT_ENGINES("names that came after the checkpoint and went while nothing ran are told as deleted") {
  Place place;
  grow(place);
  const Tree rows = first_life(place, place.config(engine), [&](Run& run) {
    place.write("d1/late");
    place.make("d2/late/deep");
    place.write("d2/late/deep/f");
    REQUIRE(place.rename("d3", "d4/moved"));
    REQUIRE(place.rename("d5", "d6/gone"));
    REQUIRE(run.wait([&] {
      run.accept_all();
      return run.watch.view.rows.contains("/d6/gone/below/7") && run.watch.view.rows.contains("/d4/moved/below/7") &&
             run.watch.view.rows.contains("/d2/late/deep/f") && run.watch.view.rows.contains("/d1/late");
    }));
  });
  place.remove("d1/late");
  place.remove("d2/late");
  place.remove("d6/gone");
  place.remove("d4/moved/below/1");
  Run next(place, place.config(engine), rows);
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
}

EVENT_ENGINES("what was handed out and not accepted before the kill comes again") {
  Place place;
  grow(place);
  const Tree rows = first_life(place, place.config(engine), [&](Run& run) {
    place.write("d1/late");
    place.write("d1/below/1", "changed");
    place.remove("d2");
    REQUIRE(place.rename("d3", "d9"));
    REQUIRE(place.rename("d4", "d3"));
    REQUIRE(place.rename("d9", "d4"));
    REQUIRE(run.wait([&] {
      run.hand_out();
      return run.watch.engine->status().queue_depth == 0 && run.watch.engine->status().changes > 10;
    }));
  });
  Run next(place, place.config(engine), rows);
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
}

EVENT_ENGINES("a directory that left and came back before the kill has its rows told again") {
  Place place;
  grow(place);
  const Tree rows = first_life(place, place.config(engine), [&](Run& run) {
    REQUIRE(place.rename("d1", "d2/away"));
    REQUIRE(run.wait([&] {
      run.accept_all();
      return run.watch.view.rows.contains("/d2/away/below/7") && !run.watch.view.rows.contains("/d1");
    }));
    REQUIRE(place.rename("d2/away", "d1"));
    REQUIRE(run.wait([&] {
      run.hand_out();
      return run.watch.engine->status().queue_depth == 0 && !run.sent.empty();
    }));
    run.accept(1);  // the delete of d2/away at least; its rows under d1 are lost
  });
  Run next(place, place.config(engine), rows);
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(), "");
}

TEST("an index of another boot counts only when its run was stopped in order") {
  Place place;
  grow(place);
  auto config = place.config();
  config.boot_id = "one boot";
  const Tree rows = first_life(place, config);
  config.boot_id = "another boot";
  {
    Run next(place, config, rows);
    CHECK_EQ(next.outcome.reason, "the machine was started anew since, and the run before did not end in order");
    for (const auto& entry : fs::directory_iterator(place.top)) CHECK_EQ(entry.path().filename(), "root");
    REQUIRE(next.begin());
    REQUIRE(next.watch.engine->freeze(10'000));
    while (next.watch.drain()) {
    }
    REQUIRE_EQ(next.watch.engine->save_index(index_path(place), "two", 10'000).reason, "");
  }
  config.boot_id = "a third boot";
  const Run last(place, config, rows);
  CHECK_EQ(last.outcome.reason, "");
  CHECK_EQ(last.outcome.generation, "two");
}

TEST("a journal that is cut in its last frame is good up to there, and with a wrong bit it is none") {
  Place place;
  grow(place);
  const Tree rows = first_life(place, place.config(), [&](Run& run) {
    for (int i = 0; i < 5; i++) {
      place.write("late" + std::to_string(i));
      REQUIRE(run.wait([&] {
        run.accept_all();
        return run.watch.view.rows.contains("/late" + std::to_string(i));
      }));
    }
  });
  const std::string journal = whole_file(index_path(place) + ".journal");
  const std::string checkpoint = whole_file(index_path(place) + ".checkpoint");
  REQUIRE(journal.size() > 200);
  const auto outcome_of = [&](const std::string& bytes) {
    put_file(index_path(place) + ".checkpoint", checkpoint);
    put_file(index_path(place) + ".journal", bytes);
    const Run run(place, place.config(), rows);
    if (!run.outcome.reason.empty()) CHECK(!fs::exists(index_path(place) + ".checkpoint"));
    return run.outcome;
  };
  const fustor::IndexOutcome whole = outcome_of(journal);
  REQUIRE_EQ(whole.reason, "");
  uint64_t least = whole.entries;
  for (size_t size = journal.size() - 1; size > 0; size -= std::min<size_t>(size, 3)) {
    const fustor::IndexOutcome cut = outcome_of(journal.substr(0, size));
    if (cut.reason.empty()) {
      CHECK(cut.entries <= least);
      least = cut.entries;
    }
  }
  CHECK(least < whole.entries);
  for (size_t bit = 0; bit < journal.size() * 8; bit += 5) {
    std::string wrong = journal;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << (bit % 8)));
    CHECK(!outcome_of(wrong).reason.empty());
  }
  CHECK_EQ(outcome_of("").reason, "its journal is damaged");
  fs::remove(index_path(place) + ".journal");
  put_file(index_path(place) + ".checkpoint", checkpoint);
  CHECK_EQ(Run(place, place.config(), rows).outcome.reason, "its journal is missing");
}

TEST("a journal that cannot be written costs the index, and nothing else") {
  Place place;
  grow(place);
  Run run(place, place.config(), {});
  REQUIRE(run.begin());
  run.keep("one");
  run.watch.engine->drop_checkpoints("a reason");
  CHECK_EQ(run.watch.engine->journal_status().trouble, "a reason");
  CHECK_EQ(run.watch.engine->journal_status().kept, "");
  place.write("after");
  CHECK_EQ(run.watch.settle(), "");
  for (const auto& entry : fs::directory_iterator(place.top)) CHECK_EQ(entry.path().filename(), "root");
  run.keep("two");
  CHECK_EQ(run.watch.engine->journal_status().kept, "two");
  fs::create_directory(index_path(place) + ".journal.next");  // the next one cannot be made
  run.begin_checkpoint("three");
  run.join();
  CHECK(!run.written.empty());
  CHECK(!fs::exists(index_path(place) + ".checkpoint"));
}

TEST("a long directory is written in pieces while names come and go in it") {
  Place place;
  place.make("long");
  for (int i = 0; i < 40'000; i++) place.write("long/" + std::to_string(i), "");
  Run run(place, place.config(), {});
  REQUIRE(run.begin());
  run.begin_checkpoint("one");
  for (int i = 0; i < 300; i++) {
    place.remove("long/" + std::to_string(i * 7));
    place.write("long/" + std::to_string(i * 7));
    place.write("long/new" + std::to_string(i));
  }
  run.join();
  REQUIRE_EQ(run.written, "");
  REQUIRE(run.wait([&] {
    run.accept_all();
    return run.kept == 1;
  }));
  REQUIRE_EQ(run.watch.settle(kPatience * 3), "");
  const Tree rows = run.watch.view.rows;
  run.watch.engine->close();
  place.remove("long/new7");
  Run next(place, place.config(), rows);
  REQUIRE_EQ(next.outcome.reason, "");
  REQUIRE(next.begin());
  CHECK_EQ(next.watch.settle(kPatience * 3), "");
  CHECK(next.watch.view.log.size() < 2'500u);
}

EVENT_ENGINES("after kills at any moment of random histories the view becomes the disk") {
  Place place;
  grow(place);
  const char* given = std::getenv("FUSTOR_TEST_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device()();
  std::printf("  seed %u\n", seed);
  std::mt19937 random(seed);
  const auto chance = [&](unsigned of) { return random() % of == 0; };
  const auto any = [&] { return "r" + std::to_string(random() % 5) + "/s" + std::to_string(random() % 5); };
  const auto change = [&] {
    std::error_code ignored;
    const std::string path = any();
    switch (random() % 8) {
      case 0: fs::create_directories(place / path, ignored); break;
      case 1:
        fs::create_directories(fs::path(place / path).parent_path(), ignored);
        place.write(path, std::string(random() % 9, 'x'));
        break;
      case 2: fs::remove_all(place / path, ignored); break;
      case 3: fs::rename(place / path, place / any(), ignored); break;
      case 4: fs::rename(place / path.substr(0, 2), place / ("r" + std::to_string(random() % 5)), ignored); break;
      case 5: fs::rename(place / path.substr(0, 2), place / any(), ignored); break;
      case 6: fs::create_hard_link(place / (path + "/t1"), place / any(), ignored); break;
      default: place.write(path + "/t" + std::to_string(random() % 4));
    }
  };
  const char* asked = std::getenv("FUSTOR_TEST_KILLS");
  const int kills = asked != nullptr ? std::atoi(asked) : 25;
  Tree rows = first_life(place, place.config(engine));
  int resumed = 0;
  int generation = 0;
  for (int kill = 0; kill < kills; kill++) {
    for (unsigned i = random() % 30; i > 0; i--) change();
    Run run(place, place.config(engine), rows);
    resumed += run.outcome.reason.empty() ? 1 : 0;
    REQUIRE(run.begin());
    if (chance(2)) {  // drains by itself
      const std::string rest = run.watch.settle();
      CHECK_EQ(rest, "");
      if (!rest.empty()) return;
    }
    for (unsigned step = random() % 60; step > 0; step--) {
      change();
      if (chance(3)) run.hand_out();
      if (chance(4)) run.accept(random() % 3);
      if (chance(12)) run.begin_checkpoint("g" + std::to_string(++generation));
    }
    if (chance(2)) run.join();
    run.hand_out();
    run.accept(random() % (run.sent.size() + 1));
    rows = run.watch.view.rows;
    run.watch.engine->close();
    run.join();
    const std::string journal = last_journal(place);
    const struct stat info = facts_of(journal);
    // A kill in the middle of a write: what stood behind the last rows that were handed out may be there by half.
    const off_t begin = run.sent.empty() ? run.accepted.journal_bytes : run.sent.back().journal_bytes;
    const ino_t inode = run.sent.empty() ? run.accepted.journal : run.sent.back().journal;
    if (chance(3) && inode == info.st_ino && info.st_size > begin) {
      fs::resize_file(journal, static_cast<uintmax_t>(begin + static_cast<off_t>(random() % static_cast<unsigned long>(info.st_size - begin))));
    }
  }
  std::printf("  %d of %d runs went on from what a killed one left\n", resumed, kills);
  CHECK(resumed > kills / 2);
  Run last(place, place.config(engine), rows);
  REQUIRE(last.begin());
  CHECK_EQ(last.watch.settle(), "");
}
