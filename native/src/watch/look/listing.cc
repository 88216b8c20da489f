// A directory as a whole. The watch is set before the listing: what happens after that becomes a mark, and what
// happened before is in the listing.
#include <algorithm>

#include "base/dir_lister.h"
#include "watch/look/directory_tasks.h"
#include "watch/monotonic.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

namespace {
constexpr int kAttempts = 3;
}  // namespace

void DirectoryTasks::list_directory(DirId id, int fd, const std::string& path, const DirtyDirectory& task) {
  thread_local std::vector<Observation> observations;
  observations.clear();
  LookContext context = LookContext::of(task);
  int refusal = 0;
  Locked lock = watches_.arm(id, fd, refusal);
  const bool unwatched = refusal != 0;
  if (!table_.valid(id) || this_worker.given_up()) return;
  const bool was_unreadable = table_.at(id).unreadable != 0;
  table_.at(id).unreadable = 0;
  const uint32_t pass = walk_.number();  // whatever caused this listing, it counts for the running tree walk
  table_.at(id).seen_phase = !table_.at(id).seen_phase;
  lock.unlock();
  const int error = list_until_calm(id, fd, path, context, unwatched, observations);
  OwnObservation own = looker_.look_at_own(fd);
  lock.lock();
  flush(lock, id, observations, context);
  std::vector<std::string> missing;
  if (error == 0 && !this_worker.given_up()) missing = missing_names(lock, id);
  if (!missing.empty()) {
    lock.unlock();
    confirm_missing(id, fd, path, std::move(missing), context);
    own = looker_.look_at_own(fd);
    lock.lock();
  }
  // An audit may have reported it with `audit_skipped`, and only a realtime row takes that mark back at Fusion.
  context.announce = context.announce || (was_unreadable && error == 0);
  diff_.apply_own(lock, id, own, context);
  if (table_.valid(id) && !this_worker.given_up()) has_listed(lock, id, error, pass, unwatched);
}

int DirectoryTasks::list_until_calm(DirId id, int fd, const std::string& path, const LookContext& context,
                                    bool unwatched, std::vector<Observation>& observations) {
  int error = 0;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    FileStat before;
    FileStat after;
    if (unwatched) stat_at(fd, "", before);
    error = list_once(id, fd, path, context, observations);
    // Without a watch no event reports what a listing missed because the directory changed meanwhile.
    if (error != 0 || !unwatched || stat_at(fd, "", after) != 0) break;
    if (before.mtime.sec == after.mtime.sec && before.mtime.nsec == after.mtime.nsec) break;
    flush(id, observations, context);
  }
  return error;
}

int DirectoryTasks::list_once(DirId id, int fd, const std::string& path, const LookContext& context,
                              std::vector<Observation>& observations) {
  thread_local DirLister lister;
  const Filter& filter = looker_.filter();
  this_worker.storage.begin();
  const int error = lister.list(
      fd,
      [&](std::string_view name, unsigned char d_type) {
        if (life_.closing.load(std::memory_order_relaxed)) return false;
        if (!filter.wants(path, name, kind_of_dirent(d_type))) return true;
        observations.push_back(looker_.look(fd, path, std::string(name), Mark{}));
        this_worker.entries_listed++;
        if (observations.size() < kApplyBatch) return true;
        this_worker.storage.end();
        const bool go_on = flush(id, observations, context) && look_meanwhile(id, fd, path, context.pass);
        this_worker.storage.begin();
        return go_on;
      },
      nullptr);
  this_worker.storage.end();
  this_worker.step();
  return error;
}

bool DirectoryTasks::look_meanwhile(DirId id, int fd, const std::string& path, uint32_t pass) {
  DirtyDirectory marked;
  {
    const Locked lock(mutex_);
    if (!dirty_.has(id)) return true;
    marked.since_ns = dirty_.of(id, 0).since_ns;
    marked.names = dirty_.take_names(id);
  }
  if (marked.names.empty()) return true;
  marked.pass = pass;
  look_at_names(id, fd, path, marked);
  const Locked lock(mutex_);
  return !life_.stopping && table_.valid(id);
}

std::vector<std::string> DirectoryTasks::missing_names(const Locked&, DirId id) const {
  std::vector<std::string> missing;
  if (life_.stopping || !table_.valid(id)) return missing;
  const Directory& directory = table_.at(id);
  directory.each([&](const Entry& entry, std::string_view name) {
    if (static_cast<bool>(entry.flags & kSeenBit) != directory.seen_phase) missing.emplace_back(name);
  });
  return missing;
}

void DirectoryTasks::confirm_missing(DirId id, int fd, const std::string& path, std::vector<std::string> missing,
                                     const LookContext& context) {
  std::vector<Observation> observations;
  for (std::string& name : missing) {
    observations.push_back(looker_.look(fd, path, std::move(name), Mark{}));
    if (observations.size() < kApplyBatch) continue;
    respelling_.correct(id, fd, path, observations);
    if (!flush(id, observations, context)) return;
  }
  respelling_.correct(id, fd, path, observations);
  flush(id, observations, context);
}

void DirectoryTasks::has_listed(const Locked& lock, DirId id, int error, uint32_t pass, bool unwatched) {
  Directory& directory = table_.at(id);
  if (error != 0) directory.unreadable = error;
  if (error == 0) directory.listed_at = monotonic_seconds();
  directory.open_failures = 0;
  if (error != 0) schedule_.mark_later(lock, monotonic_ns() + kRetryNs, id, "", Mark{});
  directory.listed = true;
  reporter_.forget_early_deletes(lock, id);
  directory.pass = std::max(directory.pass, pass);
  // Its watch ended while it was listed; no look at its name followed then, because it did not count as listed yet.
  if (!unwatched && directory.watch == -1 && id != kRootDir) {
    schedule_.mark(lock, directory.parent, directory.name, kMarkVerify);
  }
  streams_.directory_listed(lock, id);
}

}  // namespace fustor
