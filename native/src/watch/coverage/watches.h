// Which directories are watched. Every directory is watched or, when that is not possible, listed from time to time
// (Polls).
//
// A directory has no watch because of the budget (the kernel's or our own), of permissions, or of a file system that
// refuses. File systems that other machines or processes change without an event (servers, FUSE daemons) are watched
// for changes of this machine, and in automatic mode polled besides. Each listing tries to set the watch again, so it
// uses watches that became free. When a polled directory is busy while the budget is spent, it takes the watch of one
// that has been quiet for long.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/spinning_mutex.h"
#include "fustor/watch_config.h"
#include "watch/coverage/polls.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"
#include "watch/schedule/schedule.h"
#include "watch/source/event_source.h"

namespace fustor {

class Watches {
 public:
  Watches(const WatchConfig& config, SpinningMutex& mutex, TreeTable& table, Schedule& schedule, EventSource& source,
          Crew& crew)
      : config_(config), mutex_(mutex), table_(table), schedule_(schedule), source_(source),
        polls_(config, table, schedule, crew) {}

  /**
   * Sets the watch of an open directory; also by the prioritizer, which does not own it. Called without the mutex, it
   * returns with it held. `error` not 0: why there is no watch; the directory is then polled. It may have left the
   * table meanwhile.
   */
  Locked arm(DirId id, int fd, int& error);
  /**
   * fanotify reports the chmod of a directory only when the directory itself is watched. Opens it with O_PATH, which is
   * enough for that.
   */
  void arm_unreadable(DirId id, int root_fd, const std::string& path);
  /** The directory leaves the table. */
  void forget_directory(const Locked& lock, DirId id) {
    forget(lock, id);
    polls_.forget(lock, id);
  }
  /** The directory gives up its share of a watch. */
  void forget(const Locked& lock, DirId id);
  /** The directories that share a watch, null when it ended a moment ago. Valid until the next change. */
  const std::vector<DirId>* owners(const Locked&, WatchId watch) const;
  /** The kernel ended the watch. */
  void has_ended(const Locked& lock, WatchId watch);
  /** The mounts changed: device numbers may belong to other file systems now. */
  void forget_devices(const Locked&) { elsewhere_devs_.clear(); }

  /** Watches that count against a limit. */
  uint64_t kernel_watches(const Locked&) const { return kernel_watches_; }
  /** Why the engine that was asked for by name cannot watch the root; 0 = it can. */
  int engine_error() const { return engine_error_; }
  /** When the root's file system was marked, 0 = not yet, or never. */
  int64_t marked_ns(const Locked&) const { return marked_ns_; }
  /** Releases its memory. */
  void release(const Locked& lock) {
    by_watch_ = {};
    polls_.release(lock);
  }
  Polls& polls() { return polls_; }
  const Polls& polls() const { return polls_; }

 private:
  using Owners = std::unordered_map<WatchId, std::vector<DirId>>;

  void note_watch(const Locked& lock, DirId id, WatchId watch);
  /** Whether the directory left the table while its watch was set; then the watch goes, too. */
  bool has_left(const Locked& lock, DirId id, int error, WatchId watch);
  /** Gives a watch back to the kernel. */
  void disarm(WatchId watch);
  /** Notes `error` as the reason why the directory has no watch, and returns it. */
  int refuse(const Locked& lock, DirId id, int error);
  void drop_owners(Owners::iterator found);
  /**
   * Takes the watch of a directory that has been quiet for long, if `id` itself is busy; false when there is none. It
   * looks at a sample, because any quiet one will do.
   */
  bool make_room_for(const Locked& lock, DirId id);
  /** Whether other machines change this file system without an event here. False but in automatic mode. */
  bool changes_elsewhere_on(const Locked& lock, uint64_t dev);

  const WatchConfig& config_;
  SpinningMutex& mutex_;
  TreeTable& table_;
  Schedule& schedule_;
  EventSource& source_;
  Polls polls_;
  Owners by_watch_;
  uint64_t kernel_watches_ = 0;
  std::unordered_map<uint64_t, bool> elsewhere_devs_;  // changes_elsewhere_on(), until the mounts change
  std::atomic<uint64_t> disarmed_{0};                  // how many watches were given back so far
  size_t cold_cursor_ = 0;                             // where make_room_for looks next
  std::atomic<int> engine_error_{0};
  int64_t marked_ns_ = 0;
};

}  // namespace fustor
