#include "watch/diff/diff.h"

#include <cerrno>
#include <ctime>

#include "watch/monotonic.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

namespace {
constexpr int64_t kLookRetryNs = 5'000'000'000;

/** Whether a write may have happened a moment ago. A modification time in the future does not show that. */
bool is_young(const FileStat& stat, const timespec& now, int64_t settle_ms) {
  const int64_t seconds = now.tv_sec - stat.mtime.sec;
  if (seconds > 1'000'000 || seconds < -1'000'000) return false;
  const int64_t age_ms = seconds * 1000 + (now.tv_nsec - static_cast<int64_t>(stat.mtime.nsec)) / 1'000'000;
  return age_ms < settle_ms && age_ms > -settle_ms;
}

void clear_missing(Entry* entry) {
  if (entry != nullptr) entry->flags &= static_cast<uint8_t>(~kMissing);
}
}  // namespace

// Directories that left their place come first: when the same batch holds their new name, they are free to be attached
// there.
void Diff::apply(const Locked& lock, DirId id, std::vector<Observation>& observations, const LookContext& context) {
  if (this_worker.given_up()) return;
  if (root_.is_unavailable() || !table_.valid(id) || !table_.reachable(id)) return;
  const bool by_pass = context.list && context.pass != 0 && !walk_.was_first();
  mounts_.begin_directory(lock);
  young_.begin_directory(lock);
  clock_gettime(CLOCK_REALTIME, &now_);
  if (table_.at(id).live_entries() > 0) apply_leavers(lock, id, observations, context, by_pass);
  for (const Observation& observation : observations) apply_name(lock, id, observation, context, by_pass);
}

void Diff::apply_leavers(const Locked& lock, DirId id, const std::vector<Observation>& observations,
                         const LookContext& context, bool by_pass) {
  for (const Observation& observation : observations) {
    if (observation.error != 0 && observation.error != ENOENT) continue;
    Entry* entry = table_.at(id).find(observation.name);
    if (entry == nullptr || entry->child == kNoDir) continue;
    const bool is_directory = observation.error == 0 && observation.stat.kind == EntryKind::directory;
    const Directory& child = table_.at(entry->child);
    if (is_directory && (child.placeholder || child.identity == identity_of(observation.stat))) continue;
    if (!mounts_.keeps(lock, id, *entry, observation)) apply_leaver(lock, id, *entry, observation, context, by_pass);
  }
}

void Diff::apply_leaver(const Locked& lock, DirId id, Entry& entry, const Observation& observation,
                        const LookContext& context, bool by_pass) {
  const DirId child = entry.child;
  if (mounts_.has_new_number(lock, id, child, observation)) {
    const Identity before = table_.at(child).identity;
    mounts_.renumber(lock, child, identity_of(observation.stat));
    const bool moved = table_.at(child).identity.dev != before.dev;
    const uint32_t pass = context.recursive ? context.pass : 0;
    return schedule_.list(lock, child, {.recursive = context.recursive || moved, .pass = pass});
  }
  mounts_.note_covered(lock, id, entry, observation);
  if (by_pass && observation.flags == 0) {
    passes_.missing().set_aside(lock, id, entry);
  } else {
    leave(lock, id, entry, context);
  }
}

void Diff::apply_name(const Locked& lock, DirId id, const Observation& observation, const LookContext& context,
                      bool by_pass) {
  Entry* entry = table_.at(id).find(observation.name);
  KnownName known;
  if (entry != nullptr) {
    known.is_known = true;
    known.is_missing = entry->flags & kMissing;
    known.is_directory = entry->child != kNoDir;
    known.is_lost_mount = known.is_directory && mounts_.is_lost_mount(lock, entry->child);
    // A file may have got the inode number of the directory in whose place it stands.
    known.has_same_identity = known.is_directory && observation.stat.kind == EntryKind::directory &&
                              table_.at(entry->child).identity == identity_of(observation.stat);
  }
  switch (judge_name(known, observation, by_pass)) {
    case NameVerdict::keep: break;
    case NameVerdict::set_aside: passes_.missing().set_aside(lock, id, *entry); break;
    case NameVerdict::gone:
      if (entry == nullptr) links_.written_elsewhere(lock, id, observation);
      apply_gone(lock, id, observation.name, context);
      break;
    case NameVerdict::seen:
    case NameVerdict::found_again:
      if (observation.inode != 0 && observation.inode != observation.stat.ino) {
        links_.written_elsewhere(lock, id, observation);
      }
      clear_missing(entry);
      apply_seen(lock, id, observation, entry,
                 known.is_missing && !known.is_directory ? context.announcing() : context);
      break;
    case NameVerdict::silent:
      clear_missing(entry);
      apply_silent(lock, id, observation, entry, context);
      break;
    case NameVerdict::unreadable:
      clear_missing(entry);
      apply_unreadable(lock, id, observation.error);
      break;
  }
  // A listing found the name, so it is there, whatever the stat said. New entries got the bit when they were inserted.
  if (observation.flags != 0 || entry == nullptr) return;
  const Directory& directory = table_.at(id);
  if (Entry* now = table_.at(id).find(observation.name)) {
    now->flags = static_cast<uint8_t>((now->flags & ~kSeenBit) | (directory.seen_phase ? kSeenBit : 0));
  }
}

/**
 * A name that cannot be statted, for example without search permission: the directory has to be listed again when that
 * changes.
 */
void Diff::apply_unreadable(const Locked& lock, DirId id, int error) {
  Directory& directory = table_.at(id);
  if (directory.unreadable == 0 && error != EACCES && error != EPERM) {
    schedule_.mark_later(lock, monotonic_ns() + kLookRetryNs, id, "", Mark{});
  }
  directory.unreadable = error;
}

