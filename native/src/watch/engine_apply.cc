// Compares what a thread saw with the table: differences go into the table and become changes. Every function here runs
// with the mutex held.
#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/name_codec.h"
#include "fustor/clock.h"
#include "watch/monotonic.h"
#include "watch/snapshot_stream.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr int64_t kLimboNs = 100'000'000;
constexpr int64_t kLimboPatienceNs = 5'000'000'000;
constexpr int64_t kContestedRetryNs = 2'000'000;  // twice as long each time
constexpr int64_t kContestedMostNs = 250'000'000;
constexpr int64_t kContestedPatienceNs = 3'000'000'000;
constexpr int64_t kLookRetryNs = 5'000'000'000;
constexpr uint64_t kNoContest = 0;
constexpr uint16_t kToldByKernel = kMarkCreated | kMarkModified | kMarkClosed | kMarkMovedTo | kMarkAttrib;

/** Whether a write may have happened a moment ago. A modification time in the future does not show that. */
bool is_young(const FileStat& stat, int64_t settle_ms) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t seconds = now.tv_sec - stat.mtime.sec;
  if (seconds > 1'000'000 || seconds < -1'000'000) return false;
  const int64_t age_ms = seconds * 1000 + (now.tv_nsec - static_cast<int64_t>(stat.mtime.nsec)) / 1'000'000;
  return age_ms < settle_ms && age_ms > -settle_ms;
}

/**
 * The task for a file that a tree walk missed and that is there after all. An audit may have left its row out, and
 * Fusion may have deleted it at the end of that audit. So its row is reported even when it did not change.
 */
DirtyDirectory announcing(const DirtyDirectory& task) {
  DirtyDirectory told;
  told.announce = true;
  told.quiet = false;
  told.pass = task.pass;
  told.since_ns = task.since_ns;
  return told;
}
}  // namespace

const std::string& WatchEngine::json_dir(DirId id) {
  if (json_dir_of_ != id) {
    json_dir_.clear();
    append_json_dir(table_.path_of(id), json_dir_);
    json_dir_of_ = id;
  }
  return json_dir_;
}

/** Call it when directories have other names, or ids belong to other directories. */
void WatchEngine::forget_paths() { json_dir_of_ = told_above_ = kNoDir; }

/** The entry of a reachable directory in its parent. */
const Entry& WatchEngine::own_entry(DirId id) {
  const Entry* entry = id == kRootDir ? nullptr : table_.at(table_.at(id).parent).find(table_.at(id).name);
  return entry == nullptr ? table_.root_entry() : *entry;
}

// The sequence is taken here, with the mutex held, so that there is one order of changes and of groups of snapshot
// rows.
void WatchEngine::report(DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic, int64_t since_ns) {
  if (told_above_ != id) tell_above(id, since_ns);
  told_above_ = id;
  append_row(id, name, stat, atomic, since_ns);
}

void WatchEngine::append_row(DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic, int64_t since_ns) {
  table_.at(id).last_active = monotonic_seconds();
  counts_.changes++;
  changes_.upsert(json_dir(id), name, stat, atomic, next_sequence(), since_ns);
}

void WatchEngine::report_directory(DirId parent, DirId child, std::string_view name, const FileStat& stat, int64_t since_ns) {
  report(parent, name, stat, AtomicFlag::absent, since_ns);
  table_.at(child).told_at = next_sequence();
}

/**
 * The receiver must not get a row before that of its directory. So the rows of `id` and of the directories above it
 * that were not reported yet are reported now:
 * - a directory below a renamed one gets its row from a listing, and an event in it may be quicker;
 * - during the first tree walk the rows of directories are left to the snapshot, and a change in one may be quicker.
 */
void WatchEngine::tell_above(DirId id, int64_t since_ns) {
  const bool first_pass = pass_quiet_ && pass_ended_ != pass_;
  chain_.clear();
  for (DirId at = id; at != kRootDir && table_.valid(at); at = table_.at(at).parent) chain_.push_back(at);
  uint64_t moved = 0;
  for (auto at = chain_.rbegin(); at != chain_.rend(); ++at) {
    const Directory& directory = table_.at(*at);
    moved = std::max(moved, directory.moved_at);
    if (moved <= directory.told_at && !(first_pass && directory.told_at == 0)) continue;
    const Entry* entry = table_.valid(directory.parent) ? table_.at(directory.parent).find(directory.name) : nullptr;
    if (entry == nullptr || entry->child != *at) continue;
    append_row(directory.parent, directory.name, entry->to_stat(), AtomicFlag::absent, since_ns);
    table_.at(*at).told_at = next_sequence();
  }
}

