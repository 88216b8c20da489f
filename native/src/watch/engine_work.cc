// One dirty directory at a time: open it, look, apply. The directory's owner alone makes the system calls, without the
// mutex.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/open_beneath.h"
#include "fustor/clock.h"
#include "scan/dir_lister.h"
#include "scan/mounts.h"
#include "watch/monotonic.h"
#include "watch/snapshot_stream.h"
#include "watch/watch_engine.h"
#include "watch/worker_thread.h"

namespace fustor {

namespace {
constexpr size_t kApplyBatch = 1024;
constexpr int kListAttempts = 3;
constexpr uint8_t kOpenAttempts = 8;
constexpr int64_t kRetryNs = 5'000'000'000;
constexpr int64_t kSoonNs = 50'000'000;
constexpr uint16_t kChangesDirectory = kMarkCreated | kMarkGone | kMarkMovedTo | kMarkVerify;

bool is_stale(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ESTALE || error == EXDEV; }
bool is_exhausted(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }
}  // namespace

/** With the mutex held, which it releases while it opens the root. */
std::shared_ptr<UniqueFd> WatchEngine::root_fd(Lock& lock) {
  if (root_fd_ != nullptr) return root_fd_;
  const Identity expected = root_identity_;
  lock.unlock();
  auto opened = std::make_shared<UniqueFd>(::open(config_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  FileStat stat;
  const bool right = opened->get() >= 0 && stat_at(opened->get(), "", stat) == 0 && identity_of(stat) == expected;
  lock.lock();
  if (!right) {
    root_check_due_ = true;
    work_.notify_one();
    return nullptr;
  }
  root_fd_ = opened;
  return opened;
}

// This takes the mutex a few times for each directory and not more often: otherwise workers that list small directories
// would wait for each other.
void WatchEngine::run_task(DirId id, DirtyDirectory& task) {
  std::shared_ptr<UniqueFd> root;
  std::string path;
  Identity expected;
  uint64_t parent_dev;
  bool list;
  bool is_mount;
  bool new_device;
  {
    Lock lock(mutex_);
    root = root_fd(lock);
    if (root == nullptr) {
      park(id, task, kSoonNs);
      return;
    }
    path = table_.path_of(id);
    this_worker.mounts_here = mounts_in(path);
    expected = table_.at(id).identity;
    parent_dev = table_.valid(table_.at(id).parent) ? table_.at(table_.at(id).parent).identity.dev : 0;
    is_mount = !mounts_.empty() && mounts_.contains(id);
    const auto traits = devices_.find(expected.dev);
    new_device = traits == devices_.end();
    this_worker.spelling = new_device ? Spelling::unknown : traits->second.spelling;
    list = task.list || (!table_.at(id).listed && !task.names_only);
    // A listing is quiet (reports nothing) only when it is the first one of this directory and the first tree walk is
    // still running: then the snapshot, which ends after the walk, holds the rows.
    if (table_.at(id).listed || !pass_quiet_ || pass_ended_ == pass_) task.quiet = false;
    if (list && this_worker.takes_live) begin_listing();
  }
  UniqueFd directory;
  FileStat self{};
  this_worker.storage.begin();
  int error = open_directory_beneath(root->get(), path, directory);
  if (error == 0) error = stat_at(directory.get(), "", self);
  this_worker.storage.end();
  this_worker.step();
  if (this_worker.given_up()) return;
  if (error == 0 && new_device) learn_device(directory.get(), self.dev);
  if (error == 0 && !(identity_of(self) == expected)) {
    const bool returned = is_same_mount(id, directory.get(), self);
    error = returned || was_renumbered(id, self) ? 0 : ESTALE;
    if (error == 0) list = task.list = true;
    if (returned) task.recursive = true;
  } else if (error == 0 && is_mount && !is_known_mount(id, directory.get(), self)) {
    error = ESTALE;
  }
  if (error != 0) {
    if (error == EACCES) arm_unreadable(id, root->get(), path);
    if (error == EACCES && ::faccessat(root->get(), path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) hidden_from_above(id);
    cannot_open(id, task, error);
  } else if (is_too_deep(path)) {
    too_deep(id, directory.get(), task);
  } else if (parent_dev != self.dev && !may_enter(id, directory.get(), self)) {
    Lock lock(mutex_);
    table_.at(id).barred = table_.at(id).listed = true;
    for (SnapshotStream* snapshot : snapshots_) snapshot->directory_listed(id);
  } else {
    // Names come first, also before a listing: their flags say what a listing cannot see, for example that a file was
    // closed.
    if (!list || !task.names.empty()) look_at_names(id, directory.get(), path, task);
    if (list) list_directory(id, directory.get(), path, task);
  }
}

/**
 * The engine does not know or report anything below a directory whose path is too long: each row holds the whole path,
 * so a few thousand directories in one another would be hundreds of megabytes. The directory's own row is right,
 * because what comes and goes in it changes it.
 */
void WatchEngine::too_deep(DirId id, int fd, DirtyDirectory& task) {
  Lock lock(mutex_, std::defer_lock);
  arm(id, fd, lock);
  lock.unlock();
  const OwnSighting own = look_at_own(fd);
  lock.lock();
  if (!table_.valid(id) || this_worker.given_up()) return;
  Directory& directory = table_.at(id);
  std::vector<std::string> names;  // what is known in it: its path was shorter before
  for (const Entry& entry : directory.slots()) {
    if (!(entry.flags & kDead)) names.emplace_back(directory.name_of(entry));
  }
  for (const std::string& name : names) {
    Entry* entry = directory.find(name);
    if (entry->child != kNoDir) {
      leave(id, *entry, task);
    } else {
      Sighting gone;
      gone.name = name;
      apply_gone(id, gone, task);
    }
  }
  apply_own(id, own, task.announce, task.quiet, task.since_ns);
  directory.unreadable = ENAMETOOLONG;
  directory.listed = true;
  gone_early_.erase(id);
  for (SnapshotStream* snapshot : snapshots_) snapshot->directory_listed(id);
}

bool WatchEngine::may_enter(DirId id, int fd, const FileStat& self) const {
  if (id == kRootDir) return true;
  Lock lock(mutex_);
  const Directory& directory = table_.at(id);
  if (!table_.valid(id) || !table_.valid(directory.parent) || table_.at(directory.parent).identity.dev == self.dev) return true;
  const bool is_mount = is_mount_point(directory.parent, self);
  lock.unlock();
  return (config_.cross_mounts || !is_mount) && !is_pseudo_filesystem(fd);
}

/**
 * The task waits until a thread has looked at its name in the parent, or until retry_ns is over. With the mutex held.
 */
void WatchEngine::park(DirId id, DirtyDirectory& task, int64_t retry_ns) {
  if (!table_.valid(id)) return;
  // The same tree walk asked for it a second time while a thread owned it: both are one pending task from here on.
  if (task.pass != 0 && task.pass == pass_ && dirty_.has(id) && dirty_.of(id, 0).pass == pass_ && pass_pending_ > 0) pass_pending_--;
  hold_back(monotonic_ns() + retry_ns, id, "", Mark{});
  dirty_.put_back(id, std::move(task), monotonic_ns());
  dirty_.of(id, 0).parked = true;
  task.pass = 0;  // it is still pending
}

/** Some directory above may not be searched. An event for the change of its mode will show which one. */
void WatchEngine::hidden_from_above(DirId id) {
  Lock lock(mutex_);
  while (id != kRootDir && table_.valid(id)) {
    id = table_.at(id).parent;
    table_.at(id).hides = true;
  }
}

void WatchEngine::cannot_open(DirId id, DirtyDirectory& task, int error) {
  Lock lock(mutex_);
  if (!table_.valid(id) || this_worker.given_up()) return;
  Directory& directory = table_.at(id);
  if (id == kRootDir) root_check_due_ = true;
  if (id == kRootDir || is_exhausted(error)) {
    park(id, task, kSoonNs);
    return;
  }
  const bool lost = is_lost(id);  // no retry is needed: the mounts change when it is back
  if (is_stale(error) && !lost && directory.open_failures++ < kOpenAttempts) {
    park(id, task, kRetryNs);
    mark(directory.parent, directory.name, kMarkVerify);
    return;
  }
  // Unreadable: its contents stay as last known, and nothing in it counts as deleted.
  if (!lost) directory.unreadable = error;
  directory.listed = true;
  gone_early_.erase(id);
  directory.open_failures = 0;
  if (!lost) counts_.last_error = std::string("cannot read a directory: ") + std::strerror(error);
  if (!lost && error != EACCES && error != EPERM) hold_back(monotonic_ns() + kRetryNs, id, "", Mark{});
  for (SnapshotStream* snapshot : snapshots_) snapshot->directory_listed(id);
}

// ---- names ----------------------------------------------------------------------------------------------------------------------

/**
 * Writes to one file are reported at once, then at most once every throttle_ms until it is closed. The last look is
 * never lost.
 */
std::vector<std::pair<std::string, Mark>> WatchEngine::names_due(DirId id, DirtyDirectory& task) {
  std::vector<std::pair<std::string, Mark>> due;
  due.reserve(task.names.size());
  Lock lock(mutex_);
  const int64_t now = monotonic_ns();
  for (auto& [name, mark] : task.names) {
    const bool only_written = mark.flags != 0 && (mark.flags & ~(kMarkModified | kMarkDue)) == 0;
    if (only_written || !throttled_.empty()) {
      std::string key = std::to_string(id) + '/' + name;
      const auto found = throttled_.find(key);
      if (only_written && found != throttled_.end() && now < found->second.until_ns) {
        if (!found->second.scheduled) hold_back(found->second.until_ns, id, name, Mark{kMarkDue, 0, mark.inode});
        found->second.scheduled = true;
        continue;
      }
      if (only_written) {
        throttled_[std::move(key)] = {now + config_.throttle_ms * 1'000'000, false};
      } else if (found != throttled_.end() && mark.flags != kMarkYoung) {
        throttled_.erase(found);
      }
    }
    due.emplace_back(name, mark);
  }
  return due;
}

Sighting WatchEngine::look(int fd, const std::string& path, std::string name, Mark mark) const {
  Sighting sighting;
  sighting.name = std::move(name);
  sighting.flags = mark.flags;
  sighting.contested_since = mark.contested_since;
  sighting.inode = mark.inode;
  sighting.sequence = next_sequence();
  const MountNames* mounts = this_worker.mounts_here.get();
  const auto mount = mounts == nullptr ? MountNames::const_iterator{} : mounts->find(sighting.name);
  if (mounts != nullptr && mount != mounts->end()) {
    look_at_mount(fd, path, mount->second, sighting);
  } else {
    sighting.error = stat_at(fd, sighting.name.c_str(), sighting.stat);
  }
  this_worker.step();
  // What the filter leaves out counts as not there, also an entry that was there before it changed its kind.
  if (sighting.error != 0) return sighting;
  if (!filter_.wants(path, sighting.name, sighting.stat.kind) || is_server_snapshot(fd, sighting.name)) sighting.error = ENOENT;
  return sighting;
}

/**
 * The directory must not wait for what is mounted in it. Without an answer the stat is made up from the table of
 * mounts.
 */
void WatchEngine::look_at_mount(int fd, const std::string& path, uint64_t dev, Sighting& sighting) const {
  if (!filter_.wants(path, sighting.name, EntryKind::directory)) {
    sighting.error = ENOENT;  // a mount that the filter leaves out is not even asked
    return;
  }
  const std::string place = path.empty() ? sighting.name : path + '/' + sighting.name;
  sighting.error = prober_->stat(fd, sighting.name, place, sighting.stat);
  if (sighting.error == 0 || sighting.error == ENOENT || sighting.error == ENOTDIR) return;
  sighting.mount = true;
  sighting.stat = {};
  sighting.stat.kind = EntryKind::directory;
  sighting.stat.nlink = 1;
  sighting.stat.dev = dev;
}

void WatchEngine::look_at_names(DirId id, int fd, const std::string& path, DirtyDirectory& marked) {
  std::vector<Sighting> sightings;
  bool own_row = marked.self;
  auto due = names_due(id, marked);
  DirtyDirectory task;  // what the marks ask for; the listing does the rest
  task.quiet = false;
  task.announce = marked.announce;
  task.pass = marked.pass;
  task.since_ns = marked.since_ns;
  sightings.reserve(std::min(due.size(), kApplyBatch));
  for (auto& [name, mark] : due) {
    own_row = own_row || (mark.flags & kChangesDirectory);
    sightings.push_back(look(fd, path, std::move(name), mark));
    if (closing_.load(std::memory_order_relaxed)) return;
    if (sightings.size() < kApplyBatch) continue;
    correct_spellings(id, fd, path, sightings);
    if (!flush(id, sightings, task)) return;
  }
  correct_spellings(id, fd, path, sightings);
  OwnSighting own;
  if (own_row) own = look_at_own(fd);
  Lock lock(mutex_);
  flush(lock, id, sightings, task);
  if (table_.valid(id)) table_.at(id).open_failures = 0;
  if (own_row) apply_own(id, own, task.announce, task.quiet, task.since_ns);
  if (!changes_.empty() && !config_.raw) signal_readable();  // a listing may follow and take long
}

/**
 * False when there is no point in going on. It waits here while the agent fetches no changes, so that not even one huge
 * directory fills the memory.
 */
bool WatchEngine::flush(DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task) {
  Lock lock(mutex_);
  return flush(lock, id, sightings, task);
}

bool WatchEngine::flush(Lock& lock, DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task) {
  apply(id, sightings, task);
  sightings.clear();
  if (config_.raw) changes_.drop_changes();
  while (changes_.full() && !stopping_ && root_state_ != RootState::unavailable && !this_worker.given_up()) {
    signal_readable();
    if (this_worker.watch != nullptr) this_worker.watch->has_room = false;
    work_.wait(lock, [this] {
      return stopping_ || (root_check_due_ && !root_checking_) || root_state_ == RootState::unavailable || !changes_.full();
    });
    if (this_worker.watch != nullptr) this_worker.watch->has_room = true;
    this_worker.step();
    if (!root_check_due_ || root_checking_ || stopping_) continue;
    check_root_beside(lock, id, task.pass);
  }
  return !stopping_ && table_.valid(id) && !this_worker.given_up();
}

OwnSighting WatchEngine::look_at_own(int fd) const {
  OwnSighting own;
  own.sequence = next_sequence();
  own.seen = stat_at(fd, "", own.stat) == 0;
  this_worker.step();
  return own;
}

/** With the mutex held. */
void WatchEngine::apply_own(DirId id, const OwnSighting& own, bool announce, bool quiet, int64_t since_ns) {
  if (!own.seen || this_worker.given_up() || root_state_ == RootState::unavailable || !table_.valid(id) || !table_.reachable(id)) return;
  Directory& directory = table_.at(id);
  if (own.sequence <= directory.own_sequence) return;
  Entry* entry = id == kRootDir ? &table_.root_entry() : table_.at(directory.parent).find(directory.name);
  if (entry == nullptr || entry->child != id) return;
  directory.own_sequence = own.sequence;
  const bool changed = !is_same_file(*entry, own.stat);
  entry->assign(own.stat);
  // A first listing is quiet because the snapshot comes after it. But this row belongs to the parent, which the
  // snapshot may have passed already.
  if (!announce && (!changed || (quiet && id == kRootDir))) return;
  if (id == kRootDir) {
    counts_.changes++;
    changes_.upsert_root(own.stat, next_sequence(), since_ns);
  } else {
    report_directory(directory.parent, id, directory.name, own.stat, since_ns);
  }
}

// ---- listing --------------------------------------------------------------------------------------------------------------------

// The watch is set before the listing: what happens after that becomes a mark, and what happened before is in the
// listing.
void WatchEngine::list_directory(DirId id, int fd, const std::string& path, const DirtyDirectory& task) {
  thread_local std::vector<Sighting> sightings;
  sightings.clear();
  Lock lock(mutex_, std::defer_lock);
  const bool unwatched = arm(id, fd, lock) != 0;
  if (!table_.valid(id) || this_worker.given_up()) return;
  const bool was_unreadable = table_.at(id).unreadable != 0;
  table_.at(id).unreadable = 0;
  const uint32_t pass = pass_;  // whatever caused this listing, it counts for the running tree walk
  table_.at(id).seen_phase = !table_.at(id).seen_phase;
  lock.unlock();
  int error = 0;
  for (int attempt = 0; attempt < kListAttempts; attempt++) {
    FileStat before;
    FileStat after;
    if (unwatched) stat_at(fd, "", before);
    error = list_once(id, fd, path, task, sightings);
    // Without a watch no event reports what a listing missed because the directory changed meanwhile.
    if (error != 0 || !unwatched || stat_at(fd, "", after) != 0) break;
    if (before.mtime.sec == after.mtime.sec && before.mtime.nsec == after.mtime.nsec) break;
    flush(id, sightings, task);
  }
  OwnSighting own = look_at_own(fd);
  lock.lock();
  flush(lock, id, sightings, task);
  std::vector<std::string> missing;
  if (error == 0 && !this_worker.given_up()) missing = missing_names(id);
  if (!missing.empty()) {
    lock.unlock();
    confirm_missing(id, fd, path, std::move(missing), task);
    own = look_at_own(fd);
    lock.lock();
  }
  // An audit may have reported it with `audit_skipped`, and only a realtime row takes that mark back at Fusion.
  apply_own(id, own, task.announce || (was_unreadable && error == 0), task.quiet, task.since_ns);
  if (table_.valid(id) && !this_worker.given_up()) has_listed(id, error, pass, unwatched);
}

/** With the mutex held. */
void WatchEngine::has_listed(DirId id, int error, uint32_t pass, bool unwatched) {
  Directory& directory = table_.at(id);
  if (error != 0) directory.unreadable = error;
  if (error == 0) directory.listed_at = monotonic_seconds();
  directory.open_failures = 0;
  if (error != 0) hold_back(monotonic_ns() + kRetryNs, id, "", Mark{});
  if (!directory.listed) directory.shrink();
  directory.listed = true;
  gone_early_.erase(id);
  directory.pass = std::max(directory.pass, pass);
  // Its watch ended while it was listed; no look at its name followed then, because it did not count as listed yet.
  if (!unwatched && directory.watch == -1 && id != kRootDir) mark(directory.parent, directory.name, kMarkVerify);
  for (SnapshotStream* snapshot : snapshots_) snapshot->directory_listed(id);
}

/** The caller has to apply the last sightings. */
int WatchEngine::list_once(DirId id, int fd, const std::string& path, const DirtyDirectory& task, std::vector<Sighting>& sightings) {
  thread_local DirLister lister;
  this_worker.storage.begin();
  const int error = lister.list(
      fd,
      [&](std::string_view name, unsigned char d_type) {
        if (closing_.load(std::memory_order_relaxed)) return false;
        if (!filter_.wants(path, name, kind_of_dirent(d_type))) return true;
        sightings.push_back(look(fd, path, std::string(name), Mark{}));
        this_worker.entries_listed++;
        if (sightings.size() < kApplyBatch) return true;
        this_worker.storage.end();
        const bool go_on = flush(id, sightings, task) && look_meanwhile(id, fd, path, task);
        this_worker.storage.begin();
        return go_on;
      },
      nullptr);
  this_worker.storage.end();
  this_worker.step();
  return error;
}

/** What was marked since the listing began. False when there is no point in going on. */
bool WatchEngine::look_meanwhile(DirId id, int fd, const std::string& path, const DirtyDirectory& task) {
  DirtyDirectory marked;
  {
    Lock lock(mutex_);
    if (!dirty_.has(id)) return true;
    marked.since_ns = dirty_.of(id, 0).since_ns;
    marked.names = dirty_.take_names(id);
  }
  if (marked.names.empty()) return true;
  marked.pass = task.pass;
  look_at_names(id, fd, path, marked);
  Lock lock(mutex_);
  return !stopping_ && table_.valid(id);
}

/** What the last listing of a directory did not have. With the mutex held. */
std::vector<std::string> WatchEngine::missing_names(DirId id) const {
  std::vector<std::string> missing;
  if (stopping_ || !table_.valid(id)) return missing;
  const Directory& directory = table_.at(id);
  for (const Entry& entry : directory.slots()) {
    if (!(entry.flags & kDead) && static_cast<bool>(entry.flags & kSeenBit) != directory.seen_phase) {
      missing.emplace_back(directory.name_of(entry));
    }
  }
  return missing;
}

// A name that is missing in a listing is a hint like any other: only a stat shows that the entry is gone.
void WatchEngine::confirm_missing(DirId id, int fd, const std::string& path, std::vector<std::string> missing, const DirtyDirectory& task) {
  std::vector<Sighting> sightings;
  for (std::string& name : missing) {
    sightings.push_back(look(fd, path, std::move(name), Mark{}));
    if (sightings.size() < kApplyBatch) continue;
    correct_spellings(id, fd, path, sightings);
    if (!flush(id, sightings, task)) return;
  }
  correct_spellings(id, fd, path, sightings);
  flush(id, sightings, task);
}

}  // namespace fustor
