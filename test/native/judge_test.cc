// What a look at a name means, without a disk.
#include "watch/diff/judge.h"

#include <cerrno>

#include "check.h"

using namespace fustor;

namespace {
Observation seen(EntryKind kind, uint16_t flags = 0) {
  Observation observation;
  observation.name = "n";
  observation.flags = flags;
  observation.stat.kind = kind;
  observation.stat.nlink = 1;
  return observation;
}

Observation failed(int error, uint16_t flags = 0) {
  Observation observation = seen(EntryKind::unknown, flags);
  observation.error = error;
  return observation;
}

KnownFile known_file(uint8_t flags, bool is_changed, bool is_young = false) {
  return {.is_known = true, .flags = flags, .is_changed = is_changed, .is_young = is_young};
}

constexpr bool kByPass = true;
constexpr bool kByEvent = false;
const KnownName kFile{.is_known = true};
const KnownName kDirectory{.is_known = true, .is_directory = true, .has_same_identity = true};
}  // namespace

// ---- names --------------------------------------------------------------------------------------------------------

TEST("a name that an event says is gone counts as gone at once, one that a tree walk misses is set aside") {
  CHECK(judge_name(kFile, failed(ENOENT, kMarkGone), kByPass) == NameVerdict::gone);
  CHECK(judge_name(kFile, failed(ENOENT), kByEvent) == NameVerdict::gone);
  CHECK(judge_name(kFile, failed(ENOENT), kByPass) == NameVerdict::set_aside);
  CHECK(judge_name({}, failed(ENOENT), kByPass) == NameVerdict::keep);
  // Nothing is known of it, but a file that was written may have gone.
  CHECK(judge_name({}, failed(ENOENT, kMarkModified), kByEvent) == NameVerdict::gone);
}

TEST("a directory that a tree walk missed waits for the end of the walk, unless the same one is there again") {
  KnownName missing = kDirectory;
  missing.is_missing = true;
  CHECK(judge_name(missing, failed(ENOENT), kByPass) == NameVerdict::keep);
  CHECK(judge_name(missing, seen(EntryKind::directory), kByPass) == NameVerdict::seen);
  missing.has_same_identity = false;
  CHECK(judge_name(missing, seen(EntryKind::directory), kByPass) == NameVerdict::keep);
  CHECK(judge_name(missing, seen(EntryKind::directory, kMarkCreated), kByPass) == NameVerdict::seen);
}

TEST("a file that a tree walk missed and that is there after all was found again") {
  KnownName missing = kFile;
  missing.is_missing = true;
  CHECK(judge_name(missing, seen(EntryKind::file, kMarkVerify), kByEvent) == NameVerdict::found_again);
  CHECK(judge_name(kFile, seen(EntryKind::file), kByPass) == NameVerdict::seen);
  const LookContext told = LookContext{.quiet = true, .pass = 3, .since_ns = 7}.announcing();
  CHECK(told.announce && !told.quiet);
  CHECK_EQ(told.pass, 3u);
  CHECK_EQ(told.since_ns, 7);
}

TEST("the rows of a mount that is not there stay, even when its mount point is gone") {
  KnownName lost = kDirectory;
  lost.is_lost_mount = true;
  CHECK(judge_name(lost, failed(ENOENT, kMarkGone), kByEvent) == NameVerdict::keep);
  CHECK(judge_name(lost, seen(EntryKind::directory), kByEvent) == NameVerdict::seen);
}

TEST("what cannot be statted is unreadable, and a mount that does not answer is silent") {
  CHECK(judge_name(kFile, failed(EACCES), kByPass) == NameVerdict::unreadable);
  Observation mount = failed(ETIMEDOUT);
  mount.mount = true;
  CHECK(judge_name(kDirectory, mount, kByPass) == NameVerdict::silent);
}

// ---- files --------------------------------------------------------------------------------------------------------

TEST("a file is not complete while it is written, and complete when it is closed") {
  const FileVerdict written = judge_file(known_file(0, true), seen(EntryKind::file, kMarkModified), {});
  CHECK(written.writing && written.report && !written.is_complete());
  const FileVerdict closed = judge_file(known_file(kWriting, false), seen(EntryKind::file, kMarkClosed), {});
  CHECK(closed.report && closed.is_complete());
}

TEST("a created file is unsettled until it has been quiet, a further link to a complete file is complete") {
  const FileVerdict created = judge_file({}, seen(EntryKind::file, kMarkCreated), {});
  CHECK(created.unsettled && created.settle_later && created.report);
  Observation link = seen(EntryKind::file, kMarkCreated);
  link.stat.nlink = 2;
  CHECK(judge_file({}, link, {}).is_complete());
  const FileVerdict settled = judge_file(known_file(kUnsettled, false), seen(EntryKind::file, kMarkSettle), {});
  CHECK(settled.is_complete() && settled.report && !settled.settle_later);
  const FileVerdict young = judge_file(known_file(kUnsettled, false, true), seen(EntryKind::file, kMarkSettle), {});
  CHECK(young.unsettled && young.settle_later && !young.report);
}

TEST("a listing does not trust that the close of a file was reported") {
  const FileVerdict young = judge_file(known_file(kWriting, false, true), seen(EntryKind::file), {});
  CHECK(!young.writing && young.unsettled && young.settle_later && !young.report);
  const FileVerdict old = judge_file(known_file(kWriting, false), seen(EntryKind::file), {});
  CHECK(old.is_complete() && old.report);
}