void WatchEngine::report_gone(DirId id, std::string_view name, bool container, int64_t since_ns) {
  if (!table_.at(id).listed) gone_early_[id].insert(std::string(name));
  table_.at(id).last_active = monotonic_seconds();
  counts_.changes++;
  changes_.remove(json_dir(id), name, container, next_sequence(), since_ns);
}

/**
 * Whether a delete of that name was reported while its directory waited for the first listing. What a first listing
 * finds is usually no change, because the snapshot holds its row. But here the delete may reach the receiver after the
 * snapshot's row and would remove the entry, so the row has to be reported as a change behind the delete. True once for
 * each name.
 */
bool WatchEngine::was_told_gone(DirId id, std::string_view name) {
  const auto found = gone_early_.empty() ? gone_early_.end() : gone_early_.find(id);
  return found != gone_early_.end() && found->second.erase(std::string(name)) > 0;
}

// Directories that left their place come first: when the same batch holds their new name, they are free to be attached
// there.
void WatchEngine::apply(DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task) {
  if (this_worker.given_up()) return;
  if (root_state_ == RootState::unavailable || !table_.valid(id) || !table_.reachable(id)) return;
  const bool by_pass = task.list && task.pass != 0 && !pass_quiet_;
  covered_.clear();
  young_since_ = config_.young_ms > 0 ? wall_seconds() - config_.young_ms / 1000 : INT64_MAX;
  if (table_.at(id).live_entries() > 0) apply_leavers(id, sightings, task, by_pass);
  for (const Sighting& sighting : sightings) {
    Entry* known = table_.at(id).find(sighting.name);
    const bool set_aside_above = known != nullptr && known->child != kNoDir && (known->flags & kMissing) && by_pass && sighting.flags == 0;
    if (known != nullptr && sighting.error == ENOENT && lost_mounts_.contains(known->child)) {
      // its rows stay, although even its mount point is gone
    } else if (set_aside_above && !(sighting.error == 0 && table_.at(known->child).identity == identity_of(sighting.stat))) {
      // judge_missing decides at the end of the tree walk
    } else if (sighting.error == ENOENT && by_pass && sighting.flags == 0) {
      if (known != nullptr) set_aside(id, *known);
    } else if (sighting.error == ENOENT) {
      if (known == nullptr) written_elsewhere(id, sighting);
      apply_gone(id, sighting, task);
    } else if (sighting.error == 0) {
      if (sighting.inode != 0 && sighting.inode != sighting.stat.ino) written_elsewhere(id, sighting);
      const bool left_out = known != nullptr && (known->flags & kMissing) && known->child == kNoDir;
      if (known != nullptr) known->flags &= static_cast<uint8_t>(~kMissing);
      // Not in one expression: it would copy the task with all its names for every entry.
      if (left_out) {
        apply_seen(id, sighting, known, announcing(task));
      } else {
        apply_seen(id, sighting, known, task);
      }
    } else {
      if (known != nullptr) known->flags &= static_cast<uint8_t>(~kMissing);
      if (sighting.mount) {
        apply_silent(id, sighting, known, task);
      } else {
        cannot_look(id, sighting.error);
      }
    }
    // A listing found the name, so it is there, whatever the stat said. New entries got the bit when they were
    // inserted.
    if (sighting.flags == 0 && known != nullptr) {
      Entry* entry = table_.at(id).find(sighting.name);
      if (entry != nullptr) entry->flags = static_cast<uint8_t>((entry->flags & ~kSeenBit) | (table_.at(id).seen_phase ? kSeenBit : 0));
    }
  }
}

