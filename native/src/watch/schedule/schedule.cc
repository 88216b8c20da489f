#include "watch/schedule/schedule.h"

#include <unistd.h>

#include <utility>

#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr uint16_t kToldByKernel = kMarkCreated | kMarkModified | kMarkClosed | kMarkMovedTo | kMarkAttrib;
}  // namespace

void Crew::wake_reader() {
  const uint64_t one = 1;
  if (wake_fd.get() >= 0 && ::write(wake_fd.get(), &one, sizeof(one)) < 0) return;  // EAGAIN: it is awake anyway
}

void Schedule::mark(const Locked& lock, DirId id, std::string_view name, uint16_t flags, uint64_t inode) {
  if (!table_.valid(id)) return;
  const Directory& directory = table_.at(id);
  if (!directory.listed) {
    if (!directory.busy && directory.watch == -1) return;  // the listing that is still to come will see it
    flags |= kMarkAnnounce;  // the listing may see it first, and quietly
  } else if (walk_.is_first() && (flags & kToldByKernel)) {
    flags |= kMarkAnnounce;  // the first listing may have been quicker than the event
  }
  dirty_.mark(id, name, flags, arrived_ns_ != 0 ? arrived_ns_ : monotonic_ns(), inode);
  wake_worker_for(lock, id, false);
}

void Schedule::mark_own(const Locked& lock, DirId id) {
  dirty_.of(id, arrived_ns_ != 0 ? arrived_ns_ : monotonic_ns()).self = true;
  wake_worker_for(lock, id, false);
}

void Schedule::mark_path(const Locked& lock, std::string_view path, uint16_t flags) {
  const size_t slash = path.rfind('/');
  const bool in_root = slash == std::string_view::npos;
  const DirId parent = table_.resolve(in_root ? std::string_view{} : path.substr(0, slash));
  if (parent != kNoDir) mark(lock, parent, in_root ? path : path.substr(slash + 1), flags);
}

void Schedule::list(const Locked& lock, DirId id, const ListRequest& request) {
  DirtyDirectory& dirty = dirty_.of(id, request.since_ns != 0 ? request.since_ns : monotonic_ns());
  dirty.list = true;
  dirty.announce |= request.announce;
  dirty.recursive |= request.recursive;
  dirty.quiet = dirty.quiet && request.quiet;
  dirty.parked = false;
  // A quiet look belongs to the first tree walk, whatever caused it: snapshots wait for its end.
  if (request.pass == walk_.number() || request.quiet) walk_.count_in(dirty.pass);
  wake_worker_for(lock, id, request.pass != 0);
}

void Schedule::list_what_was_hidden(const Locked& lock, DirId id) {
  table_.at(id).hides = false;
  list(lock, id, {.recursive = true});
}

void Schedule::mark_later(const Locked&, int64_t at_ns, DirId id, std::string_view name, Mark mark) {
  if (timed_.add(at_ns, id, name, mark)) crew_.wake_reader();
}

void Schedule::make(const Locked& lock, const TimedMark& timed) {
  const DirId id = timed.directory;
  if (!table_.valid(id)) return;
  if (timed.mark.flags & kMarkOwn) return mark_own(lock, id);
  if (timed.name.empty()) return list(lock, id, {.quiet = is_first_look(lock, id)});
  mark(lock, id, timed.name, timed.mark.flags, timed.mark.inode);
  if (timed.mark.contested_since == 0 || !dirty_.has(id)) return;
  auto& names = dirty_.of(id, 0).names;
  const auto found = names.find(timed.name);
  if (found != names.end() && found->second.contested_since == 0) {
    found->second.contested_since = timed.mark.contested_since;
  }
}

void Schedule::wake_worker_for(const Locked& lock, DirId id, bool background) {
  if (table_.at(id).busy || dirty_.of(id, 0).parked) return;
  if (dirty_.enqueue(id, background)) crew_.wake_for(lock, background);
}

void Schedule::park(const Locked& lock, DirId id, DirtyDirectory& task, int64_t retry_ns) {
  if (!table_.valid(id)) return;
  // The same tree walk asked for it a second time while a thread owned it: both are one pending task from here on.
  const uint32_t walk = walk_.number();
  if (task.pass == walk && dirty_.has(id) && dirty_.of(id, 0).pass == walk) walk_.count_out(walk);
  mark_later(lock, monotonic_ns() + retry_ns, id, "", Mark{});
  dirty_.put_back(id, std::move(task), monotonic_ns());
  dirty_.of(id, 0).parked = true;
  task.pass = 0;  // it is still pending
}

void Schedule::want_root_check(const Locked&) {
  root_check_due = true;
  crew_.work.notify_one();
}

bool Schedule::may_wait(const Locked&, DirId id) const {
  return table_.valid(id) && table_.at(id).listed && !walk_.is_first();
}

bool Schedule::is_first_look(const Locked&, DirId parent) const {
  const Directory& directory = table_.at(parent);
  return walk_.is_first() && !directory.listed && !directory.appeared;
}

}  // namespace fustor
