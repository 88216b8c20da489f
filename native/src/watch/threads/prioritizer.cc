#include "watch/threads/prioritizer.h"

#include <algorithm>
#include <cerrno>

#include "base/open_beneath.h"
#include "scan/mounts.h"

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

bool Prioritizer::has_work(const Locked&) const {
  if (life_.stopping) return true;
  if (life_.frozen) return false;
  if (unknown_directories_.waiting()) return true;
  return !root_.is_unavailable() && crew_.is_every_worker_listing() && dirty_.live_queued() && !changes_.full();
}

void Prioritizer::loop() {
  Locked lock(mutex_);
  for (;;) {
    crew_.prioritizer.wait(lock, [&] { return has_work(lock); });
    if (life_.stopping) return;
    if (unknown_directories_.waiting()) {
      const UnknownDirectory unknown = unknown_directories_.take();
      jobs_.begin(lock, Job::adoption, kRootDir, 0);
      crew_.prioritizer_looks = true;
      lock.unlock();
      adopt(unknown);
      lock.lock();
      crew_.prioritizer_looks = false;
      jobs_.end(lock);
      continue;
    }
    DirId id;
    DirtyDirectory task;
    if (dirty_.pop_live(id) && take_names(lock, id, task)) workers_.run(lock, id, task);
  }
}

bool Prioritizer::take_names(const Locked& lock, DirId id, DirtyDirectory& task) {
  if (!table_.valid(id) || table_.at(id).busy || !dirty_.has(id) || dirty_.of(id, 0).parked) return false;
  if (dirty_.of(id, 0).names.empty() && !dirty_.of(id, 0).self) {
    dirty_.enqueue(id, true);
    if (crew_.is_polite()) crew_.pass_work.notify_one();
    return false;
  }
  if (!workers_.take(lock, id, task)) return false;
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

void Prioritizer::adopt(const UnknownDirectory& unknown) {
  std::shared_ptr<UniqueFd> root;
  {
    Locked lock(mutex_);
    root = root_keeper_.open(lock);
  }
  if (root == nullptr) return;
  const std::shared_ptr<UniqueFd> mount = open_on_device(root, source_.device_of(unknown.handle()));
  if (mount == nullptr) return;
  UniqueFd directory;
  const int error = source_.open_unarmed(unknown.handle(), mount->get(), directory);
  FileStat self;
  if (error == EPERM) {
    const Locked lock(mutex_);
    source_.tell_unarmed(false);
    unknown_directories_.refuse_all();
  }
  if (error != 0 || stat_at(directory.get(), "", self) != 0) return;
  std::string path;
  const bool below = path_below(place_of(root->get()), place_of(directory.get()), path);
  const bool ours = below && !tasks_.is_too_deep(path);
  const DirId id = ours ? adopt_chain(root->get(), path) : kNoDir;
  {
    const Locked lock(mutex_);
    const bool barred = id != kNoDir && table_.valid(id) && table_.at(id).barred;
    if (!ours || barred) unknown_directories_.lies_elsewhere(unknown.key);
    if (id == kNoDir || !table_.valid(id) || !(table_.at(id).identity == identity_of(self)) || barred) return;
    // The prioritizer does not own it: should it be removed now, no other directory gets its id.
    table_.at(id).readers++;
  }
  mark_names(id, directory.get(), identity_of(self), unknown);
}

void Prioritizer::mark_names(DirId id, int fd, Identity self, const UnknownDirectory& unknown) {
  int error = 0;
  const Locked lock = watches_.arm(id, fd, error);
  table_.leave_reader(id);
  if (!table_.valid(id) || !(table_.at(id).identity == self)) return;
  schedule_.set_arrival(lock, unknown.since_ns);
  // These are reported in any case: a listing that came first reported nothing.
  for (const auto& [name, flags] : unknown.names) schedule_.mark(lock, id, name, flags | kMarkAnnounce);
  schedule_.set_arrival(lock, 0);
}

std::shared_ptr<UniqueFd> Prioritizer::open_on_device(const std::shared_ptr<UniqueFd>& root, uint64_t dev) {
  std::string path;
  {
    const Locked lock(mutex_);
    if (root_.identity.dev == dev) return root;
    const DirId found = mounts_.on_device(lock, dev);
    if (found == kNoDir) return nullptr;
    path = table_.path_of(found);
  }
  UniqueFd fd;
  if (open_directory_beneath(root->get(), path, fd) != 0) return nullptr;
  return std::make_shared<UniqueFd>(std::move(fd));
}

DirId Prioritizer::adopt_chain(int root_fd, const std::string& path) {
  DirId at = kRootDir;
  std::string above;
  for (std::string_view rest = path; !rest.empty() && at != kNoDir;) {
    const size_t slash = rest.find('/');
    const std::string name(rest.substr(0, slash));
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    {
      const Locked lock(mutex_);
      if (!table_.valid(at)) return kNoDir;
      if (table_.at(at).barred) return at;
    }
    at = adopt_child(root_fd, at, above, name);
    above += above.empty() ? name : "/" + name;
  }
  return at;
}

DirId Prioritizer::adopt_child(int root_fd, DirId at, const std::string& above, const std::string& name) {
  {
    const Locked lock(mutex_);
    const Entry* entry = table_.valid(at) ? table_.at(at).find(name) : nullptr;
    // Without a child it is becoming a directory, which its own marks report.
    if (entry != nullptr) return entry->child;
    this_worker.mounts_here = places_.mounts_in(lock, above);
  }
  UniqueFd parent;
  if (open_path_beneath(root_fd, above, parent) != 0) return kNoDir;
  const Observation observation = looker_.look(parent.get(), above, name, Mark{kMarkVerify});
  FileStat self;
  if (observation.error != 0 || observation.stat.kind != EntryKind::directory) return kNoDir;
  if (stat_at(parent.get(), "", self) != 0) return kNoDir;
  const Locked lock(mutex_);
  if (root_.is_unavailable() || !table_.valid(at) || !(table_.at(at).identity == identity_of(self))) return kNoDir;
  return adopt_one(lock, at, above, observation);
}

/** The parent was at that path when the prioritizer looked, and may have moved since. */
DirId Prioritizer::adopt_one(const Locked& lock, DirId parent, const std::string& path,
                             const Observation& observation) {
  if (!table_.reachable(parent) || table_.path_of(parent) != path) return kNoDir;
  const Entry* known = table_.at(parent).find(observation.name);
  if (known != nullptr) return known->child;
  if (table_.by_identity(identity_of(observation.stat)) != kNoDir) {  // a rename that no thread has looked at yet
    schedule_.mark(lock, parent, observation.name, kMarkVerify);
    return kNoDir;
  }
  const DirId child = diff_.apply_early(lock, parent, observation);
  signal_.changes(lock);
  return child;
}

}  // namespace fustor
