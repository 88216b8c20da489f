// The reader thread: events to marks, timers, and what happens to mounts. It never stats and never waits for a worker.
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "base/json_row.h"
#include "base/name_codec.h"
#include "watch/monotonic.h"
#include "watch/snapshot_stream.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr int64_t kRootCheckNs = 1'000'000'000;
constexpr int64_t kWatchNs = 100'000'000;  // between two looks at the threads, while any of them is at work
constexpr int64_t kSweepNs = 10'000'000'000;
constexpr int64_t kIdleFdNs = 200'000'000;
constexpr int64_t kMaxBackoffNs = 10'000'000'000;
constexpr int64_t kMountsRestNs = 50'000'000;  // a thousand mounts in a row are not read a thousand times;
constexpr int64_t kMountRestNs = 200'000;      // the more mounts there are, the more places are looked at each time
constexpr size_t kBusyRead = 256;          // so many events in one read are a storm, whatever they are about
// In a storm the reader pauses: the kernel need not wake a reader that sleeps outside of poll(2), and fewer, larger reads
// fight less for the lock of the kernel's queue. The writers pay for both. A million events a second put 2,500 into the
// queue meanwhile; an inotify instance keeps 16,384 by default. After a read that may have filled the buffer the reader
// reads on at once.
constexpr unsigned kStormPauseUs = 2500;
constexpr size_t kLongRead = 1536;

/** How long the reader pauses after a read of so many events. */
unsigned pause_us(size_t events) { return events >= kBusyRead && events < kLongRead ? kStormPauseUs : 0; }

int timeout_ms(int64_t deadline_ns, int64_t now_ns) {
  if (deadline_ns <= now_ns) return 0;
  return static_cast<int>((deadline_ns - now_ns + 999'999) / 1'000'000);
}
}  // namespace

uint16_t flags_of(uint32_t mask) {
  uint16_t flags = 0;
  if (mask & IN_CREATE) flags |= kMarkCreated;
  if (mask & IN_MODIFY) flags |= kMarkModified;
  if (mask & IN_CLOSE_WRITE) flags |= kMarkClosed;
  if (mask & IN_MOVED_TO) flags |= kMarkMovedTo;
  if (mask & (IN_DELETE | IN_MOVED_FROM)) flags |= kMarkGone;
  if (mask & IN_ATTRIB) flags |= kMarkAttrib;
  return flags;
}

void WatchEngine::wake_reader() {
  const uint64_t one = 1;
  if (wake_fd_.get() >= 0 && ::write(wake_fd_.get(), &one, sizeof(one)) < 0) return;  // EAGAIN: it is awake anyway
}

void WatchEngine::reader_loop() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  int64_t root_check_ns = monotonic_ns() + kRootCheckNs;
  int64_t mounts_not_before_ns = 0;
  for (;;) {
    int64_t deadline;
    {
      Lock lock(mutex_);
      if (stopping_) return;
      deadline = std::min(next_deadline_ns(), root_check_ns);
    }
    const bool mounts_rest = monotonic_ns() < mounts_not_before_ns;
    if (mounts_rest) deadline = std::min(deadline, mounts_not_before_ns);
    pollfd fds[3] = {{source_->poll_fd(), POLLIN, 0}, {wake_fd_.get(), POLLIN, 0}, {mounts_rest ? -1 : mounts_fd_.get(), POLLPRI, 0}};
    const int ready = ::poll(fds, 3, timeout_ms(deadline, monotonic_ns()));
    if (ready < 0 && errno != EINTR) return;
    uint64_t count;
    if (ready > 0 && (fds[1].revents & POLLIN) && ::read(wake_fd_.get(), &count, sizeof(count)) < 0) continue;
    const size_t events = ready > 0 && (fds[0].revents & POLLIN) ? read_events() : 0;
    const int64_t now = monotonic_ns();
    {
      Lock lock(mutex_);
      if (stopping_) return;
      if (ready > 0 && (fds[2].revents & (POLLPRI | POLLERR))) {
        mounts_not_before_ns = now + kMountsRestNs + static_cast<int64_t>(mounts_changed()) * kMountRestNs;
      }
      run_timers(now);
      if (now >= root_check_ns) {
        root_check_due_ = true;
        work_.notify_one();
        root_check_ns = now + kRootCheckNs;
      }
    }
    if (const unsigned pause = pause_us(events); pause > 0) ::usleep(pause);
  }
}