void WatchEngine::apply_leavers(DirId id, const std::vector<Sighting>& sightings, const DirtyDirectory& task, bool by_pass) {
  for (const Sighting& sighting : sightings) {
    if (sighting.error != 0 && sighting.error != ENOENT) continue;
    Entry* entry = table_.at(id).find(sighting.name);
    if (entry == nullptr || entry->child == kNoDir) continue;
    if (table_.at(entry->child).placeholder && sighting.error == 0 && sighting.stat.kind == EntryKind::directory) continue;
    const bool same = sighting.error == 0 && sighting.stat.kind == EntryKind::directory &&
                      table_.at(entry->child).identity == identity_of(sighting.stat);
    if (same || keeps_mount(id, *entry, sighting)) continue;
    if (has_new_number(id, entry->child, sighting)) {
      const Identity before = table_.at(entry->child).identity;
      renumber(entry->child, identity_of(sighting.stat));
      DirtyDirectory from;
      from.pass = task.recursive ? task.pass : 0;
      from.recursive = task.recursive || table_.at(entry->child).identity.dev != before.dev;
      mark_list(entry->child, from, false, false);
      continue;
    }
    note_covered(id, *entry, sighting);
    if (by_pass && sighting.flags == 0) {
      set_aside(id, *entry);
    } else {
      leave(id, *entry, task);
    }
  }
}

/**
 * A name that cannot be statted, for example without search permission: the directory has to be listed again when that
 * changes.
 */
void WatchEngine::cannot_look(DirId id, int error) {
  Directory& directory = table_.at(id);
  if (directory.unreadable == 0 && error != EACCES && error != EPERM) hold_back(monotonic_ns() + kLookRetryNs, id, "", Mark{});
  directory.unreadable = error;
}

/**
 * A mount does not answer, or refuses us. Its row stays as it is, or is made up until there is an answer: without a row
 * an audit would make Fusion delete it. What lies in it counts as unreadable.
 */
void WatchEngine::apply_silent(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task) {
  if (entry == nullptr) {
    const DirId child = table_.add(id, sighting.name, identity_of(sighting.stat), true);
    table_.at(child).own_sequence = sighting.sequence;
    table_.at(child).placeholder = true;
    entry = &table_.at(id).insert(sighting.name, sighting.stat);
    entry->child = child;
    table_.entry_count++;
    mounts_.try_emplace(child);
    if (!task.quiet || task.announce || was_told_gone(id, sighting.name)) {
      report_directory(id, child, sighting.name, sighting.stat, task.since_ns);
    }
  }
  if (entry->child != kNoDir) give_up(entry->child, sighting.error);
}

void WatchEngine::apply_gone(DirId id, const Sighting& sighting, const DirtyDirectory& task) {
  Entry* entry = table_.at(id).find(sighting.name);
  if (entry == nullptr || entry->child != kNoDir) return;
  report_gone(id, sighting.name, false, task.since_ns);
  remember_gone(id, *entry);
  forget_link(id, *entry);
  table_.at(id).erase(*entry);
  table_.entry_count--;
  make_room_in(id);
}

/**
 * A stream whose consumer waits may stay inside a directory for hours; entries that are removed there meanwhile must
 * not pile up.
 */
void WatchEngine::make_room_in(DirId id) {
  if (!table_.at(id).is_crowded()) return;
  for (SnapshotStream* snapshot : snapshots_) snapshot->slots_move(id);
  table_.at(id).compact();
}

void WatchEngine::leave(DirId id, Entry& entry, const DirtyDirectory& task) {
  const DirId child = entry.child;
  const std::string name(table_.at(id).name_of(entry));
  report_gone(id, name, true, task.since_ns);
  table_.detach(child);
  lost_mounts_.erase(child);
  const int64_t now = monotonic_ns();
  limbo_.push_back({child, now + kLimboNs, now + kLimboPatienceNs});
  table_.at(id).erase(entry);
  table_.entry_count--;
  make_room_in(id);
  forget_paths();
  wake_reader();
}

/** `entry` is the table's entry of that name, null when it has none. */
void WatchEngine::apply_seen(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task) {
  if (entry != nullptr && (entry->kind == EntryKind::directory) != (sighting.stat.kind == EntryKind::directory)) {
    if (entry->child != kNoDir) return;  // an unmounted directory, whose rows stay
    apply_gone(id, sighting, task);      // a file became a directory: delete the old before the new comes
    entry = nullptr;
  }
  if (sighting.stat.kind == EntryKind::directory) {
    apply_directory(id, sighting, entry, task);
  } else {
    apply_file(id, sighting, entry, task);
  }
}