/**
 * A mount does not answer, or refuses us. Its row stays as it is, or is made up until there is an answer: without a row
 * an audit would make Fusion delete it. What lies in it counts as unreadable.
 */
void Diff::apply_silent(const Locked& lock, DirId id, const Observation& observation, Entry* entry,
                        const LookContext& context) {
  if (entry == nullptr) {
    const DirId child = add(lock, id, observation, true);
    table_.at(child).placeholder = true;
    mounts_.note_silent(lock, child);
    if (!context.quiet || context.announce || reporter_.was_told_gone(lock, id, observation.name)) {
      reporter_.directory(lock, id, child, observation.name, observation.stat, context.since_ns);
    }
    return passes_.go_on_without(lock, child, observation.error);
  }
  if (entry->child != kNoDir) passes_.go_on_without(lock, entry->child, observation.error);
}

void Diff::apply_gone(const Locked& lock, DirId id, std::string_view name, const LookContext& context) {
  Entry* entry = table_.at(id).find(name);
  if (entry == nullptr || entry->child != kNoDir) return;
  reporter_.gone(lock, id, name, false, context.since_ns);
  links_.remember_gone(lock, id, *entry);
  links_.forget(lock, id, *entry);
  names_.gone(lock, id, name);
  table_.at(id).erase(*entry);
  table_.entry_count--;
  streams_.make_room_in(lock, table_, id);
}

/** `entry` is the table's entry of that name, null when it has none. */
void Diff::apply_seen(const Locked& lock, DirId id, const Observation& observation, Entry* entry,
                      const LookContext& context) {
  const bool is_directory = observation.stat.kind == EntryKind::directory;
  if (entry != nullptr && (entry->kind == EntryKind::directory) != is_directory) {
    if (entry->child != kNoDir) return;  // an unmounted directory, whose rows stay
    apply_gone(lock, id, observation.name, context);  // a file became a directory: delete the old before the new comes
    entry = nullptr;
  }
  if (!is_directory) {
    apply_file(lock, id, observation, entry, context);
  } else if (entry != nullptr) {
    apply_known_directory(lock, id, observation, *entry, context);
  } else {
    apply_new_directory(lock, id, observation, context);
  }
}

void Diff::apply_file(const Locked& lock, DirId id, const Observation& observation, Entry* entry,
                      const LookContext& context) {
  const FileStat& stat = observation.stat;
  KnownFile known;
  known.is_young = is_young(stat, now_, config_.settle_ms);
  if (entry != nullptr) {
    known.is_known = true;
    known.flags = entry->flags;
    known.is_changed = entry->kind != stat.kind || !devices_.is_same_file(lock, *entry, stat);
  } else {
    known.told_gone = context.quiet && reporter_.was_told_gone(lock, id, observation.name);
  }
  const FileVerdict now = judge_file(known, observation, context);
  if (entry == nullptr) {
    entry = &table_.at(id).insert(observation.name, stat);
    table_.entry_count++;
    names_.file(lock, id, observation.name);
    links_.has_come(lock, stat.ino);
  } else {
    if (entry->ino != stat.ino) links_.forget(lock, id, *entry);
    entry->assign(stat);
  }
  const int open = (now.writing ? kWriting : 0) | (now.unsettled ? kUnsettled : 0);
  entry->flags = static_cast<uint8_t>((entry->flags & ~(kWriting | kUnsettled)) | open);
  links_.note(lock, id, observation, known.is_changed, now.quiet);
  if (now.report) {
    const AtomicFlag atomic = now.is_complete() ? AtomicFlag::yes : AtomicFlag::no;
    reporter_.row(lock, id, observation.name, stat, atomic, context.since_ns);
  }
  if (stat.kind == EntryKind::file && young_.is_young(*entry)) {
    young_.watch(lock, id, observation.name, *entry, observation.flags & kMarkClosed);
  }
  if (now.settle_later) {
    const int64_t at_ns = monotonic_ns() + config_.settle_ms * 1'000'000;
    schedule_.mark_later(lock, at_ns, id, observation.name, Mark{kMarkSettle});
  }
}

void Diff::apply_own(const Locked& lock, DirId id, const OwnObservation& own, const LookContext& context) {
  if (!own.seen || this_worker.given_up()) return;
  if (root_.is_unavailable() || !table_.valid(id) || !table_.reachable(id)) return;
  Directory& directory = table_.at(id);
  if (own.sequence <= directory.own_sequence) return;
  Entry* entry = id == kRootDir ? &table_.root_entry() : table_.at(directory.parent).find(directory.name);
  if (entry == nullptr || entry->child != id) return;
  directory.own_sequence = own.sequence;
  const bool changed = !devices_.is_same_file(lock, *entry, own.stat);
  entry->assign(own.stat);
  // A first listing is quiet because the snapshot comes after it. But this row belongs to the parent, which the
  // snapshot may have passed already.
  if (!context.announce && (!changed || (context.quiet && id == kRootDir))) return;
  if (id == kRootDir) return reporter_.root(lock, own.stat, context.since_ns);
  reporter_.directory(lock, directory.parent, id, directory.name, own.stat, context.since_ns);
}

void Diff::apply_too_deep(const Locked& lock, DirId id, const LookContext& context) {
  Directory& directory = table_.at(id);
  std::vector<std::string> names;  // what is known in it: its path was shorter before
  directory.each([&](const Entry&, std::string_view name) { names.emplace_back(name); });
  for (const std::string& name : names) {
    Entry* entry = directory.find(name);
    if (entry->child != kNoDir) {
      leave(lock, id, *entry, context);
    } else {
      apply_gone(lock, id, name, context);
    }
  }
}

}  // namespace fustor