size_t WatchEngine::read_events() {
  static thread_local std::vector<KernelEvent> events;
  events.clear();
  if (!source_->read(events)) return source_->foreign_in_last_read();
  Lock lock(mutex_);
  now_ns_ = monotonic_ns();
  for (const KernelEvent& event : events) digest(event, now_ns_);
  now_ns_ = 0;
  if (dirty_.too_many()) relieve();
  if (changes_.has_raw()) signal_readable();
  return events.size() + source_->foreign_in_last_read();
}

/** The dirty set has grown too large: one look at everything replaces many looks. With the mutex held. */
void WatchEngine::relieve() {
  if (dirty_.forget_hints() == 0) return;
  counts_.collapsed_root++;
  want_resync("too many directories were dirty");
}

void WatchEngine::digest(const KernelEvent& event, int64_t) {
  if (event.watch == kUnarmed) return meet(event);
  if (event.watch == kByInode) return digest_file(event);
  counts_.raw_events++;
  for (uint32_t bits = event.mask & IN_ALL_EVENTS; bits != 0; bits &= bits - 1) kinds_[static_cast<size_t>(std::countr_zero(bits))]++;
  if (event.mask & IN_Q_OVERFLOW) {
    counts_.overflows++;
    if (config_.raw) changes_.raw(event.mask, "", 0, event.watch);
    want_resync("the kernel's event queue overflowed");
    return;
  }
  if (!config_.canary.empty() && event.name.starts_with(config_.canary)) {
    canary_events_++;
    return;
  }
  const auto found = by_watch_.find(event.watch);
  if (found == by_watch_.end()) return;  // the watch was removed a moment ago
  const std::vector<DirId> owners = found->second;
  if (config_.raw) {
    std::string path;
    append_json_dir(table_.path_of(owners.front()), path);
    if (!event.name.empty()) {
      std::string wire;
      encode_wire(event.name, wire);
      path += '/';
      append_json_text(wire, path);
    }
    changes_.raw(event.mask, path.empty() ? "/" : path, event.cookie, event.watch);
  }
  if (event.mask & IN_IGNORED) drop_owners(found);
  for (const DirId id : owners) {
    if (!event.name.empty()) {
      mark(id, event.name, flags_of(event.mask), event.inode);
    } else {
      digest_own(id, event.mask);
    }
  }
}

/** Something happened to the watched directory itself. */
void WatchEngine::digest_own(DirId id, uint32_t mask) {
  if (!table_.valid(id)) return;
  Directory& directory = table_.at(id);
  if (mask & IN_IGNORED) directory.watch = -1;
  if (id == kRootDir) {
    if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
      root_fd_ = nullptr;
      root_check_due_ = true;
      if ((mask & IN_IGNORED) && root_state_ != RootState::unavailable) want_resync("the root's watch ended");
      work_.notify_one();
    } else if (directory.listed) {
      if ((directory.unreadable != 0 || directory.hides) && (mask & IN_ATTRIB)) list_what_was_hidden(id);
      dirty_.of(id, now_ns_).self = true;
      wake_worker_for(id, false);
    }
    return;
  }
  if (!directory.attached) {
    if (mask & IN_IGNORED) expire(id);
    return;
  }
  mark(directory.parent, directory.name, (mask & IN_ATTRIB) ? kMarkAttrib : kMarkVerify);
}

// ---- timers ---------------------------------------------------------------------------------------------------------------------

int64_t WatchEngine::next_deadline_ns() const {
  int64_t next = std::min(next_poll_ns_, next_link_walk_ns_);
  if (!timed_.empty()) next = std::min(next, timed_.begin()->first);
  for (const Limbo& limbo : limbo_) next = std::min(next, limbo.deadline_ns);
  if (resync_wanted_ && pass_pending_ == 0 && root_state_ == RootState::available) next = std::min(next, resync_not_before_ns_);
  if (held_until_ns_ != 0 && pass_pending_ == 0 && root_state_ == RootState::available) next = std::min(next, held_until_ns_);
  if (root_fd_ != nullptr && busy_workers_ == 0 && !dirty_.queued()) next = std::min(next, root_fd_used_ns_ + kIdleFdNs);
  if (busy_workers_ > 0 || root_checking_ || dirty_.queued()) next = std::min(next, next_watch_ns_);
  return next;
}

