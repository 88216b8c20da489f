// The threads that look at directories: workers, and helpers for the passes over the tree while storage is slow.
//
// The workers, one a processor, are enough while everything is in the kernel's caches: more would only get in each other's way. While they
// wait for a disk or a server, more requests under way help. So a thread that finds itself waiting for storage in a pass lets one more
// helper in, one that finds itself working lets one go. Helpers take the work of passes alone, never live work. They are started when
// they are first let in, and sleep until they are let in again: at most kMostThreads in all. A number of threads that somebody asked for
// stays that number, and a limit on entries a second would only be reached sooner.
#include <system_error>
#include <utility>

#include "watch/monotonic.h"
#include "watch/own_working_directory.h"
#include "watch/watch_engine.h"
#include "watch/worker_thread.h"

namespace fustor {

// A pass that is to be polite has threads of its own: what they gave up in priority they do not get back for live work.
void WatchEngine::worker_loop(Duty duty) {
  take_own_working_directory();
  const bool only_passes = duty == Duty::background;
  this_worker.takes_live = !only_passes;
  if (only_passes) apply_politeness(config_.politeness);
  std::condition_variable& wake = only_passes ? pass_work_ : work_;
  Lock lock(mutex_);
  for (;;) {
    const auto needed = [this, duty, only_passes] {
      return stopping_ || (!only_passes && (root_check_due_ || link_walk_due_)) || may_take(duty);
    };
    wake.wait(lock, needed);
    if (stopping_) return;
    if (only_passes) {
      work_through(lock, duty);
      pay_for_listing(lock);
      continue;
    }
    if (root_check_due_) {
      root_check_due_ = false;
      lock.unlock();
      check_root();
      lock.lock();
      continue;
    }
    if (link_walk_due_) {
      link_walk_due_ = false;
      lock.unlock();
      find_links();
      lock.lock();
      continue;
    }
    work_through(lock, duty);
  }
}

/** The next dirty directory, if it is still one. */
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
  release(id, task.pass);
  if (const StorageVerdict verdict = this_worker.storage.end_task(); listed && most_helpers_ > 0) heed(verdict);
}

/** A long job: when every worker that takes live work is at one, the scout looks at what the kernel tells of. With the mutex held. */
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
  this_worker.takes_live = false;
  apply_politeness(config_.politeness);
  Lock lock(mutex_);
  for (;;) {
    const auto needed = [this, number] { return stopping_ || (number < helpers_allowed_ && may_take(Duty::background)); };
    helpers_wake_.wait(lock, needed);
    if (stopping_) return;
    work_through(lock, Duty::background);
  }
}

/** Whether the pass that is running is better off with one thread more, or one less. After a task, with the mutex held. */
void WatchEngine::heed(StorageVerdict verdict) {
  if (pass_ended_ == pass_ || stopping_) return;
  if (verdict == StorageVerdict::quick && helpers_allowed_ > 0) helpers_allowed_--;
  if (verdict != StorageVerdict::slow || helpers_allowed_ >= most_helpers_ || !dirty_.queued(Duty::background)) return;
  try {
    if (helpers_.size() == helpers_allowed_) helpers_.emplace_back([this, number = helpers_.size()] { helper_loop(number); });
  } catch (const std::system_error&) {
    return;  // the machine has no more
  }
  helpers_allowed_++;
  helpers_wake_.notify_all();
}

/** There is room for changes again, or everything ends. */
void WatchEngine::wake_all() {
  for (std::condition_variable* wake : {&work_, &scout_, &pass_work_, &helpers_wake_}) wake->notify_all();
}

// ---- tasks ----------------------------------------------------------------------------------------------------------------------

/** After the directory was released, so that nothing live has to wait for it. */
void WatchEngine::pay_for_listing(Lock& lock) {
  const uint64_t entries = std::exchange(this_worker.entries_listed, 0);
  if (!pass_limit_.limits() || entries == 0) return;
  pass_work_.wait_for(lock, pass_limit_.take(entries, RateLimit::Clock::now()), [this] { return stopping_; });
}

/** The directory is ours until it is released. False when it is not to be had. */
bool WatchEngine::take_task(DirId id, DirtyDirectory& task) {
  if (!table_.valid(id) || table_.at(id).busy || !dirty_.has(id) || dirty_.of(id, 0).parked) return false;
  task = dirty_.take(id);
  table_.at(id).busy = true;
  busy_workers_++;
  return true;
}

void WatchEngine::release(DirId id, uint32_t pass) {
  Directory& directory = table_.at(id);
  directory.busy = false;
  busy_workers_--;
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
