// Changes that cannot wait for the tree walk.
//
// A fanotify mark also reports changes in directories that the tree walk has not listed yet, by their handle. The scout
// opens the handle, reads its path, and puts the directories on the way from the root into the table, parents first;
// then the event becomes a mark like any other. The walk lists these directories later as it does all others and finds
// only the rest.
//
// The scout adds a directory without owning the parent, because a listing of the parent may take seconds. That is safe:
// it adds only what the table does not have, and marks the name afterwards. So the parent's owner looks at the name
// again, and a directory that went away between the scout's stat and its entry in the table does not stay. When the
// parent's listing is still to come, that listing does the same.
#include <algorithm>
#include <cerrno>

#include "base/open_beneath.h"
#include "fustor/clock.h"
#include "scan/mounts.h"
#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
/** False when `place` is not `root` or below it. */
bool path_below(const std::string& root, const std::string& place, std::string& path) {
  if (root.empty() || place.empty()) return false;
  const std::string prefix = root == "/" ? root : root + "/";
  path = place == root ? "" : place.substr(std::min(place.size(), prefix.size()));
  return place == root || place.starts_with(prefix);
}
}  // namespace

void WatchEngine::scout_loop() {
  Lock lock(mutex_);
  for (;;) {
    const auto live = [this] { return listing_workers_ >= worker_count_ && dirty_.live_queued() && !changes_.full(); };
    scout_.wait(lock, [&] { return stopping_ || strangers_.waiting() || (root_state_ != RootState::unavailable && live()); });
    if (stopping_) return;
    if (strangers_.waiting()) {
      const Stranger stranger = strangers_.take();
      begin_job(Job::adoption, kRootDir, 0);
      lock.unlock();
      adopt(stranger);
      lock.lock();
      end_job();
      continue;
    }
    DirId id;
    DirtyDirectory task;
    if (!dirty_.pop_live(id) || !names_of(id, task)) continue;
    if (table_.reachable(id)) {
      lock.unlock();
      run_task(id, task);
      lock.lock();
    }
    release(id, task);
  }
}

/** Takes the marked names alone; a listing that is due as well waits for a worker. */
bool WatchEngine::names_of(DirId id, DirtyDirectory& task) {
  if (!table_.valid(id) || table_.at(id).busy || !dirty_.has(id) || dirty_.of(id, 0).parked) return false;
  if (dirty_.of(id, 0).names.empty() && !dirty_.of(id, 0).self) {
    dirty_.enqueue(id, true);
    if (config_.politeness.asks_for_anything()) pass_work_.notify_one();
    return false;
  }
  if (!take_task(id, task)) return false;
  if (task.list || !table_.at(id).listed) {
    DirtyDirectory rest = task;
    rest.names.clear();
    rest.in_live = rest.in_background = rest.self = false;
    dirty_.put_back(id, std::move(rest), task.since_ns);
    dirty_.of(id, 0).in_background = task.in_background;  // it is still in that queue and must not be added again
    task.list = false;
    task.pass = 0;  // the listing is still pending
  }
  task.names_only = true;
  return true;
}

/** From the reader, with the mutex held. */
void WatchEngine::meet(const KernelEvent& event) {
  if (root_state_ == RootState::unavailable || !scouting_) return;
  if (strangers_.add(event.handle, event.name, flags_of(event.mask), now_ns_)) scout_.notify_one();
}

void WatchEngine::adopt(const Stranger& stranger) {
  std::shared_ptr<UniqueFd> root;
  {
    Lock lock(mutex_);
    root = root_fd(lock);
  }
  if (root == nullptr) return;
  const std::shared_ptr<UniqueFd> mount = open_on_device(root, source_->device_of(stranger.handle()));
  if (mount == nullptr) return;
  UniqueFd directory;
  const int error = source_->open_unarmed(stranger.handle(), mount->get(), directory);
  FileStat self;
  if (error == EPERM) {
    Lock lock(mutex_);
    scouting_ = false;
    source_->tell_unarmed(false);
    strangers_.clear();
  }
  if (error != 0 || stat_at(directory.get(), "", self) != 0) return;
  std::string path;
  const bool ours = path_below(place_of(root->get()), place_of(directory.get()), path) && !is_too_deep(path);
  const DirId id = ours ? adopt_chain(root->get(), path) : kNoDir;
  Lock lock(mutex_);
  if (!ours || (id != kNoDir && table_.valid(id) && table_.at(id).barred)) strangers_.lies_elsewhere(stranger.key);
  if (id == kNoDir || !table_.valid(id) || !(table_.at(id).identity == identity_of(self)) || table_.at(id).barred) return;
  table_.at(id).readers++;  // the scout does not own it: should it be removed meanwhile, no other directory gets its id
  lock.unlock();
  arm(id, directory.get(), lock);
  table_.leave_reader(id);
  if (!table_.valid(id) || !(table_.at(id).identity == identity_of(self))) return;
  now_ns_ = stranger.since_ns;
  // These are reported in any case: a listing that came first reported nothing.
  for (const auto& [name, flags] : stranger.names) mark(id, name, flags | kMarkAnnounce);
  now_ns_ = 0;
}

