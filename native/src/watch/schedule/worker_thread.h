// What a thread of the engine keeps for itself, and what the engine knows about the thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/spelling.h"
#include "base/storage_meter.h"
#include "watch/model/tree_table.h"

namespace fustor {

/** What a thread does that may have to wait for a file system. */
enum class Job : uint8_t { none, directory, root, adoption };

/** One for each thread, known to the engine (watchdog.h). The engine's mutex guards what is not atomic. */
struct ThreadWatch {
  /**
   * Grows with every answer of a file system: when it stands still during a job, the thread waits. Its own thread alone
   * writes it.
   */
  std::atomic<uint32_t> steps{0};
  /**
   * The engine has concluded that the job's directory cannot be read; the engine ignores what the thread still brings
   * back.
   */
  std::atomic<bool> given_up{false};
  std::atomic<int> kernel_id{0};  // as in /proc/self/task

  Job job = Job::none;
  bool takes_live = true;
  bool may_be_replaced = true;  // while it waits, another thread does its share
  bool has_room = true;         // false while it waits until the agent fetches changes
  bool stuck = false;           // no answer for a while
  bool ended = false;
  DirId directory = kNoDir;
  DirId region = kRootDir;  // the mount it is in: WatchEngine::region_of
  uint32_t pass = 0;        // of its task
  uint32_t seen_steps = 0;
  int64_t seen_ns = 0;  // since when the steps stand still
  std::thread thread;
  std::shared_ptr<void> keeps;  // the engine, when it has closed without waiting for this thread
};

/** Names in one directory that are mounts which may not answer, with their device numbers. */
using MountNames = std::map<std::string, uint64_t>;

/** State of the calling thread, without a lock. */
struct WorkerThread {
  uint64_t entries_listed = 0;  // not yet counted by scan_entries_per_second (pay_for_listing)
  bool takes_live = true;       // also realtime work, not only that of tree walks
  bool is_listing = false;      // and listing_workers_ counts it
  Spelling spelling = Spelling::unknown;  // on the file system of its task
  SectionMeter storage;
  ThreadWatch* watch = nullptr;  // null in threads that are not the engine's
  std::shared_ptr<const MountNames> mounts_here;  // mounts in its present directory that may not answer; null = none

  /** After each answer of a file system. */
  void step() {
    if (watch != nullptr)
      watch->steps.store(watch->steps.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /** Ask it after each answer of a file system: when true, stop without applying anything. */
  bool given_up() const { return watch != nullptr && watch->given_up.load(std::memory_order_relaxed); }
};

inline thread_local WorkerThread this_worker;

}  // namespace fustor