void WatchEngine::apply_directory(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task) {
  const bool announce = task.announce || (sighting.flags & kMarkAnnounce);
  if (entry != nullptr) {
    const DirId child = entry->child;
    // It has answered for the first time, or is gone and shows what it covered.
    if (std::exchange(table_.at(child).placeholder, false)) {
      if (table_.by_identity(identity_of(sighting.stat)) == kNoDir) {
        table_.set_identity(child, identity_of(sighting.stat));
      } else {
        table_.at(child).identity = identity_of(sighting.stat);
      }
      list_what_was_hidden(child);
    }
    if (!(table_.at(child).identity == identity_of(sighting.stat))) {  // keeps_mount
      // Another file system is mounted there, or the same one under another device number: the task that opens it
      // decides.
      if (is_mount_point(id, sighting.stat)) mark_list(child, DirtyDirectory{}, false, false);
      return;
    }
    if (lost_mounts_.contains(child)) list_what_was_hidden(child);  // it is back, or another one looks the same
    if (sighting.sequence > table_.at(child).own_sequence) {
      table_.at(child).own_sequence = sighting.sequence;
      const bool changed = !is_same_file(*entry, sighting.stat);
      entry->assign(sighting.stat);
      if (announce || changed) report_directory(id, child, sighting.name, sighting.stat, task.since_ns);
    }
    const Directory& known = table_.at(child);
    const bool lost_watch = known.watch == -1 && !known.watch_refused && !known.barred && known.listed;
    // A btrfs subvolume that was deleted and made again has the same numbers, but other contents.
    const bool made_again = (sighting.flags & kMarkCreated) && sighting.stat.dev != table_.at(id).identity.dev && !mounts_.contains(child);
    if (task.list && task.recursive) {
      mark_list(child, task, task.announce, task.quiet);
    } else if (made_again) {
      list_what_was_hidden(child);
    } else if (lost_watch) {
      mark_list(child, DirtyDirectory{}, false, false);
    } else if (known.unreadable == ETIMEDOUT) {
      list_what_was_hidden(child);
    } else if ((known.unreadable != 0 || known.hides) && (sighting.flags == 0 || (sighting.flags & kMarkAttrib))) {
      list_what_was_hidden(child);
    } else if (dirty_.has(child)) {
      dirty_.of(child, 0).parked = false;
      wake_worker_for(child, false);
    }
    return;
  }

  DirId child = table_.by_identity(identity_of(sighting.stat));
  if (child != kNoDir && is_lost(child)) child = kNoDir;  // the file system was mounted there, and now it is here
  bool alias = false;
  if (child != kNoDir && !table_.at(child).attached) {
    if (table_.at(child).watch == -1) {  // its inode died and was given out again
      expire(child);
      child = kNoDir;
    }
  } else if (child != kNoDir) {
    // The table knows this directory under another name as well: a rename whose first half no thread has looked at yet,
    // or a bind mount. A thread has to look at the other place first.
    const Directory& other = table_.at(child);
    alias = child == kRootDir || (sighting.contested_since != kNoContest && other.own_sequence > sighting.contested_since);
    if (!alias && waits_for_other_place(id, sighting, child)) return;
    child = kNoDir;
  }
  if (!contests_.empty()) contests_.erase(std::to_string(id) + '/' + sighting.name);

  const bool moved = child != kNoDir;
  if (moved) {
    std::erase_if(limbo_, [child](const Limbo& limbo) { return limbo.directory == child; });
    table_.attach(child, id, sighting.name);
    table_.at(child).moved_at = next_sequence();
    forget_paths();
  } else {
    child = table_.add(id, sighting.name, identity_of(sighting.stat), alias);
  }
  table_.at(child).own_sequence = sighting.sequence;
  table_.at(id).insert(sighting.name, sighting.stat).child = child;
  table_.entry_count++;
  note_mount(id, child, sighting);
  const bool again = was_told_gone(id, sighting.name);
  if (!task.quiet || announce || again) report_directory(id, child, sighting.name, sighting.stat, task.since_ns);
  // A moved directory is listed again, too: it may have changed on the way, and the receiver needs every row under its
  // new path.
  DirtyDirectory from;
  from.pass = task.pass;
  from.since_ns = task.since_ns;
  from.recursive = true;
  const bool made = moved || again || (sighting.flags & (kMarkCreated | kMarkMovedTo));
  const bool quiet = !made && (task.quiet || (sighting.flags != 0 && is_first_look(id)));
  table_.at(child).appeared = !quiet;
  mark_list(child, from, moved, quiet);
}

