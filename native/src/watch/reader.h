// The reader thread: events to marks, timers, and what happens to mounts. It never stats and never waits for a worker.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "watch/coverage/links.h"
#include "watch/event_batch.h"
#include "watch/read_pace.h"
#include "watch/schedule/created_names.h"
#include "watch/source/event_source.h"
#include "watch/threads/prioritizer.h"

namespace fustor {

/** The MarkFlags for an event with this inotify mask. Any thread. */
uint16_t flags_of(uint32_t mask);

/** What the kernel sent. */
struct EventCounts {
  uint64_t raw_events = 0;
  std::array<uint64_t, 32> kinds{};  // by bit of their mask
  uint64_t overflows = 0;
  uint64_t collapsed_root = 0;  // how often too many directories were dirty and everything was listed instead
  std::atomic<uint64_t> canary{0};
};

class Reader {
 public:
  Reader(const WatchConfig& config, SpinningMutex& mutex, Life& life, TreeTable& table, DirtySet& dirty, Root& root,
         Crew& crew, ChangeQueue& changes, Signal& signal, EventSource& source, UnknownDirectories& unknown_directories,
         Schedule& schedule, Devices& devices, MountPlaces& places, Links& links, Watches& watches, Passes& passes,
         Diff& diff, RootKeeper& root_keeper, Watchdog& watchdog, Workers& workers, WriteThrottle& throttle)
      : config_(config), mutex_(mutex), life_(life), table_(table), dirty_(dirty), root_(root), crew_(crew),
        changes_(changes), signal_(signal), source_(source), unknown_directories_(unknown_directories),
        schedule_(schedule), devices_(devices), places_(places), links_(links), watches_(watches), passes_(passes),
        diff_(diff), root_keeper_(root_keeper), watchdog_(watchdog), workers_(workers), throttle_(throttle),
        batch_(mutex, source) {}

  /** What it needs of the kernel. 0 or errno. */
  int open();
  void close();
  /** The thread function, until the engine stops. Waits in poll(2) for events, timers and changes of the mounts. */
  void loop();
  const EventCounts& counts() const { return counts_; }
  /** Marks the new names that have waited for a close until that time; INT64_MAX: all of them. */
  void mark_created(const Locked& lock, int64_t now_ns);

 private:
  /** Turns what was read into marks. */
  void digest(const Locked& lock);
  /** The dirty set has grown too large: forgets hints, and one look at everything replaces many looks. */
  void relieve(const Locked& lock);
  /** Turns one event into marks. */
  void take_in(const Locked& lock, const KernelEvent& event);
  /** The same for an event about a watched directory itself. */
  void take_in_own(const Locked& lock, DirId id, uint32_t mask);
  /** The same for an event about the root itself. */
  void take_in_root(const Locked& lock, uint32_t mask);
  /** An event of a directory that is not in the table yet. */
  void take_in_unknown(const Locked& lock, const KernelEvent& event);
  void take_in_file(const Locked& lock, const KernelEvent& event);
  /** The same for an event about a name in a watched directory. */
  void take_in_name(const Locked& lock, DirId id, const KernelEvent& event);
  void mark_at(const Locked& lock, DirId id, std::string_view name, const Mark& mark, int64_t arrived_ns);
  /** Hands a kernel event out as it is. */
  void hand_out_raw(const Locked& lock, const KernelEvent& event, DirId directory);
  /** Does everything whose time has come. */
  void run_timers(const Locked& lock, int64_t now_ns);
  void pack_what_a_storm_left(const Locked& lock);
  /** When `run_timers` has something to do; INT64_MAX when never. */
  int64_t next_deadline_ns(const Locked& lock) const;
  /** Marks every place where something is or was mounted; how many these are. */
  size_t mounts_changed(const Locked& lock);

  const WatchConfig& config_;
  SpinningMutex& mutex_;
  Life& life_;
  TreeTable& table_;
  DirtySet& dirty_;
  Root& root_;
  Crew& crew_;
  ChangeQueue& changes_;
  Signal& signal_;
  EventSource& source_;
  UnknownDirectories& unknown_directories_;
  Schedule& schedule_;
  Devices& devices_;
  MountPlaces& places_;
  Links& links_;
  Watches& watches_;
  Passes& passes_;
  Diff& diff_;
  RootKeeper& root_keeper_;
  Watchdog& watchdog_;
  Workers& workers_;
  WriteThrottle& throttle_;
  UniqueFd mounts_fd_;
  int64_t forget_ns_ = 0;
  EventCounts counts_;
  CreatedNames created_;
  CreatedNames::Name waited_;  // in mark_created; its string keeps its memory
  // Of the reader alone.
  EventBatch batch_;
  ReadPace pace_;
};

}  // namespace fustor
