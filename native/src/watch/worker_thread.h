// What a thread of the engine that looks at directories keeps for itself, and what the engine knows of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "watch/spelling.h"
#include "watch/storage_probe.h"
#include "watch/tree_table.h"

namespace fustor {

/** What a thread is at that may have to wait for a file system. */
enum class Job : uint8_t { none, directory, root, adoption };

/** One for each thread, known to the engine (engine_hangs.cc). What is not atomic is guarded by the engine's mutex. */
struct ThreadWatch {
  /** Moves with every answer of a file system: one that stands still in a job waits for one. Its own thread alone writes it. */
  std::atomic<uint32_t> steps{0};
  /** The engine has concluded that the job's directory cannot be read; whatever the thread still brings back does not count. */
  std::atomic<bool> given_up{false};
  std::atomic<int> kernel_id{0};  // as in /proc/self/task

  Job job = Job::none;
  bool takes_live = true;
  bool may_be_replaced = true;  // another thread takes over its share while it waits
  bool has_room = true;         // false while it waits for whoever drains the changes
  bool stuck = false;           // no answer for a while
  bool ended = false;
  DirId directory = kNoDir;
  DirId region = kRootDir;  // what it waits for: WatchEngine::region_of
  uint32_t pass = 0;        // of its task
  uint32_t seen_steps = 0;
  int64_t seen_ns = 0;  // since when the steps stand still
  std::thread thread;
  std::shared_ptr<void> keeps;  // the engine, once it has closed without waiting for this thread
};

/** Names in one directory at which a file system is mounted that may not answer, with its device number. */
using MountNames = std::map<std::string, uint64_t>;

struct WorkerThread {
  uint64_t entries_listed = 0;  // not yet paid for (pay_for_listing)
  bool takes_live = true;       // not only the work of passes
  bool is_listing = false;      // and counted in listing_workers_
  Spelling spelling = Spelling::unknown;  // on the file system of its task
  StorageProbe storage;
  ThreadWatch* watch = nullptr;  // null in threads that are not the engine's
  std::shared_ptr<const MountNames> mounts_here;  // names in the directory it is at below which a file system may not answer; null = none

  void step() {
    if (watch != nullptr) watch->steps.store(watch->steps.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  bool given_up() const { return watch != nullptr && watch->given_up.load(std::memory_order_relaxed); }
};

inline thread_local WorkerThread this_worker;

}  // namespace fustor
