#include "watch/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <set>

#include "base/json_row.h"
#include "base/name_codec.h"
#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr int64_t kRootCheckNs = 1'000'000'000;
constexpr int64_t kPackNs = 1'000'000;
constexpr int64_t kForgetNs = 10'000'000'000;
constexpr int64_t kMountsRestNs = 50'000'000;  // a thousand mounts in a row are not read a thousand times;
constexpr int64_t kMountRestNs = 200'000;      // the more mounts there are, the more places are looked at each time

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

int Reader::open() {
  if (const int error = config_.mode == WatchMode::poll ? 0 : source_.open(); error != 0) return error;
  crew_.wake_fd.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!crew_.wake_fd) return errno;
  mounts_fd_.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  return !mounts_fd_ && (errno == EMFILE || errno == ENFILE) ? errno : 0;
}

void Reader::close() {
  crew_.wake_fd.reset();
  mounts_fd_.reset();
}

void Reader::loop() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  int64_t root_check_ns = monotonic_ns() + kRootCheckNs;
  int64_t mounts_not_before_ns = 0;
  int64_t deadline = 0;
  for (;;) {
    const bool mounts_rest = monotonic_ns() < mounts_not_before_ns;
    if (mounts_rest) deadline = std::min(deadline, mounts_not_before_ns);
    pollfd fds[3] = {{source_.poll_fd(), POLLIN, 0},
                     {crew_.wake_fd.get(), POLLIN, 0},
                     {mounts_rest ? -1 : mounts_fd_.get(), POLLPRI, 0}};
    const int ready = ::poll(fds, 3, timeout_ms(deadline, monotonic_ns()));
    if (ready < 0 && errno != EINTR) return;
    uint64_t count;
    if (ready > 0 && (fds[1].revents & POLLIN) && ::read(crew_.wake_fd.get(), &count, sizeof(count)) < 0) continue;
    size_t events = 0;
    int64_t now;
    {
      const Locked lock = batch_.read_and_lock(ready > 0 && (fds[0].revents & POLLIN), events);
      if (life_.stopping) return;
      digest(lock);
      now = monotonic_ns();
      if (ready > 0 && (fds[2].revents & (POLLPRI | POLLERR))) {
        mounts_not_before_ns = now + kMountsRestNs + static_cast<int64_t>(mounts_changed(lock)) * kMountRestNs;
      }
      run_timers(lock, now);
      if (dirty_.too_many()) relieve(lock);
      if (now >= root_check_ns) {
        schedule_.want_root_check(lock);
        pack_what_a_storm_left(lock);
        root_check_ns = now + kRootCheckNs;
      }
      deadline = std::min(next_deadline_ns(lock), root_check_ns);
    }
    if (const unsigned pause = pace_.pause_us(events, now); pause > 0) ::usleep(pause);
  }
}

// ---- events -------------------------------------------------------------------------------------------------------

void Reader::digest(const Locked& lock) {
  if (batch_.events().empty()) return;
  schedule_.set_arrival(lock, monotonic_ns());
  for (const KernelEvent& event : batch_.events()) take_in(lock, event);
  schedule_.set_arrival(lock, 0);
  if (changes_.has_raw()) signal_.changes(lock);
}

void Reader::relieve(const Locked& lock) {
  if (dirty_.forget_hints() == 0) return;
  counts_.collapsed_root++;
  passes_.want_resync(lock, "too many directories were dirty");
}

void Reader::take_in(const Locked& lock, const KernelEvent& event) {
  if (event.watch == kUnarmed) return take_in_unknown(lock, event);
  if (event.watch == kByInode) return take_in_file(lock, event);
  counts_.raw_events++;
  for (uint32_t bits = event.mask & IN_ALL_EVENTS; bits != 0; bits &= bits - 1) {
    counts_.kinds[static_cast<size_t>(std::countr_zero(bits))]++;
  }
  if (event.mask & IN_Q_OVERFLOW) {
    counts_.overflows++;
    if (config_.raw) changes_.raw(event.mask, "", 0, event.watch);
    return passes_.want_resync(lock, "the kernel's event queue overflowed");
  }
  if (!config_.canary.empty() && event.name.starts_with(config_.canary)) {
    counts_.canary++;
    return;
  }
  const std::vector<DirId>* known = watches_.owners(lock, event.watch);
  if (known == nullptr) return;  // the watch was removed a moment ago
  const std::vector<DirId> owners = *known;
  if (config_.raw) hand_out_raw(lock, event, owners.front());
  if (event.mask & IN_IGNORED) watches_.has_ended(lock, event.watch);
  for (const DirId id : owners) {
    if (event.name.empty()) {
      take_in_own(lock, id, event.mask);
    } else {
      take_in_name(lock, id, event);
    }
  }
}

void Reader::take_in_name(const Locked& lock, DirId id, const KernelEvent& event) {
  Mark mark{flags_of(event.mask), 0, event.inode};
  int64_t arrived_ns = schedule_.arrival_ns(lock);
  const bool may_wait = !(event.mask & IN_ISDIR) && !config_.raw && !life_.frozen && schedule_.may_wait(lock, id);
  if (!may_wait || created_.is_due(id, event.name, mark, arrived_ns)) mark_at(lock, id, event.name, mark, arrived_ns);
}