void WatchEngine::run_timers(int64_t now) {
  while (!timed_.empty() && timed_.begin()->first <= now) {
    const Timed timed = std::move(timed_.begin()->second);
    timed_.erase(timed_.begin());
    if (timed.mark.flags & kMarkYoung) grown_older(timed);
    if (!table_.valid(timed.directory)) continue;
    if (timed.name.empty()) {
      mark_list(timed.directory, DirtyDirectory{}, false, is_first_look(timed.directory));
      continue;
    }
    mark(timed.directory, timed.name, timed.mark.flags, timed.mark.inode);
    if (timed.mark.contested_since != 0 && dirty_.has(timed.directory)) {
      auto& names = dirty_.of(timed.directory, 0).names;
      const auto found = names.find(timed.name);
      if (found != names.end() && found->second.contested_since == 0) found->second.contested_since = timed.mark.contested_since;
    }
  }
  for (size_t i = 0; i < limbo_.size();) {
    const Limbo limbo = limbo_[i];
    const bool patient = now < limbo.give_up_ns && (dirty_.live_queued() || busy_workers_ > 0);
    if (now < limbo.deadline_ns) {
      i++;
    } else if (patient) {  // the other half may still wait to be looked at
      limbo_[i++].deadline_ns = now + 20'000'000;
    } else {
      expire(limbo.directory);
    }
  }
  if (resync_wanted_ && now >= resync_not_before_ns_ && pass_pending_ == 0 && root_state_ == RootState::available) {
    resync_wanted_ = false;
    begin_pass(false, resync_reason_);
  }
  if (held_until_ns_ != 0 && now >= held_until_ns_ && pass_pending_ == 0 && root_state_ == RootState::available) look_at_missing();
  poll_some(now);
  if (now >= next_watch_ns_) {
    next_watch_ns_ = now + kWatchNs;
    watch_threads(now);
  }
  if (now >= next_link_walk_ns_) {
    next_link_walk_ns_ = INT64_MAX - 1;  // under way
    link_walk_due_ = true;
    work_.notify_one();
  }
  if (root_fd_ != nullptr && busy_workers_ == 0 && !dirty_.queued() && now >= root_fd_used_ns_ + kIdleFdNs) root_fd_ = nullptr;
  if (now >= sweep_ns_) {
    std::erase_if(contests_, [now](const auto& item) { return item.second.begun_ns + kSweepNs < now; });
    std::erase_if(throttled_, [now](const auto& item) { return item.second.until_ns + kSweepNs < now; });
    sweep_ns_ = now + kSweepNs;
  }
}

/** The tree walk comes soon, and after growing pauses when resyncs follow each other closely. */
void WatchEngine::want_resync(const std::string& reason) {
  const int64_t now = monotonic_ns();
  resync_reason_ = reason;
  if (resync_wanted_) return;
  resync_backoff_ns_ = now - pass_ended_ns_ > kMaxBackoffNs ? 100'000'000 : std::min(resync_backoff_ns_ * 2 + 100'000'000, kMaxBackoffNs);
  resync_wanted_ = true;
  resync_not_before_ns_ = now + resync_backoff_ns_;
  wake_reader();
}

// ---- mounts ---------------------------------------------------------------------------------------------------------------------

/**
 * inotify reports nothing when a file system is mounted on a directory. So this marks every place where a mount is or
 * was. It marks all of them, because ids and device numbers are used again: between two states of the table one mount
 * may have taken another's place and look the same. Asks no file system. Returns how many places there are.
 */
size_t WatchEngine::mounts_changed() {
  std::set<std::string> places = std::exchange(mount_places_, {});
  read_mounts();
  places.insert(mount_places_.begin(), mount_places_.end());
  devices_.clear();  // their numbers may belong to other devices now
  for (const std::string& path : places) {
    const size_t slash = path.rfind('/');
    const DirId parent = table_.resolve(slash == std::string::npos ? std::string_view{} : std::string_view(path).substr(0, slash));
    if (parent != kNoDir) mark(parent, slash == std::string::npos ? path : path.substr(slash + 1), kMarkVerify);
  }
  root_check_due_ = true;
  work_.notify_one();
  return places.size();
}

}  // namespace fustor