/**
 * Whether a thread has to look at this name again after it looked at the other place. This does not go on for ever:
 * when no thread can look there (its directory became unreadable, its file system does not answer), the directory here
 * gets rows of its own, and the rows there stay.
 */
bool WatchEngine::waits_for_other_place(DirId id, const Sighting& sighting, DirId known) {
  const int64_t now = monotonic_ns();
  Contest& contest = contests_.try_emplace(std::to_string(id) + '/' + sighting.name, Contest{now, kContestedRetryNs}).first->second;
  if (now - contest.begun_ns > kContestedPatienceNs) return false;
  Mark mark{sighting.flags, sighting.contested_since == kNoContest ? sighting.sequence : sighting.contested_since};
  mark.flags |= kMarkVerify;
  this->mark(table_.at(known).parent, table_.at(known).name, kMarkVerify);
  hold_back(now + contest.retry_ns, id, sighting.name, mark);
  contest.retry_ns = std::min(contest.retry_ns * 2, kContestedMostNs);
  return true;
}

void WatchEngine::apply_file(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task) {
  const FileStat& stat = sighting.stat;
  const uint16_t flags = sighting.flags;
  const bool due = (flags & kMarkSettle) || (flags == 0 && task.settle);
  const bool changed = entry == nullptr || entry->kind != stat.kind || !is_same_file(*entry, stat);
  const bool quiet = task.quiet && entry == nullptr && !was_told_gone(id, sighting.name);
  const uint8_t before = entry == nullptr ? 0 : entry->flags;
  bool writing = before & kWriting;
  bool unsettled = before & kUnsettled;
  if (stat.kind != EntryKind::file || (flags & (kMarkClosed | kMarkMovedTo))) {
    writing = unsettled = false;
  } else if (flags & kMarkModified) {
    writing = true;
    unsettled = false;
  } else if (flags == 0 && (writing || unsettled)) {
    // A listing may follow lost events, and the close may be one of them: now the file has to be quiet for a while.
    writing = false;
    unsettled = is_young(stat, config_.settle_ms);
  } else if (due) {
    unsettled = unsettled && is_young(stat, config_.settle_ms);
  } else if (flags & kMarkCreated) {
    unsettled = stat.nlink == 1;  // a link to a complete file is complete
  } else if (changed && !writing && !quiet && !(flags & kMarkAttrib)) {
    unsettled = is_young(stat, config_.settle_ms);
  }
  if ((flags & kMarkModified) && (flags & kMarkMovedTo)) writing = !(flags & kMarkClosed);

  if (entry == nullptr) {
    entry = &table_.at(id).insert(sighting.name, stat);
    table_.entry_count++;
    if (!elsewhere_.empty()) elsewhere_.erase(stat.ino);
  } else {
    if (entry->ino != stat.ino) forget_link(id, *entry);
    entry->assign(stat);
  }
  entry->flags = static_cast<uint8_t>((entry->flags & ~(kWriting | kUnsettled)) | (writing ? kWriting : 0) | (unsettled ? kUnsettled : 0));
  note_link(id, sighting, changed, quiet);
  const bool confirmed = (before & (kWriting | kUnsettled)) && !writing && !unsettled;
  const bool announce = task.announce || (flags & kMarkAnnounce);
  if (announce || ((changed || confirmed) && !quiet)) {
    report(id, sighting.name, stat, writing || unsettled ? AtomicFlag::no : AtomicFlag::yes, task.since_ns);
  }
  if (stat.mtime.sec >= young_since_ && stat.kind == EntryKind::file) watch_young(id, sighting.name, *entry, flags & kMarkClosed);
  if (unsettled && (!(before & kUnsettled) || due)) {
    hold_back(monotonic_ns() + config_.settle_ms * 1'000'000, id, sighting.name, Mark{kMarkSettle});
  }
}

// ---- marks ----------------------------------------------------------------------------------------------------------------------

