// What each thread is at, so that the watchdog knows what it waits for.
#pragma once

#include "watch/hangs/regions.h"
#include "watch/locked.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

/** By the thread itself, around everything that may wait for a file system. */
class Jobs {
 public:
  Jobs(const Regions& regions, Crew& crew) : regions_(regions), crew_(crew) {}

  void begin(const Locked& lock, Job job, DirId directory, uint32_t pass) {
    ThreadWatch* watch = this_worker.watch;
    if (watch == nullptr) return;
    watch->job = job;
    watch->directory = directory;
    watch->region = job == Job::directory ? regions_.of(lock, directory) : kRootDir;
    watch->pass = pass;
    watch->seen_ns = 0;
    this_worker.step();
  }
  /** False when the job was given up meanwhile. */
  bool end(const Locked&) {
    ThreadWatch* watch = this_worker.watch;
    if (watch == nullptr) return true;
    watch->job = Job::none;
    this_worker.step();
    const bool kept = !watch->given_up.exchange(false);
    if (!watch->stuck) return kept;
    watch->stuck = false;
    crew_.has_come_back = true;  // others may go there again
    crew_.wake_reader();
    return kept;
  }

 private:
  const Regions& regions_;
  Crew& crew_;
};

}  // namespace fustor
