// One dirty directory at a time: open it, look, apply. The directory's owner (Directory::busy) alone makes the system
// calls, without the mutex.
//
// In the methods `fd` is the directory, open, and `path` its path. Errors are values of errno, 0 = none.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/spinning_mutex.h"
#include "watch/diff/diff.h"
#include "watch/life.h"
#include "watch/locked.h"
#include "watch/look/looker.h"
#include "watch/look/respelling.h"
#include "watch/mounts/mount_places.h"
#include "watch/root/root_keeper.h"
#include "watch/schedule/write_throttle.h"

namespace fustor {

class DirectoryTasks {
 public:
  DirectoryTasks(const WatchConfig& config, SpinningMutex& mutex, Life& life, TreeTable& table, DirtySet& dirty,
                 TreeWalk& walk, Root& root, Crew& crew, ChangeQueue& changes, Signal& signal, Schedule& schedule,
                 Reporter& reporter, Streams& streams, Devices& devices, MountsBelow& mounts, MountPlaces& places,
                 Watches& watches, Diff& diff, Looker& looker, RootKeeper& root_keeper, WriteThrottle& throttle)
      : config_(config), mutex_(mutex), life_(life), table_(table), dirty_(dirty), walk_(walk), root_(root),
        crew_(crew), changes_(changes), signal_(signal), schedule_(schedule), reporter_(reporter), streams_(streams),
        devices_(devices), mounts_(mounts), places_(places), watches_(watches), diff_(diff), looker_(looker),
        root_keeper_(root_keeper), throttle_(throttle), respelling_(mutex, table, devices, schedule, looker) {}

  /** Opens the directory beneath the root, looks and applies. The task keeps what has to be done again. */
  void run(DirId id, DirtyDirectory& task);
  bool is_too_deep(const std::string& path) const {
    return config_.max_path_bytes > 0 && path.size() > config_.max_path_bytes;
  }

 private:
  static constexpr size_t kApplyBatch = 1024;                // entries that are judged with the mutex held at once
  static constexpr int64_t kRetryNs = 5'000'000'000;         // until a directory that could not be read is looked at again
  /** What has to be known before the directory is opened. */
  struct Plan {
    std::shared_ptr<UniqueFd> root;
    std::string path;
    Identity expected;
    uint64_t parent_dev = 0;
    bool list = false;
    bool is_mount = false;
    bool new_device = false;
  };
  /** False when the root is not to be had; the task is parked then. */
  bool plan(DirId id, DirtyDirectory& task, Plan& plan);
  /** Whether the opened directory is the one that the table means; 0 or ESTALE. */
  int check_identity(DirId id, int fd, const FileStat& self, Plan& plan, DirtyDirectory& task);
  /**
   * A directory that is not entered because of its path: each row holds the whole path, so a few thousand directories
   * in one another would be hundreds of megabytes. The directory's own row is right, because what comes and goes in it
   * changes it.
   */
  void too_deep(DirId id, int fd, const DirtyDirectory& task);
  /** The directory lies on a file system that is not entered. */
  void bar(DirId id);
  /** Some directory above may not be searched. An event for the change of its mode will show which one. */
  void hidden_from_above(DirId id);
  /** `error` of the open: the task is parked, or the directory counts as unreadable with its rows kept. */
  void cannot_open(DirId id, DirtyDirectory& task, int error);
  /** False for pseudo file systems, and for mounts without cross_mounts. */
  bool may_enter(DirId id, int fd, const FileStat& self) const;

  /** Stats the marked names that are due and applies that. Waits while there is no room for changes. */
  void look_at_names(DirId id, int fd, const std::string& path, const DirtyDirectory& marked);
  /** What is looked at now. */
  struct Due {
    std::vector<std::pair<std::string, Mark>> names;
    bool own_row = false;  // the directory's own row, too
  };
  /** The other marked names, and the own row, are held back until their throttle time is over. */
  Due names_due(DirId id, const DirtyDirectory& task);
  bool flush(DirId id, std::vector<Observation>& observations, const LookContext& context);
  /**
   * Applies the observations, then waits while the agent fetches no changes, so that not even one huge directory fills
   * the memory. False when there is no point in going on: the engine stops, or the directory is gone or was given up.
   */
  bool flush(Locked& lock, DirId id, std::vector<Observation>& observations, const LookContext& context);
  void wait_for_room(Locked& lock, DirId id, uint32_t pass);

  // listing.cc

  /** Sets the watch, lists, stats every name, applies, and stats names that are missing once more. */
  void list_directory(DirId id, int fd, const std::string& path, const DirtyDirectory& task);
  /** Lists until the directory did not change meanwhile; the last observations are left for the caller to apply. */
  int list_until_calm(DirId id, int fd, const std::string& path, const LookContext& context, bool unwatched,
                      std::vector<Observation>& observations);
  /** One listing. Errors of getdents64, ELOOP when it never ends. */
  int list_once(DirId id, int fd, const std::string& path, const LookContext& context,
                std::vector<Observation>& observations);
  /**
   * In the middle of a listing, looks at what was marked since it began; false when there is no point in going on.
   */
  bool look_meanwhile(DirId id, int fd, const std::string& path, uint32_t pass);
  /** Names in the table that the last listing did not have. */
  std::vector<std::string> missing_names(const Locked& lock, DirId id) const;
  /** A name that is missing in a listing is a hint like any other: only a stat shows that the entry is gone. */
  void confirm_missing(DirId id, int fd, const std::string& path, std::vector<std::string> missing,
                       const LookContext& context);
  /** The listing is over; `error` = why not to its end. */
  void has_listed(const Locked& lock, DirId id, int error, uint32_t pass, bool unwatched);

  const WatchConfig& config_;
  SpinningMutex& mutex_;
  Life& life_;
  TreeTable& table_;
  DirtySet& dirty_;
  TreeWalk& walk_;
  Root& root_;
  Crew& crew_;
  ChangeQueue& changes_;
  Signal& signal_;
  Schedule& schedule_;
  Reporter& reporter_;
  Streams& streams_;
  Devices& devices_;
  MountsBelow& mounts_;
  MountPlaces& places_;
  Watches& watches_;
  Diff& diff_;
  Looker& looker_;
  RootKeeper& root_keeper_;
  WriteThrottle& throttle_;
  Respelling respelling_;
};

}  // namespace fustor
