#include "watch/look/looker.h"

#include <cerrno>
#include <utility>

#include "fustor/clock.h"
#include "scan/mounts.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

Observation Looker::look(int fd, const std::string& path, std::string name, Mark mark) const {
  Observation observation;
  observation.name = std::move(name);
  observation.flags = mark.flags;
  observation.contested_since = mark.contested_since;
  observation.inode = mark.inode;
  observation.sequence = next_sequence();
  const MountNames* mounts = this_worker.mounts_here.get();
  const auto mount = mounts == nullptr ? MountNames::const_iterator{} : mounts->find(observation.name);
  if (mounts != nullptr && mount != mounts->end()) {
    look_at_mount(fd, path, mount->second, observation);
  } else {
    observation.error = stat_at(fd, observation.name.c_str(), observation.stat);
  }
  this_worker.step();
  // What the filter leaves out counts as not there, also an entry that was there before it changed its kind.
  if (observation.error != 0) return observation;
  const bool wanted = filter_.wants(path, observation.name, observation.stat.kind);
  if (!wanted || is_server_snapshot(fd, observation.name)) observation.error = ENOENT;
  return observation;
}

/**
 * The directory must not wait for what is mounted in it. Without an answer the stat is made up from the table of
 * mounts.
 */
void Looker::look_at_mount(int fd, const std::string& path, uint64_t dev, Observation& observation) const {
  if (!filter_.wants(path, observation.name, EntryKind::directory)) {
    observation.error = ENOENT;  // a mount that the filter leaves out is not even asked
    return;
  }
  const std::string place = path.empty() ? observation.name : path + '/' + observation.name;
  observation.error = prober_->stat(fd, observation.name, place, observation.stat);
  if (observation.error == 0 || observation.error == ENOENT || observation.error == ENOTDIR) return;
  observation.mount = true;
  observation.stat = {};
  observation.stat.kind = EntryKind::directory;
  observation.stat.nlink = 1;
  observation.stat.dev = dev;
}

OwnObservation Looker::look_at_own(int fd) const {
  OwnObservation own;
  own.sequence = next_sequence();
  own.seen = stat_at(fd, "", own.stat) == 0;
  this_worker.step();
  return own;
}

}  // namespace fustor
