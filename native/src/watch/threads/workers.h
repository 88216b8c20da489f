// The threads that look at directories: workers, helpers for tree walks while storage is slow, and spare threads.
//
// The workers, one a processor, are enough while everything is in the kernel's caches: more threads would be in each
// other's way. While they wait for a disk or a server, more requests at the same time help. So a thread of a tree walk
// that waits for storage allows one helper more, and one that does not wait allows one less. Helpers do the work of
// tree walks alone, never realtime work. The engine starts a helper when it is allowed for the first time, and the
// helper sleeps until it is allowed again; there are at most kMostThreads threads in all. When the configuration sets a
// number of threads, it stays that number. With a limit on entries a second helpers would only reach the limit sooner.
//
// A throttled tree walk has threads of its own: a thread that lowered its priority cannot raise it again for realtime
// work.
#pragma once

#include "base/politeness.h"
#include "watch/look/directory_tasks.h"
#include "watch/threads/threads.h"
#include "watch/threads/watchdog.h"

namespace fustor {

class Workers {
 public:
  Workers(const WatchConfig& config, SpinningMutex& mutex, Life& life, TreeTable& table, DirtySet& dirty,
          TreeWalk& walk, Root& root, Crew& crew, ChangeQueue& changes, Signal& signal, Schedule& schedule,
          Links& links, Passes& passes, Regions& regions, Jobs& jobs, RootKeeper& root_keeper, DirectoryTasks& tasks,
          Threads& threads)
      : config_(config), mutex_(mutex), life_(life), table_(table), dirty_(dirty), walk_(walk), root_(root),
        crew_(crew), changes_(changes), signal_(signal), schedule_(schedule), links_(links), passes_(passes),
        regions_(regions), jobs_(jobs), root_keeper_(root_keeper), tasks_(tasks), threads_(threads),
        pass_limit_(config.politeness.entries_per_second) {}

  /** Throws std::system_error when the kernel grants no thread. */
  void start(const Locked& lock);
  /** Lets as many spare threads work as others are stuck; too few when the kernel grants no more (`last_error`). */
  void replace(const Locked& lock, bool live, size_t stuck);

  /**
   * Makes the calling thread the directory's owner; false when it is owned, gone, clean, parked or put aside, because
   * its file system does not answer.
   */
  bool take(const Locked& lock, DirId id, DirtyDirectory& task);
  /** The owner runs its task and gives the directory back. */
  void run(Locked& lock, DirId id, DirtyDirectory& task);

 private:
  // The thread functions, until the engine stops.
  void worker_loop(Duty duty);
  void helper_loop(size_t number);
  void spare_loop(Duty duty, size_t number);

  /** One piece of work: the root, a search for links, or a dirty directory. */
  void serve(Locked& lock, Duty duty);
  /** Takes the next dirty directory, if it is still dirty, runs its task and releases it. */
  void work_through(Locked& lock, Duty duty);
  /** Whether there is such work, or the engine stops. */
  bool is_needed(const Locked& lock, Duty duty) const;
  /** Whether a dirty directory waits, the root is there and there is room for changes. */
  bool may_take(const Locked& lock, Duty duty) const;
  /**
   * Gives the directory back. What came meanwhile is queued, and a task that was given up is put back as a listing.
   */
  void release(const Locked& lock, DirId id, DirtyDirectory& task);
  /**
   * After a task: whether the running tree walk should have one thread more, or one less. Starts a thread when it has
   * to; when there is none to be had, nothing changes.
   */
  void heed(const Locked& lock, StorageVerdict verdict);
  /**
   * Waits as long as scan_entries_per_second asks for what this thread has listed. Called after the directory was
   * released, so that no realtime work waits for it.
   */
  void pay_for_listing(Locked& lock);

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
  Links& links_;
  Passes& passes_;
  Regions& regions_;
  Jobs& jobs_;
  RootKeeper& root_keeper_;
  DirectoryTasks& tasks_;
  Threads& threads_;
  RateLimit pass_limit_;
};

}  // namespace fustor