/** A descriptor on the file system with that device number; null when the tree has no directory there. */
std::shared_ptr<UniqueFd> WatchEngine::open_on_device(const std::shared_ptr<UniqueFd>& root, uint64_t dev) {
  std::string path;
  {
    Lock lock(mutex_);
    if (root_identity_.dev == dev) return root;
    DirId found = kNoDir;
    for (const auto& [id, mount] : mounts_) {
      if (table_.valid(id) && table_.reachable(id) && table_.at(id).identity.dev == dev && !lost_mounts_.contains(id)) found = id;
    }
    if (found == kNoDir) return nullptr;
    path = table_.path_of(found);
  }
  UniqueFd fd;
  if (open_directory_beneath(root->get(), path, fd) != 0) return nullptr;
  return std::make_shared<UniqueFd>(std::move(fd));
}

/** The directory at a raw path, put into the table with those above it; kNoDir when one is filtered, moving or gone. */
DirId WatchEngine::adopt_chain(int root_fd, const std::string& path) {
  DirId at = kRootDir;
  std::string above;
  for (std::string_view rest = path; !rest.empty() && at != kNoDir;) {
    const size_t slash = rest.find('/');
    const std::string name(rest.substr(0, slash));
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    DirId next = kNoDir;
    {
      Lock lock(mutex_);
      if (!table_.valid(at) || table_.at(at).barred) return table_.valid(at) ? at : kNoDir;
      const Entry* entry = table_.at(at).find(name);
      // It is becoming a directory, which its own marks report.
      if (entry != nullptr && entry->child == kNoDir) return kNoDir;
      if (entry != nullptr) next = entry->child;
      this_worker.mounts_here = mounts_in(above);
    }
    if (next == kNoDir) {
      UniqueFd parent;
      if (open_path_beneath(root_fd, above, parent) != 0) return kNoDir;
      const Sighting sighting = look(parent.get(), above, name, Mark{kMarkVerify});
      FileStat self;
      if (sighting.error != 0 || sighting.stat.kind != EntryKind::directory || stat_at(parent.get(), "", self) != 0) return kNoDir;
      Lock lock(mutex_);
      if (root_state_ == RootState::unavailable || !table_.valid(at) || !(table_.at(at).identity == identity_of(self))) return kNoDir;
      next = adopt_one(at, above, sighting);
    }
    above += above.empty() ? name : "/" + name;
    at = next;
  }
  return at;
}

/** With the mutex held. The parent was at that path when the scout looked, and may have moved since. */
DirId WatchEngine::adopt_one(DirId parent, const std::string& path, const Sighting& sighting) {
  if (!table_.reachable(parent) || table_.path_of(parent) != path) return kNoDir;
  const Entry* known = table_.at(parent).find(sighting.name);
  if (known != nullptr) return known->child;
  if (table_.by_identity(identity_of(sighting.stat)) != kNoDir) {  // a rename that no thread has looked at yet
    mark(parent, sighting.name, kMarkVerify);
    return kNoDir;
  }
  const int64_t now = monotonic_ns();
  const DirId child = table_.add(parent, sighting.name, identity_of(sighting.stat), false);
  table_.at(child).own_sequence = sighting.sequence;
  table_.at(parent).insert(sighting.name, sighting.stat).child = child;
  table_.entry_count++;
  note_mount(parent, child, sighting);
  report_directory(parent, child, sighting.name, sighting.stat, now);
  DirtyDirectory from;
  from.recursive = true;
  from.pass = pass_ended_ == pass_ ? 0 : pass_;
  from.since_ns = now;
  const bool quiet = is_first_look(parent) && !was_told_gone(parent, sighting.name);
  table_.at(child).appeared = !quiet;
  mark_list(child, from, false, quiet);
  mark(parent, sighting.name, kMarkVerify);
  signal_readable();
  return child;
}

}  // namespace fustor
