#include "watch/look/looker.h"

#include <cerrno>
#include <utility>

#include "fustor/clock.h"
#include "scan/mounts.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

Sighting Looker::look(int fd, const std::string& path, std::string name, Mark mark) const {
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
  const bool wanted = filter_.wants(path, sighting.name, sighting.stat.kind);
  if (!wanted || is_server_snapshot(fd, sighting.name)) sighting.error = ENOENT;
  return sighting;
}

/**
 * The directory must not wait for what is mounted in it. Without an answer the stat is made up from the table of
 * mounts.
 */
void Looker::look_at_mount(int fd, const std::string& path, uint64_t dev, Sighting& sighting) const {
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

OwnSighting Looker::look_at_own(int fd) const {
  OwnSighting own;
  own.sequence = next_sequence();
  own.seen = stat_at(fd, "", own.stat) == 0;
  this_worker.step();
  return own;
}

}  // namespace fustor
