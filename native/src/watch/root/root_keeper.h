// The root: whether it is there, and whether it is the one it was.
//
// What is not there at the moment was not deleted. When the root is missing, unmounted or replaced, the engine reports
// no delete: the watch is unavailable and its table stays. When the same directory is back, the engine reports the
// differences. When the operator confirms the other directory that stands there, deletes are differences, too. The same
// holds for the contents of a file system mounted below the root (MountsBelow).
#pragma once

#include <memory>
#include <string>

#include "base/filter.h"
#include "base/spinning_mutex.h"
#include "watch/coverage/watches.h"
#include "watch/hangs/jobs.h"
#include "watch/life.h"
#include "watch/locked.h"
#include "watch/model/root.h"
#include "watch/mounts/mount_places.h"
#include "watch/passes/passes.h"
#include "watch/schedule/write_throttle.h"

namespace fustor {

class RootKeeper {
 public:
  RootKeeper(const WatchConfig& config, const Filter& filter, SpinningMutex& mutex, Life& life, TreeTable& table,
             DirtySet& dirty, TreeWalk& walk, Root& root, Crew& crew, Signal& signal,
             UnknownDirectories& unknown_directories,
             Schedule& schedule, Reporter& reporter, Streams& streams, MountsBelow& mounts, MountPlaces& places,
             Watches& watches, Regions& regions, Jobs& jobs, Passes& passes, WriteThrottle& throttle)
      : config_(config), filter_(filter), mutex_(mutex), life_(life), table_(table), dirty_(dirty), walk_(walk),
        root_(root), crew_(crew), signal_(signal), unknown_directories_(unknown_directories), schedule_(schedule),
        reporter_(reporter),
        streams_(streams), mounts_(mounts), places_(places), watches_(watches), regions_(regions), jobs_(jobs),
        passes_(passes), throttle_(throttle) {}

  /** The open root; null when it is not there or another one, and then the root is checked soon. */
  std::shared_ptr<UniqueFd> open(Locked& lock);
  /** Opens the root and compares it with the known one. One thread at a time, so a root that hangs keeps one. */
  void check_now(Locked& lock);
  /** The same by a thread that owns a directory and waits for room for its changes. */
  void check_beside(Locked& lock, DirId id, uint32_t pass);
  /**
   * The root is unavailable: nothing counts as deleted, streams fail with ENOENT. `standing` is the identity of another
   * directory at the root, which the operator can confirm.
   */
  void lose(const Locked& lock, const std::string& reason, const std::string& standing);
  /** The mounts of this process have changed. */
  void read_mounts(const Locked& lock);
  /** Closes the descriptor of the root when nothing needed it for a while. */
  void close_idle(const Locked& lock, int64_t now_ns);
  /** When that is due; INT64_MAX when the descriptor is in use or closed. */
  int64_t next_ns(const Locked& lock) const;
  /** The operator accepts what stands there; false when there was nothing to accept. */
  bool confirm(const Locked& lock);

 private:
  void check();
  /** Whether the opened directory may be the root; takes it over then. */
  void compare(int fd, const FileStat& stat, const std::string& seen, const std::string& place);
  void lost(const std::string& reason, const std::string& standing = {});
  /** The same root under another inode number of its file system. */
  void renumbered(const Locked& lock, Identity identity);
  /** The root is there, for the first time, again, or `another` one that was confirmed: begins a tree walk. */
  void found(const Locked& lock, Identity identity, const std::string& text, bool another);

  const WatchConfig& config_;
  const Filter& filter_;
  SpinningMutex& mutex_;
  Life& life_;
  TreeTable& table_;
  DirtySet& dirty_;
  TreeWalk& walk_;
  Root& root_;
  Crew& crew_;
  Signal& signal_;
  UnknownDirectories& unknown_directories_;
  Schedule& schedule_;
  Reporter& reporter_;
  Streams& streams_;
  MountsBelow& mounts_;
  MountPlaces& places_;
  Watches& watches_;
  Regions& regions_;
  Jobs& jobs_;
  Passes& passes_;
  WriteThrottle& throttle_;
};

}  // namespace fustor