void Reader::mark_at(const Locked& lock, DirId id, std::string_view name, const Mark& mark, int64_t arrived_ns) {
  const int64_t before = schedule_.arrival_ns(lock);
  schedule_.set_arrival(lock, arrived_ns);
  schedule_.mark(lock, id, name, mark.flags, mark.inode);
  schedule_.set_arrival(lock, before);
}

void Reader::mark_created(const Locked& lock, int64_t now) {
  for (CreatedNames::Name& name = waited_; created_.take(now, name);) {
    mark_at(lock, name.directory, name.name, name.mark, name.arrived_ns);
  }
}

void Reader::hand_out_raw(const Locked&, const KernelEvent& event, DirId directory) {
  std::string path;
  append_json_dir(table_.path_of(directory), path);
  if (!event.name.empty()) {
    std::string wire;
    encode_wire(event.name, wire);
    path += '/';
    append_json_text(wire, path);
  }
  changes_.raw(event.mask, path.empty() ? "/" : path, event.cookie, event.watch);
}

void Reader::take_in_unknown(const Locked& lock, const KernelEvent& event) {
  if (root_.is_unavailable() || !unknown_directories_.are_wanted()) return;
  const int64_t arrived_ns = schedule_.arrival_ns(lock);
  const bool kept = unknown_directories_.add(event.handle, event.name, flags_of(event.mask), arrived_ns);
  if (kept) crew_.prioritizer.notify_one();
}

void Reader::take_in_file(const Locked& lock, const KernelEvent& event) {
  if (config_.raw) return;
  if (event.mask & IN_DELETE) return links_.take_back(lock, event.inode);
  links_.look_for(lock, event.inode, flags_of(event.mask));
}

void Reader::take_in_own(const Locked& lock, DirId id, uint32_t mask) {
  if (!table_.valid(id)) return;
  Directory& directory = table_.at(id);
  if (mask & IN_IGNORED) directory.watch = -1;
  if (id == kRootDir) return take_in_root(lock, mask);
  if (!directory.attached) {
    if (mask & IN_IGNORED) diff_.expire(lock, id);
    return;
  }
  schedule_.mark(lock, directory.parent, directory.name, (mask & IN_ATTRIB) ? kMarkAttrib : kMarkVerify);
}

void Reader::take_in_root(const Locked& lock, uint32_t mask) {
  if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
    root_.fd = nullptr;
    schedule_.want_root_check(lock);
    if ((mask & IN_IGNORED) && !root_.is_unavailable()) passes_.want_resync(lock, "the root's watch ended");
    return;
  }
  const Directory& directory = table_.at(kRootDir);
  if (!directory.listed) return;
  if ((directory.unreadable != 0 || directory.hides) && (mask & IN_ATTRIB)) {
    schedule_.list_what_was_hidden(lock, kRootDir);
  }
  schedule_.mark_own(lock, kRootDir);
}

// ---- timers -------------------------------------------------------------------------------------------------------

int64_t Reader::next_deadline_ns(const Locked& lock) const {
  return std::min({schedule_.next_ns(lock), created_.next_ns(), diff_.next_ns(lock), passes_.next_ns(lock), watches_.polls().next_ns(lock),
                   watchdog_.next_ns(lock), links_.next_walk_ns(lock), root_keeper_.next_ns(lock)});
}

void Reader::run_timers(const Locked& lock, int64_t now) {
  mark_created(lock, now);
  TimedMark timed;
  while (schedule_.take_due(lock, now, timed)) {
    if (timed.mark.flags & kMarkYoung) diff_.young().look_is_due(lock, timed);
    schedule_.make(lock, timed);
  }
  diff_.run_timers(lock, now);
  passes_.run_timers(lock, now);
  watches_.polls().poll_some(lock, root_.is_available(), now);
  if (watchdog_.is_due(lock, now)) {
    const Watchdog::Stuck stuck = watchdog_.look(lock, now);
    workers_.replace(lock, true, stuck[0]);
    workers_.replace(lock, false, stuck[1]);
    watchdog_.note_hangs(lock, now);
  }
  if (now >= links_.next_walk_ns(lock)) links_.begin_walk(lock);
  root_keeper_.close_idle(lock, now);
  if (now < forget_ns_) return;
  diff_.forget_old(lock, now, kForgetNs);
  throttle_.forget_old(now, kForgetNs);
  forget_ns_ = now + kForgetNs;
}

/** At rest no worker comes by to pack, so this packs more than a worker does, but does not keep the mutex for long. */
void Reader::pack_what_a_storm_left(const Locked&) {
  const uint32_t now_s = monotonic_seconds();
  const int64_t until_ns = monotonic_ns() + kPackNs;
  while (table_.pack_idle(now_s) && monotonic_ns() < until_ns) {
  }
}

// ---- mounts -------------------------------------------------------------------------------------------------------

/**
 * inotify reports nothing when a file system is mounted on a directory. So this marks every place where a mount is or
 * was. It marks all of them, because ids and device numbers are used again: between two states of the table one mount
 * may have taken another's place and look the same. Asks no file system.
 */
size_t Reader::mounts_changed(const Locked& lock) {
  const std::set<std::string> places = places_.read_again(lock, root_.place);
  watches_.forget_devices(lock);
  devices_.forget_all(lock);  // their numbers may belong to other devices now
  for (const std::string& path : places) schedule_.mark_path(lock, path, kMarkVerify);
  schedule_.want_root_check(lock);
  return places.size();
}

}  // namespace fustor