void WatchEngine::mark(DirId id, std::string_view name, uint16_t flags, uint64_t inode) {
  if (!table_.valid(id)) return;
  const Directory& directory = table_.at(id);
  if (!directory.listed) {
    if (!directory.busy && directory.watch == -1) return;  // the listing that is still to come will see it
    flags |= kMarkAnnounce;  // the listing may see it first, and quietly
  } else if (pass_quiet_ && pass_ended_ != pass_ && (flags & kToldByKernel)) {
    flags |= kMarkAnnounce;  // the first listing may have been quicker than the event
  }
  dirty_.mark(id, name, flags, now_ns_ != 0 ? now_ns_ : monotonic_ns(), inode);
  wake_worker_for(id, false);
}

void WatchEngine::mark_list(DirId id, const DirtyDirectory& from, bool announce, bool quiet) {
  DirtyDirectory& dirty = dirty_.of(id, from.since_ns != 0 ? from.since_ns : monotonic_ns());
  dirty.list = true;
  dirty.announce |= announce;
  dirty.recursive |= from.recursive;
  dirty.quiet = dirty.quiet && quiet;
  dirty.parked = false;
  // A quiet look belongs to the first tree walk, whatever caused it: snapshots wait for its end.
  if ((from.pass == pass_ || quiet) && pass_ != 0 && dirty.pass != pass_) {
    dirty.pass = pass_;
    pass_pending_++;
  }
  wake_worker_for(id, from.pass != 0);
}

/**
 * Whether the contents of this directory were there before the first tree walk and are no change: the walk has not got
 * there yet.
 */
bool WatchEngine::is_first_look(DirId parent) const {
  const Directory& directory = table_.at(parent);
  return pass_quiet_ && pass_ended_ != pass_ && !directory.listed && !directory.appeared;
}

/** The directory may be readable now. Events from below were lost as well, so everything below is listed. */
void WatchEngine::list_what_was_hidden(DirId id) {
  table_.at(id).hides = false;
  DirtyDirectory everything;
  everything.recursive = true;
  mark_list(id, everything, false, false);
}

void WatchEngine::wake_worker_for(DirId id, bool background) {
  if (table_.at(id).busy || dirty_.of(id, 0).parked) return;
  dirty_.enqueue(id, background);
  if (background && helpers_allowed_ > 0) helpers_wake_.notify_all();
  if (!regions_.empty()) spares_wake_.notify_all();
  if (background && config_.politeness.asks_for_anything()) {
    pass_work_.notify_one();
  } else {
    (!background && listing_workers_ >= worker_count_ ? scout_ : work_).notify_one();
  }
}

void WatchEngine::hold_back(int64_t at_ns, DirId id, std::string_view name, Mark mark) {
  const bool sooner = timed_.empty() || at_ns < timed_.begin()->first;
  timed_.emplace(at_ns, Timed{id, std::string(name), mark});
  if (sooner) wake_reader();
}

/** The subtree will not come back: releases its watches and its memory. */
void WatchEngine::expire(DirId top) {
  std::erase_if(limbo_, [top](const Limbo& limbo) { return limbo.directory == top; });
  std::vector<DirId> pending{top};
  while (!pending.empty()) {
    const DirId id = pending.back();
    pending.pop_back();
    Directory& directory = table_.at(id);
    for (const Entry& entry : directory.slots()) {
      if (entry.flags & kDead) continue;
      if (entry.child != kNoDir) pending.push_back(entry.child);
      if (entry.flags & kLinked) forget_link(id, entry);
    }
    forget_watch(id);
    unwatched_.members.erase(id);
    remote_.members.erase(id);
    for (auto& [region, state] : regions_) state.aside.erase(id);
    if (dirty_.has(id)) {
      if (dirty_.of(id, 0).pass == pass_ && pass_pending_ > 0) pass_pending_--;
      dirty_.drop(id);
    }
    gone_early_.erase(id);
    mounts_.erase(id);
    lost_mounts_.erase(id);
    given_up_mounts_.erase(id);
    missing_in_.erase(id);
    for (SnapshotStream* snapshot : snapshots_) snapshot->forget(id);
    table_.remove(id);
  }
  forget_paths();  // its ids may be given to other directories
  finish_pass_if_done();
}

}  // namespace fustor
