#include "watch/threads/workers.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/own_working_directory.h"
#include "base/storage_meter.h"
#include "watch/monotonic.h"

namespace fustor {

void Workers::start(const Locked& lock) {
  const unsigned cores = std::max(2u, std::thread::hardware_concurrency());
  const unsigned threads = config_.threads > 0 ? config_.threads : cores;
  const bool polite = crew_.is_polite();
  crew_.worker_count = threads;
  const bool adapts = config_.threads == 0 && !pass_limit_.limits() && threads < kMostThreads;
  if (adapts) crew_.most_helpers = kMostThreads - threads;
  for (unsigned i = 0; i < threads; i++) {
    threads_.start(lock, true, true, [this, polite] { worker_loop(polite ? Duty::live : Duty::any); });
    if (polite) threads_.start(lock, false, true, [this] { worker_loop(Duty::background); });
  }
}

void Workers::worker_loop(Duty duty) {
  take_own_working_directory();
  const bool only_passes = duty == Duty::background;
  if (only_passes) apply_politeness(config_.politeness);
  std::condition_variable& wake = only_passes ? crew_.pass_work : crew_.work;
  Locked lock(mutex_);
  for (;;) {
    wake.wait(lock, [&] { return is_needed(lock, duty); });
    if (life_.stopping) return;
    serve(lock, duty);
    if (only_passes) pay_for_listing(lock);
  }
}

/** In the place of a thread that waits for a file system which does not answer. */
void Workers::spare_loop(Duty duty, size_t number) {
  take_own_working_directory();
  const bool only_passes = duty == Duty::background;
  if (only_passes) apply_politeness(config_.politeness);
  const SpareThreads& spares = crew_.spares[only_passes ? 1 : 0];
  Locked lock(mutex_);
  for (;;) {
    crew_.spares_wake.wait(lock, [&] {
      return life_.stopping || (number < spares.allowed && is_needed(lock, duty));
    });
    if (life_.stopping) return;
    serve(lock, duty);
    if (only_passes) pay_for_listing(lock);
  }
}

void Workers::helper_loop(size_t number) {
  take_own_working_directory();
  apply_politeness(config_.politeness);
  Locked lock(mutex_);
  for (;;) {
    crew_.helpers_wake.wait(lock, [&] {
      return life_.stopping || (number < crew_.helpers_allowed && may_take(lock, Duty::background));
    });
    if (life_.stopping) return;
    work_through(lock, Duty::background);
  }
}

bool Workers::is_needed(const Locked& lock, Duty duty) const {
  const bool root_is_due = schedule_.root_check_due && !root_.is_being_checked;
  const bool other_work = duty != Duty::background && (root_is_due || links_.is_walk_due(lock));
  return life_.stopping || (!life_.frozen && (other_work || may_take(lock, duty)));
}

bool Workers::may_take(const Locked&, Duty duty) const {
  return !life_.frozen && dirty_.queued(duty) && !root_.is_unavailable() && !changes_.full();
}

void Workers::serve(Locked& lock, Duty duty) {
  if (duty == Duty::background) return work_through(lock, duty);
  if (schedule_.root_check_due && !root_.is_being_checked) return root_keeper_.check_now(lock);
  if (links_.is_walk_due(lock)) return links_.walk(lock, life_.stopping);
  work_through(lock, duty);
}

void Workers::work_through(Locked& lock, Duty duty) {
  DirId id;
  DirtyDirectory task;
  if (!dirty_.pop(id, duty) || !take(lock, id, task)) return;
  const bool listed = task.list;
  this_worker.storage.begin_task();
  run(lock, id, task);
  const StorageVerdict verdict = this_worker.storage.end_task();
  if (listed && crew_.most_helpers > 0) heed(lock, verdict);
}

void Workers::run(Locked& lock, DirId id, DirtyDirectory& task) {
  if (table_.reachable(id)) {
    lock.unlock();
    tasks_.run(id, task);
    lock.lock();
  }
  crew_.end_listing(lock);
  release(lock, id, task);
}

// ---- owners -------------------------------------------------------------------------------------------------------

bool Workers::take(const Locked& lock, DirId id, DirtyDirectory& task) {
  if (!table_.valid(id) || table_.at(id).busy || !dirty_.has(id) || dirty_.of(id, 0).parked) return false;
  if (const Region* region = regions_.put_aside(lock, id); region != nullptr) {
    if (region->hung) passes_.go_on_without(lock, id, ETIMEDOUT);
    return false;
  }
  task = dirty_.take(id);
  table_.at(id).busy = true;
  crew_.busy_workers++;
  jobs_.begin(lock, Job::directory, id, task.pass);
  return true;
}

void Workers::release(const Locked& lock, DirId id, DirtyDirectory& task) {
  const bool kept = jobs_.end(lock);
  const uint32_t pass = kept ? task.pass : 0;
  Directory& directory = table_.at(id);
  directory.busy = false;
  crew_.busy_workers--;
  if (!kept && directory.alive && !root_.is_unavailable()) {
    task.list = task.recursive = true;
    task.quiet = task.parked = task.in_live = task.in_background = false;
    task.pass = 0;
    dirty_.put_back(id, std::move(task), monotonic_ns());
  }
  if (!directory.alive) {
    if (directory.readers == 0) table_.recycle(id);
  } else if (dirty_.has(id)) {
    const DirtyDirectory& rest = dirty_.of(id, 0);
    schedule_.wake_worker_for(lock, id, rest.pass != 0 && rest.names.empty());
  }
  walk_.count_out(pass);
  passes_.finish_if_done(lock);
  table_.pack_idle(monotonic_seconds());
  if (crew_.busy_workers == 0 && !dirty_.queued()) root_.fd_used_ns = monotonic_ns();
  if (config_.raw) changes_.drop_changes();
  if (!changes_.empty()) signal_.changes(lock);
}

// ---- how many threads ---------------------------------------------------------------------------------------------

void Workers::heed(const Locked& lock, StorageVerdict verdict) {
  if (!walk_.is_running() || life_.stopping) return;
  if (verdict == StorageVerdict::quick && crew_.helpers_allowed > 0) crew_.helpers_allowed--;
  const bool more = verdict == StorageVerdict::slow && dirty_.queued(Duty::background);
  if (!more || crew_.helpers_allowed >= crew_.most_helpers) return;
  try {
    if (crew_.helpers_started == crew_.helpers_allowed) {
      threads_.start(lock, false, false, [this, number = crew_.helpers_started] { helper_loop(number); });
      crew_.helpers_started++;
    }
  } catch (const std::system_error&) {
    return;  // the kernel grants no thread
  }
  crew_.helpers_allowed++;
  crew_.helpers_wake.notify_all();
}

void Workers::replace(const Locked& lock, bool live, size_t stuck) {
  SpareThreads& spares = crew_.spares[live ? 0 : 1];
  spares.allowed = stuck;
  if (stuck == 0 || life_.stopping) return;
  const Duty duty = !live ? Duty::background : crew_.is_polite() ? Duty::live : Duty::any;
  try {
    while (spares.started < stuck && crew_.threads.size() < Threads::kMostInAll) {
      threads_.start(lock, live, true, [this, duty, number = spares.started] { spare_loop(duty, number); });
      spares.started++;
    }
  } catch (const std::system_error&) {
    life_.last_error = "no thread is to be had in the place of one that waits for a file system";
  }
  crew_.spares_wake.notify_all();
}

void Workers::pay_for_listing(Locked& lock) {
  const uint64_t entries = std::exchange(this_worker.entries_listed, 0);
  if (!pass_limit_.limits() || entries == 0) return;
  const auto pause = pass_limit_.take(entries, RateLimit::Clock::now());
  crew_.pass_work.wait_for(lock, pause, [this] { return life_.stopping; });
}

}  // namespace fustor
