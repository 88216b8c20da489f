// Changes that cannot wait for the tree walk.
//
// A fanotify mark also reports changes in directories that the tree walk has not listed yet, by their handle. The
// prioritizer opens the handle, reads its path, and puts the directories on the way from the root into the table,
// parents first; then the event becomes a mark like any other. The walk lists these directories later as it does all
// others and finds only the rest. While every worker is at a long listing, the prioritizer looks at marked names, too;
// it lists nothing itself.
//
// The prioritizer adds a directory without owning the parent, because a listing of the parent may take seconds. That
// is safe: it adds only what the table does not have, and marks the name afterwards. So the parent's owner looks at the
// name again, and a directory that went away between the prioritizer's stat and its entry in the table does not stay.
// When the parent's listing is still to come, that listing does the same.
#pragma once

#include <memory>
#include <string>

#include "watch/schedule/unknown_directories.h"
#include "watch/threads/workers.h"

namespace fustor {

class Prioritizer {
 public:
  Prioritizer(SpinningMutex& mutex, const Life& life, TreeTable& table, DirtySet& dirty, Root& root, Crew& crew,
              ChangeQueue& changes, Signal& signal, EventSource& source, UnknownDirectories& unknown_directories,
              Schedule& schedule, MountsBelow& mounts, MountPlaces& places, Watches& watches, Diff& diff,
              Looker& looker, RootKeeper& root_keeper, Jobs& jobs, const DirectoryTasks& tasks, Workers& workers)
      : mutex_(mutex), life_(life), table_(table), dirty_(dirty), root_(root), crew_(crew), changes_(changes),
        signal_(signal), source_(source), unknown_directories_(unknown_directories), schedule_(schedule),
        mounts_(mounts), places_(places), watches_(watches), diff_(diff), looker_(looker), root_keeper_(root_keeper),
        jobs_(jobs), tasks_(tasks), workers_(workers) {}

  /** The thread function, until the engine stops. */
  void loop();

 private:
  bool has_work(const Locked& lock) const;
  /**
   * Makes the prioritizer the owner of a directory for its marked names; false when there are none or it is not to be
   * had. A listing that is due as well waits for a worker.
   */
  bool take_names(const Locked& lock, DirId id, DirtyDirectory& task);
  /** Opens an unknown directory by its handle and puts it into the table, if it lies below the root. */
  void adopt(const UnknownDirectory& unknown);
  /** Watches it, and marks what came from it. */
  void mark_names(DirId id, int fd, Identity self, const UnknownDirectory& unknown);
  /** Puts every directory on the way to `path` into the table; kNoDir when one is filtered, moving or gone. */
  DirId adopt_chain(int root_fd, const std::string& path);
  /** One step of that: the child of `at`, which is at the path `above`. */
  DirId adopt_child(int root_fd, DirId at, const std::string& above, const std::string& name);
  /** Puts one directory into the table; kNoDir when its parent is not at `path` any more. */
  DirId adopt_one(const Locked& lock, DirId parent, const std::string& path, const Observation& observation);
  /** A directory on the file system `dev`, open; null when the tree has none there. */
  std::shared_ptr<UniqueFd> open_on_device(const std::shared_ptr<UniqueFd>& root, uint64_t dev);

  SpinningMutex& mutex_;
  const Life& life_;
  TreeTable& table_;
  DirtySet& dirty_;
  Root& root_;
  Crew& crew_;
  ChangeQueue& changes_;
  Signal& signal_;
  EventSource& source_;
  UnknownDirectories& unknown_directories_;
  Schedule& schedule_;
  MountsBelow& mounts_;
  MountPlaces& places_;
  Watches& watches_;
  Diff& diff_;
  Looker& looker_;
  RootKeeper& root_keeper_;
  Jobs& jobs_;
  const DirectoryTasks& tasks_;
  Workers& workers_;
};

}  // namespace fustor