TEST("a first listing reports nothing, except a name whose delete was reported before") {
  const LookContext first{.list = true, .quiet = true, .pass = 1};
  CHECK(!judge_file({}, seen(EntryKind::file), first).report);
  CHECK(judge_file({}, seen(EntryKind::file), first).quiet);
  CHECK(judge_file({.told_gone = true}, seen(EntryKind::file), first).report);
  CHECK(judge_file(known_file(0, true), seen(EntryKind::file), first).report);  // the table had another row
  CHECK(judge_file({}, seen(EntryKind::file, kMarkAnnounce), first).report);
}

TEST("what did not change is reported only when that was asked for") {
  CHECK(!judge_file(known_file(0, false), seen(EntryKind::file, kMarkVerify), {}).report);
  CHECK(judge_file(known_file(0, false), seen(EntryKind::file, kMarkVerify), {.announce = true}).report);
  CHECK(judge_file(known_file(0, false), seen(EntryKind::file, kMarkAnnounce), {}).report);
}

TEST("links, fifos and the like are always complete") {
  for (const EntryKind kind : {EntryKind::symlink, EntryKind::fifo, EntryKind::socket}) {
    CHECK(judge_file({.is_young = true}, seen(kind, kMarkCreated), {}).is_complete());
  }
}

TEST("a file that is moved while it is written is not complete") {
  const auto flags = static_cast<uint16_t>(kMarkModified | kMarkMovedTo);
  CHECK(judge_file({}, seen(EntryKind::file, flags), {}).writing);
  const auto closed = static_cast<uint16_t>(flags | kMarkClosed);
  CHECK(judge_file({}, seen(EntryKind::file, closed), {}).is_complete());
}

TEST("a file that a look finds changed a moment ago may have a writer, unless only its attributes changed") {
  const KnownFile changed = known_file(0, true, true);
  CHECK(judge_file(changed, seen(EntryKind::file), {}).unsettled);
  CHECK(judge_file(known_file(0, true), seen(EntryKind::file), {}).is_complete());
  CHECK(judge_file(known_file(0, false, true), seen(EntryKind::file), {}).is_complete());
  CHECK(judge_file(changed, seen(EntryKind::file, kMarkAttrib), {}).is_complete());
  const LookContext first{.list = true, .quiet = true, .pass = 1};
  CHECK(judge_file({.is_young = true}, seen(EntryKind::file), first).is_complete());
}

TEST("a file that is being written stays so whatever else is said of it, and a further write unsettles nothing") {
  for (const uint16_t flags : {kMarkAttrib, kMarkAnnounce}) {
    const FileVerdict verdict = judge_file(known_file(kWriting, true, true), seen(EntryKind::file, flags), {});
    CHECK(verdict.writing && !verdict.unsettled);
  }
  const FileVerdict written = judge_file(known_file(kUnsettled, true), seen(EntryKind::file, kMarkModified), {});
  CHECK(written.writing && !written.unsettled);
}

TEST("a file that was moved and not written is complete") {
  CHECK(judge_file({}, seen(EntryKind::file, kMarkMovedTo), {}).is_complete());
}

TEST("an unsettled file is looked at again only when its time had come and it is still young") {
  const KnownFile young = known_file(kUnsettled, false, true);
  CHECK(judge_file(young, seen(EntryKind::file), {.settle = true}).settle_later);
  CHECK(!judge_file(young, seen(EntryKind::file), {}).settle_later);
  CHECK(!judge_file(young, seen(EntryKind::file, kMarkAnnounce), {.settle = true}).settle_later);
}

// ---- directories --------------------------------------------------------------------------------------------------

TEST("a recursive listing goes into every known directory, an event into those that need it") {
  const LookContext walk{.list = true, .recursive = true};
  const Observation directory = seen(EntryKind::directory);
  CHECK(judge_directory({}, directory, walk) == DirectoryVerdict::list_recursively);
  CHECK(judge_directory({}, directory, {}) == DirectoryVerdict::wake);
  CHECK(judge_directory({}, directory, {.list = true}) == DirectoryVerdict::wake);
  CHECK(judge_directory({.lost_watch = true}, directory, {}) == DirectoryVerdict::list);
  CHECK(judge_directory({.unreadable = ETIMEDOUT}, directory, {}) == DirectoryVerdict::list_what_was_hidden);
}

TEST("an unreadable directory is tried again after a change of its mode or by a listing, not after every event") {
  const KnownDirectory closed{.unreadable = EACCES};
  const auto look = [&](uint16_t flags) { return judge_directory(closed, seen(EntryKind::directory, flags), {}); };
  CHECK(look(kMarkAttrib) == DirectoryVerdict::list_what_was_hidden);
  CHECK(look(0) == DirectoryVerdict::list_what_was_hidden);
  CHECK(look(kMarkVerify) == DirectoryVerdict::wake);
}

TEST("a subvolume that was made again under its old numbers is listed with everything below") {
  const KnownDirectory subvolume{.is_other_device = true};
  const Observation made = seen(EntryKind::directory, kMarkCreated);
  CHECK(judge_directory(subvolume, made, {}) == DirectoryVerdict::list_what_was_hidden);
  CHECK(judge_directory({}, made, {}) == DirectoryVerdict::wake);
}
