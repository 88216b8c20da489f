// The threads that look at directories: how many may work, and what wakes them up.
//
// The engine's mutex guards it, except `wake_reader`. No method waits; `start` fails when the kernel grants no thread.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "watch/locked.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

/** Threads that take the places of others which wait for a file system. */
struct SpareThreads {
  size_t started = 0;
  size_t allowed = 0;
};

class Crew {
 public:
  /** `is_polite`: tree walks are throttled and have threads of their own. */
  explicit Crew(bool is_polite) : is_polite_(is_polite) {}

  /** A dirty directory waits. */
  void wake_for(const Locked&, bool background) {
    if (background && helpers_allowed > 0) helpers_wake.notify_all();
    if (spares[0].allowed > 0 || spares[1].allowed > 0) spares_wake.notify_all();
    if (background && is_polite_) {
      pass_work.notify_one();
    } else {
      (!background && is_every_worker_listing() ? prioritizer : work).notify_one();
    }
  }
  /** There is room for changes again, or the engine stops. */
  void wake_all(const Locked&) {
    const auto wakes = {&work, &prioritizer, &pass_work, &helpers_wake, &spares_wake};
    for (std::condition_variable* wake : wakes) wake->notify_all();
  }
  /** Ends the poll(2) of the reader. */
  void wake_reader();

  /** The calling worker goes into a long job: the prioritizer may have to look at marked names. */
  void begin_listing(const Locked&, bool live_queued) {
    this_worker.is_listing = true;
    listing_workers++;
    if (is_every_worker_listing() && live_queued) prioritizer.notify_one();
  }
  void end_listing(const Locked&) {
    if (std::exchange(this_worker.is_listing, false)) listing_workers--;
  }
  bool is_polite() const { return is_polite_; }
  /** While every worker with realtime work is at a long listing, the prioritizer looks at marked names. */
  bool is_every_worker_listing() const { return listing_workers >= worker_count; }

  std::condition_variable work;         // a directory is dirty, or there is room for changes again
  std::condition_variable pass_work;    // the same for the threads of throttled tree walks
  std::condition_variable prioritizer;  // unknown directories, or realtime work while every worker is at a listing
  std::condition_variable helpers_wake;
  std::condition_variable spares_wake;
  std::condition_variable thread_ended;

  std::vector<std::shared_ptr<ThreadWatch>> threads;
  std::array<SpareThreads, 2> spares;  // for threads that take realtime work, and for those of throttled tree walks
  size_t helpers_allowed = 0;          // so many helpers may take work of the tree walk now
  size_t helpers_started = 0;
  size_t most_helpers = 0;
  size_t worker_count = 0;     // workers that take realtime work
  size_t listing_workers = 0;  // of them, those at a listing
  size_t busy_workers = 0;     // threads that own a directory
  bool prioritizer_looks = false;  // the prioritizer looks at a directory that it does not own
  bool has_come_back = false;  // a thread that was stuck: the watchdog is to look at once
  size_t left_behind = 0;      // threads that close() did not wait for
  UniqueFd wake_fd;            // an eventfd

 private:
  const bool is_polite_;
};

}  // namespace fustor
