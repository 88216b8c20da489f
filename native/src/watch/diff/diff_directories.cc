// Directories in the comparison of what was seen with the table: they come, move, and leave with everything below.
#include "fustor/clock.h"
#include "watch/diff/diff.h"
#include "watch/monotonic.h"

namespace fustor {

void Diff::apply_known_directory(const Locked& lock, DirId id, const Observation& observation, Entry& entry,
                                 const LookContext& context) {
  const DirId child = entry.child;
  if (table_.at(child).placeholder) has_answered(lock, child, observation);
  if (!(table_.at(child).identity == identity_of(observation.stat))) {  // MountsBelow::keeps
    // Another file system is mounted there, or the same one under another device number: the task that opens it
    // decides.
    if (mounts_.is_mount_point(lock, id, observation.stat)) schedule_.list(lock, child);
    return;
  }
  // It is back, or another one looks the same.
  if (mounts_.is_lost_mount(lock, child)) schedule_.list_what_was_hidden(lock, child);
  if (observation.sequence > table_.at(child).own_sequence) {
    table_.at(child).own_sequence = observation.sequence;
    const bool changed = !devices_.is_same_file(lock, entry, observation.stat);
    entry.assign(observation.stat);
    if (changed || context.announce || (observation.flags & kMarkAnnounce)) {
      reporter_.directory(lock, id, child, observation.name, observation.stat, context.since_ns);
    }
  }
  look_into(lock, id, child, observation, context);
}

void Diff::look_into(const Locked& lock, DirId id, DirId child, const Observation& observation,
                     const LookContext& context) {
  const Directory& known = table_.at(child);
  KnownDirectory facts;
  facts.lost_watch = known.watch == -1 && !known.watch_refused && !known.barred && known.listed;
  facts.is_other_device = observation.stat.dev != table_.at(id).identity.dev && !mounts_.has(lock, child);
  facts.hides = known.hides;
  facts.unreadable = known.unreadable;
  switch (judge_directory(facts, observation, context)) {
    case DirectoryVerdict::list_recursively:
      return schedule_.list(lock, child,
                            {.recursive = true,
                             .announce = context.announce,
                             .quiet = context.quiet,
                             .pass = context.pass,
                             .since_ns = context.since_ns});
    case DirectoryVerdict::list_what_was_hidden: return schedule_.list_what_was_hidden(lock, child);
    case DirectoryVerdict::list: return schedule_.list(lock, child);
    case DirectoryVerdict::wake:
      if (!dirty_.has(child)) return;
      dirty_.of(child, 0).parked = false;
      return schedule_.wake_worker_for(lock, child, false);
  }
}

void Diff::has_answered(const Locked& lock, DirId child, const Observation& observation) {
  table_.at(child).placeholder = false;
  if (table_.by_identity(identity_of(observation.stat)) == kNoDir) {
    table_.set_identity(child, identity_of(observation.stat));
  } else {
    table_.at(child).identity = identity_of(observation.stat);
  }
  schedule_.list_what_was_hidden(lock, child);
}

void Diff::apply_new_directory(const Locked& lock, DirId id, const Observation& observation,
                               const LookContext& context) {
  DirId child = table_.by_identity(identity_of(observation.stat));
  // The file system was mounted there, and now it is here.
  if (child != kNoDir && mounts_.is_lost(lock, child)) child = kNoDir;
  bool alias = false;
  if (child != kNoDir && table_.at(child).attached) {
    // The table knows this directory under another name as well: a rename whose first half no thread has looked at yet,
    // or a bind mount. A thread has to look at the other place first.
    const bool looked = observation.contested_since != 0 && table_.at(child).own_sequence > observation.contested_since;
    alias = child == kRootDir || looked;
    if (!alias && waits_for_other_place(lock, id, observation, child)) return;
    child = kNoDir;
  } else if (child != kNoDir && table_.at(child).watch == -1) {  // its inode died and was given out again
    expire(lock, child);
    child = kNoDir;
  }
  contests_.settle(id, observation.name);

  const bool moved = child != kNoDir;
  if (moved) {
    detached_.forget(child);
    table_.attach(child, id, observation.name);
    table_.at(child).moved_at = next_sequence();
    table_.at(child).moved_second = wall_seconds();
    reporter_.forget_paths(lock);
    table_.at(child).own_sequence = observation.sequence;
    table_.at(id).insert(observation.name, observation.stat).child = child;
    table_.entry_count++;
    names_.moved(lock, id, observation.name, observation.stat.ino, child);
  } else {
    child = add(lock, id, observation, alias);
  }
  mounts_.note_mount(lock, id, child, observation);
  const bool again = reporter_.was_told_gone(lock, id, observation.name);
  if (!context.quiet || context.announce || (observation.flags & kMarkAnnounce) || again) {
    reporter_.directory(lock, id, child, observation.name, observation.stat, context.since_ns);
  }
  // A moved directory is listed again, too: it may have changed on the way, and the receiver needs every row under its
  // new path.
  const bool made = moved || again || (observation.flags & (kMarkCreated | kMarkMovedTo));
  const bool first_look = observation.flags != 0 && schedule_.is_first_look(lock, id);
  const bool quiet = !made && (context.quiet || first_look);
  table_.at(child).appeared = !quiet;
  schedule_.list(lock, child,
                 {.recursive = true,
                  .announce = moved,
                  .quiet = quiet,
                  .pass = context.pass,
                  .since_ns = context.since_ns});
}

DirId Diff::add(const Locked& lock, DirId parent, const Observation& observation, bool alias) {
  const DirId child = table_.add(parent, observation.name, identity_of(observation.stat), alias);
  table_.at(child).own_sequence = observation.sequence;
  table_.at(parent).insert(observation.name, observation.stat).child = child;
  table_.entry_count++;
  names_.made(lock, parent, observation.name, observation.stat.ino);
  return child;
}

DirId Diff::apply_early(const Locked& lock, DirId parent, const Observation& observation) {
  const int64_t now = monotonic_ns();
  const DirId child = add(lock, parent, observation, false);
  mounts_.note_mount(lock, parent, child, observation);
  reporter_.directory(lock, parent, child, observation.name, observation.stat, now);
  const bool quiet = schedule_.is_first_look(lock, parent) && !reporter_.was_told_gone(lock, parent, observation.name);
  table_.at(child).appeared = !quiet;
  const uint32_t pass = walk_.is_running() ? walk_.number() : 0;
  schedule_.list(lock, child, {.recursive = true, .quiet = quiet, .pass = pass, .since_ns = now});
  schedule_.mark(lock, parent, observation.name, kMarkVerify);
  return child;
}

bool Diff::waits_for_other_place(const Locked& lock, DirId id, const Observation& observation, DirId known) {
  const int64_t retry_ns = contests_.retry_ns(id, observation.name, monotonic_ns());
  if (retry_ns == 0) return false;
  Mark again;
  again.flags = observation.flags | kMarkVerify;
  again.contested_since = observation.contested_since == 0 ? observation.sequence : observation.contested_since;
  schedule_.mark(lock, table_.at(known).parent, table_.at(known).name, kMarkVerify);
  schedule_.mark_later(lock, retry_ns, id, observation.name, again);
  return true;
}

void Diff::leave(const Locked& lock, DirId id, Entry& entry, const LookContext& context) {
  const DirId child = entry.child;
  const std::string name(table_.at(id).name_of(entry));
  reporter_.gone(lock, id, name, true, context.since_ns);
  names_.left(lock, id, name, child);
  table_.detach(child);
  mounts_.forget_lost(lock, child);
  detached_.add(child, monotonic_ns());
  table_.at(id).erase(entry);
  table_.entry_count--;
  streams_.make_room_in(lock, table_, id);
  reporter_.forget_paths(lock);
  crew_.wake_reader();
}

void Diff::expire(const Locked& lock, DirId top) {
  detached_.forget(top);
  std::vector<DirId> pending{top};
  while (!pending.empty()) {
    const DirId id = pending.back();
    pending.pop_back();
    std::vector<std::string> linked;
    table_.at(id).each([&](const Entry& entry, std::string_view name) {
      if (entry.child != kNoDir) pending.push_back(entry.child);
      if (entry.flags & kLinked) linked.emplace_back(name);
    });
    for (const std::string& name : linked) links_.forget(lock, id, *table_.at(id).find(name));
    remove_node(lock, id);
  }
  reporter_.forget_paths(lock);  // its ids may be given to other directories
  passes_.finish_if_done(lock);
}

void Diff::remove_node(const Locked& lock, DirId id) {
  watches_.forget_directory(lock, id);
  regions_.forget(lock, id);
  if (dirty_.has(id)) {
    walk_.count_out(dirty_.of(id, 0).pass);
    dirty_.drop(id);
  }
  reporter_.forget_early_deletes(lock, id);
  mounts_.forget(lock, id);
  passes_.missing().forget(lock, id);
  streams_.forget(lock, id);
  table_.remove(id);
}

void Diff::run_timers(const Locked& lock, int64_t now_ns) {
  const bool work_is_left = dirty_.live_queued() || crew_.busy_workers > 0;
  for (const DirId id : detached_.expired(now_ns, work_is_left)) expire(lock, id);
}

}  // namespace fustor
