#include "watch/look/directory_tasks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/open_beneath.h"
#include "scan/mounts.h"
#include "watch/monotonic.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

namespace {
constexpr uint8_t kOpenAttempts = 8;
constexpr int64_t kSoonNs = 50'000'000;
constexpr uint16_t kChangesDirectory = kMarkCreated | kMarkGone | kMarkMovedTo | kMarkVerify;

bool is_stale(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ESTALE || error == EXDEV;
}
bool is_exhausted(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }
}  // namespace

// This takes the mutex a few times for each directory and not more often: otherwise workers that list small directories
// would wait for each other.
void DirectoryTasks::run(DirId id, DirtyDirectory& task) {
  Plan plan;
  if (!this->plan(id, task, plan)) return;
  UniqueFd directory;
  FileStat self{};
  this_worker.storage.begin();
  int error = open_directory_beneath(plan.root->get(), plan.path, directory);
  if (error == 0) error = stat_at(directory.get(), "", self);
  this_worker.storage.end();
  this_worker.step();
  if (this_worker.given_up()) return;
  if (error == 0) error = check_identity(id, directory.get(), self, plan, task);
  if (error != 0) {
    const int root = plan.root->get();
    if (error == EACCES) watches_.arm_unreadable(id, root, plan.path);
    const bool hidden = error == EACCES && ::faccessat(root, plan.path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    if (hidden) hidden_from_above(id);
    cannot_open(id, task, error);
  } else if (is_too_deep(plan.path)) {
    too_deep(id, directory.get(), task);
  } else if (plan.parent_dev != self.dev && !may_enter(id, directory.get(), self)) {
    bar(id);
  } else {
    // Names come first, also before a listing: their flags say what a listing cannot see, for example that a file was
    // closed.
    if (!plan.list || !task.names.empty()) look_at_names(id, directory.get(), plan.path, task);
    if (plan.list) list_directory(id, directory.get(), plan.path, task);
  }
}

bool DirectoryTasks::plan(DirId id, DirtyDirectory& task, Plan& plan) {
  Locked lock(mutex_);
  plan.root = root_keeper_.open(lock);
  if (plan.root == nullptr) {
    schedule_.park(lock, id, task, kSoonNs);
    return false;
  }
  const Directory& directory = table_.at(id);
  plan.path = table_.path_of(id);
  this_worker.mounts_here = places_.mounts_in(lock, plan.path);
  plan.expected = directory.identity;
  if (table_.valid(directory.parent)) plan.parent_dev = table_.at(directory.parent).identity.dev;
  plan.is_mount = mounts_.has(lock, id);
  const DeviceTraits* traits = devices_.find(lock, plan.expected.dev);
  plan.new_device = traits == nullptr;
  this_worker.spelling = traits == nullptr ? Spelling::unknown : traits->spelling;
  plan.list = task.list || (!directory.listed && !task.names_only);
  // A listing is quiet (reports nothing) only when it is the first one of this directory and the first tree walk is
  // still running: then the snapshot, which ends after the walk, holds the rows.
  if (directory.listed || !walk_.is_first()) task.quiet = false;
  if (plan.list && this_worker.takes_live) crew_.begin_listing(lock, dirty_.live_queued());
  return true;
}

int DirectoryTasks::check_identity(DirId id, int fd, const FileStat& self, Plan& plan, DirtyDirectory& task) {
  if (plan.new_device) {
    const bool keeps_inodes = keeps_inode_numbers(fd);
    const Locked lock(mutex_);
    devices_.learn_inodes(lock, self.dev, keeps_inodes);
  }
  if (identity_of(self) == plan.expected) {
    return plan.is_mount && !mounts_.is_known_mount(id, fd, self) ? ESTALE : 0;
  }
  const bool returned = mounts_.is_same_mount(id, fd, self);
  if (!returned && !mounts_.was_renumbered(id, self)) return ESTALE;
  plan.list = task.list = true;
  if (returned) task.recursive = true;
  return 0;
}

void DirectoryTasks::too_deep(DirId id, int fd, const DirtyDirectory& task) {
  int error = 0;
  Locked lock = watches_.arm(id, fd, error);
  lock.unlock();
  const OwnObservation own = looker_.look_at_own(fd);
  lock.lock();
  if (!table_.valid(id) || this_worker.given_up()) return;
  diff_.apply_too_deep(lock, id, LookContext::of(task));
  diff_.apply_own(lock, id, own, LookContext::of(task));
  table_.at(id).unreadable = ENAMETOOLONG;
  table_.at(id).listed = true;
  reporter_.forget_early_deletes(lock, id);
  streams_.directory_listed(lock, id);
}

void DirectoryTasks::bar(DirId id) {
  const Locked lock(mutex_);
  table_.at(id).barred = table_.at(id).listed = true;
  streams_.directory_listed(lock, id);
}

bool DirectoryTasks::may_enter(DirId id, int fd, const FileStat& self) const {
  if (id == kRootDir) return true;
  Locked lock(mutex_);
  const Directory& directory = table_.at(id);
  if (!table_.valid(id) || !table_.valid(directory.parent)) return true;
  if (table_.at(directory.parent).identity.dev == self.dev) return true;
  const bool is_mount = mounts_.is_mount_point(lock, directory.parent, self);
  lock.unlock();
  return (config_.cross_mounts || !is_mount) && !is_pseudo_filesystem(fd);
}

void DirectoryTasks::hidden_from_above(DirId id) {
  const Locked lock(mutex_);
  while (id != kRootDir && table_.valid(id)) {
    id = table_.at(id).parent;
    table_.at(id).hides = true;
  }
}

void DirectoryTasks::cannot_open(DirId id, DirtyDirectory& task, int error) {
  const Locked lock(mutex_);
  if (!table_.valid(id) || this_worker.given_up()) return;
  Directory& directory = table_.at(id);
  if (id == kRootDir) schedule_.want_root_check(lock);
  if (id == kRootDir || is_exhausted(error)) return schedule_.park(lock, id, task, kSoonNs);
  const bool lost = mounts_.is_lost(lock, id);  // no retry is needed: the mounts change when it is back
  if (is_stale(error) && !lost && directory.open_failures++ < kOpenAttempts) {
    schedule_.park(lock, id, task, kRetryNs);
    schedule_.mark(lock, directory.parent, directory.name, kMarkVerify);
    return;
  }
  // Unreadable: its contents stay as last known, and nothing in it counts as deleted.
  if (!lost) directory.unreadable = error;
  directory.listed = true;
  reporter_.forget_early_deletes(lock, id);
  directory.open_failures = 0;
  if (!lost) life_.last_error = std::string("cannot read a directory: ") + std::strerror(error);
  if (!lost && error != EACCES && error != EPERM) {
    schedule_.mark_later(lock, monotonic_ns() + kRetryNs, id, "", Mark{});
  }
  streams_.directory_listed(lock, id);
}

// ---- names --------------------------------------------------------------------------------------------------------

DirectoryTasks::Due DirectoryTasks::names_due(DirId id, const DirtyDirectory& task) {
  using Answer = WriteThrottle::Answer;
  Due due;
  due.own_row = task.self;
  due.names.reserve(task.names.size());
  const Locked lock(mutex_);
  const int64_t now = monotonic_ns();
  for (const auto& [name, mark] : task.names) {
    const auto decision = throttle_.ask(id, name, mark.flags, now);
    if (decision.answer == Answer::now) {
      due.names.emplace_back(name, mark);
      due.own_row = due.own_row || (mark.flags & kChangesDirectory);
    }
    if (decision.answer != Answer::later) continue;
    schedule_.mark_later(lock, decision.until_ns, id, name, Mark{kMarkDue, 0, mark.inode});
  }
  if (!due.own_row || task.announce) return due;
  const auto own = throttle_.ask_own(id, now);
  due.own_row = own.answer == Answer::now;
  if (own.answer == Answer::later) schedule_.mark_later(lock, own.until_ns, id, "", Mark{kMarkOwn});
  return due;
}

void DirectoryTasks::look_at_names(DirId id, int fd, const std::string& path, const DirtyDirectory& marked) {
  std::vector<Observation> observations;
  auto [due, own_row] = names_due(id, marked);
  // What the marks ask for; the listing does the rest.
  const LookContext context{.announce = marked.announce, .pass = marked.pass, .since_ns = marked.since_ns};
  observations.reserve(std::min(due.size(), kApplyBatch));
  for (auto& [name, mark] : due) {
    observations.push_back(looker_.look(fd, path, std::move(name), mark));
    if (life_.closing.load(std::memory_order_relaxed)) return;
    if (observations.size() < kApplyBatch) continue;
    respelling_.correct(id, fd, path, observations);
    if (!flush(id, observations, context)) return;
  }
  respelling_.correct(id, fd, path, observations);
  OwnObservation own;
  if (own_row) own = looker_.look_at_own(fd);
  Locked lock(mutex_);
  flush(lock, id, observations, context);
  if (table_.valid(id)) table_.at(id).open_failures = 0;
  if (own_row) diff_.apply_own(lock, id, own, context);
  if (!changes_.empty() && !config_.raw) signal_.changes(lock);  // a listing may follow and take long
}

bool DirectoryTasks::flush(DirId id, std::vector<Observation>& observations, const LookContext& context) {
  Locked lock(mutex_);
  return flush(lock, id, observations, context);
}

bool DirectoryTasks::flush(Locked& lock, DirId id, std::vector<Observation>& observations, const LookContext& context) {
  diff_.apply(lock, id, observations, context);
  observations.clear();
  if (config_.raw) changes_.drop_changes();
  if (changes_.full()) wait_for_room(lock, id, context.pass);
  return !life_.stopping && table_.valid(id) && !this_worker.given_up();
}

void DirectoryTasks::wait_for_room(Locked& lock, DirId id, uint32_t pass) {
  const auto must_check_root = [this] { return schedule_.root_check_due && !root_.is_being_checked; };
  while (changes_.full() && !life_.stopping && !root_.is_unavailable() && !this_worker.given_up()) {
    signal_.changes(lock);
    if (this_worker.watch != nullptr) this_worker.watch->has_room = false;
    crew_.work.wait(lock, [&] {
      return life_.stopping || must_check_root() || root_.is_unavailable() || !changes_.full();
    });
    if (this_worker.watch != nullptr) this_worker.watch->has_room = true;
    this_worker.step();
    if (must_check_root() && !life_.stopping) root_keeper_.check_beside(lock, id, pass);
  }
}

}  // namespace fustor
