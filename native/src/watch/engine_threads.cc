// The threads that look at directories: workers, and helpers for tree walks while storage is slow.
//
// The workers, one a processor, are enough while everything is in the kernel's caches: more threads would be in each
// other's way. While they wait for a disk or a server, more requests at the same time help. So a thread of a tree walk
// that waits for storage allows one helper more, and one that does not wait allows one less. Helpers do the work of
// tree walks alone, never realtime work. The engine starts a helper when it is allowed for the first time, and the
// helper sleeps until it is allowed again; there are at most kMostThreads threads in all. When the configuration sets a
// number of threads, it stays that number. With a limit on entries a second helpers would only reach the limit sooner.
#include <system_error>
#include <utility>

#include "watch/monotonic.h"
#include "watch/own_working_directory.h"
#include "watch/watch_engine.h"
#include "watch/worker_thread.h"

namespace fustor {

// A throttled tree walk has threads of its own: a thread that lowered its priority cannot raise it again for realtime
// work.
void WatchEngine::worker_loop(Duty duty) {
  take_own_working_directory();
  const bool only_passes = duty == Duty::background;
  if (only_passes) apply_politeness(config_.politeness);
  std::condition_variable& wake = only_passes ? pass_work_ : work_;
  Lock lock(mutex_);
  for (;;) {
    wake.wait(lock, [this, duty] { return is_needed(duty); });
    if (stopping_) return;
    serve(lock, duty);
    if (only_passes) pay_for_listing(lock);
  }
}

/** In the place of a thread that waits for a file system which does not answer. */
void WatchEngine::spare_loop(Duty duty, size_t number) {
  take_own_working_directory();
  const bool only_passes = duty == Duty::background;
  if (only_passes) apply_politeness(config_.politeness);
  Lock lock(mutex_);
  for (;;) {
    spares_wake_.wait(lock, [&] { return stopping_ || (number < spares_[only_passes ? 1 : 0].allowed && is_needed(duty)); });
    if (stopping_) return;
    serve(lock, duty);
    if (only_passes) pay_for_listing(lock);
  }
}

bool WatchEngine::is_needed(Duty duty) const {
  return stopping_ || (duty != Duty::background && ((root_check_due_ && !root_checking_) || link_walk_due_)) || may_take(duty);
}

void WatchEngine::serve(Lock& lock, Duty duty) {
  if (duty == Duty::background) return work_through(lock, duty);
  if (root_check_due_ && !root_checking_) return check_root_now(lock);
  if (!link_walk_due_) return work_through(lock, duty);
  link_walk_due_ = false;
  lock.unlock();
  find_links();
  lock.lock();
}

/** One thread at a time, so that a root which does not answer keeps one thread only. */
void WatchEngine::check_root_now(Lock& lock) {
  root_check_due_ = false;
  root_checking_ = true;
  begin_job(Job::root, kRootDir, 0);
  lock.unlock();
  check_root();
  lock.lock();
  end_job();
  root_checking_ = false;
  if (root_check_due_) work_.notify_one();
}

/** The same for a thread that waits in the middle of a task. */
void WatchEngine::check_root_beside(Lock& lock, DirId id, uint32_t pass) {
  check_root_now(lock);
  begin_job(Job::directory, id, pass);
}

/** Takes the next directory of the queue, if it is still dirty. */
void WatchEngine::work_through(Lock& lock, Duty duty) {
  DirId id;
  DirtyDirectory task;
  if (!dirty_.pop(id, duty) || !take_task(id, task)) return;
  const bool listed = task.list;
  this_worker.storage.begin_task();
  if (table_.reachable(id)) {
    lock.unlock();
    run_task(id, task);
    lock.lock();
  }
  if (std::exchange(this_worker.is_listing, false)) listing_workers_--;
  release(id, task);
  if (const StorageVerdict verdict = this_worker.storage.end_task(); listed && most_helpers_ > 0) heed(verdict);
}

/**
 * A listing is a long job: while every worker with realtime work is at one, the scout looks at marked names. With the
 * mutex held.
 */
void WatchEngine::begin_listing() {
  this_worker.is_listing = true;
  if (++listing_workers_ >= worker_count_ && dirty_.live_queued()) scout_.notify_one();
}

bool WatchEngine::may_take(Duty duty) const {
  return dirty_.queued(duty) && root_state_ != RootState::unavailable && !changes_.full();
}

// ---- helpers --------------------------------------------------------------------------------------------------------------------

void WatchEngine::helper_loop(size_t number) {
  take_own_working_directory();
  apply_politeness(config_.politeness);
  Lock lock(mutex_);
  for (;;) {
    const auto needed = [this, number] { return stopping_ || (number < helpers_allowed_ && may_take(Duty::background)); };
    helpers_wake_.wait(lock, needed);
    if (stopping_) return;
    work_through(lock, Duty::background);
  }
}

/** Whether the running tree walk should have one thread more, or one less. After a task, with the mutex held. */
void WatchEngine::heed(StorageVerdict verdict) {
  if (pass_ended_ == pass_ || stopping_) return;
  if (verdict == StorageVerdict::quick && helpers_allowed_ > 0) helpers_allowed_--;
  if (verdict != StorageVerdict::slow || helpers_allowed_ >= most_helpers_ || !dirty_.queued(Duty::background)) return;
  try {
    if (helpers_started_ == helpers_allowed_) {
      start_thread(false, false, [this, number = helpers_started_] { helper_loop(number); });
      helpers_started_++;
    }
  } catch (const std::system_error&) {
    return;  // the kernel grants no thread
  }
  helpers_allowed_++;
  helpers_wake_.notify_all();
}

/** There is room for changes again, or the engine stops. */
void WatchEngine::wake_all() {
  for (std::condition_variable* wake : {&work_, &scout_, &pass_work_, &helpers_wake_, &spares_wake_}) wake->notify_all();
}

// ---- tasks ----------------------------------------------------------------------------------------------------------------------

/** Called after the directory was released, so that no realtime work waits for it. */
void WatchEngine::pay_for_listing(Lock& lock) {
  const uint64_t entries = std::exchange(this_worker.entries_listed, 0);
  if (!pass_limit_.limits() || entries == 0) return;
  pass_work_.wait_for(lock, pass_limit_.take(entries, RateLimit::Clock::now()), [this] { return stopping_; });
}

/** The calling thread owns the directory until it releases it. False when it cannot have it. */
bool WatchEngine::take_task(DirId id, DirtyDirectory& task) {
  if (!table_.valid(id) || table_.at(id).busy || !dirty_.has(id) || dirty_.of(id, 0).parked || put_aside(id)) return false;
  task = dirty_.take(id);
  table_.at(id).busy = true;
  busy_workers_++;
  begin_job(Job::directory, id, task.pass);
  return true;
}

void WatchEngine::release(DirId id, DirtyDirectory& task) {
  const bool kept = end_job();
  const uint32_t pass = kept ? task.pass : 0;
  Directory& directory = table_.at(id);
  directory.busy = false;
  busy_workers_--;
  if (!kept && directory.alive && root_state_ != RootState::unavailable) {
    task.list = task.recursive = true;
    task.quiet = task.parked = task.in_live = task.in_background = false;
    task.pass = 0;
    dirty_.put_back(id, std::move(task), monotonic_ns());
  }
  if (!directory.alive) {
    if (directory.readers == 0) table_.recycle(id);
  } else if (dirty_.has(id)) {
    const DirtyDirectory& rest = dirty_.of(id, 0);
    wake_worker_for(id, rest.pass != 0 && rest.names.empty());
  }
  if (pass != 0 && pass == pass_ && pass_pending_ > 0) pass_pending_--;
  finish_pass_if_done();
  if (busy_workers_ == 0 && !dirty_.queued()) root_fd_used_ns_ = monotonic_ns();
  if (config_.raw) changes_.drop_changes();
  if (!changes_.empty()) signal_readable();
}

}  // namespace fustor
