// How a tree is to be watched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "fustor/filter_spec.h"
#include "fustor/politeness.h"

namespace fustor {

enum class WatchMode {
  automatic,  // for each file system fanotify where it runs, else inotify
  fanotify,
  inotify,
  poll,       // no kernel events at all
};

/** How many marks may wait; beyond that the engine looks at whole directories, then at everything. */
struct PressureLimits {
  size_t names_per_directory = 16'384;
  size_t names_in_all = 400'000;
  size_t directories = 250'000;
};

struct WatchConfig {
  std::string root;             // absolute path
  FilterSpec filter;
  unsigned threads = 0;         // 0 = number of cores, and up to 16 for tree walks while they wait for storage
  bool cross_mounts = true;
  int64_t settle_ms = 2000;     // a file found by a listing and younger than this is reported as not complete
  int64_t throttle_ms = 1000;   // shortest time between two rows of a file that is being written
  // root_identity() of an earlier run; another directory counts as unavailable until it is confirmed; "" = any.
  std::string expected_root;
  bool raw = false;             // drain_raw() hands out kernel events, and drain() nothing
  WatchMode mode = WatchMode::inotify;
  // A tree walk that misses more than half of the entries looks again after this time; 0 = at once.
  int64_t confirm_deletes_ms = 5000;
  uint64_t max_watches = 0;     // a budget of our own below the kernel's, 0 = the kernel's alone
  std::string canary;           // events of names that begin so are counted and have no other effect; "" = none
  int64_t poll_ms = 60'000;     // every directory without a watch is listed once in this time
  // While its modification time is younger, a file is looked at again and again; 0 = never.
  int64_t young_ms = 600'000;
  int64_t look_again_ms = 25'000;    // at most this long after the last look, and at least a fifth of it
  // With `automatic`: as poll_ms, for file systems that other machines change without an event; 0 = never.
  int64_t elsewhere_poll_ms = 10'000;
  size_t max_path_bytes = 4096;        // directories with a longer path count as unreadable; 0 = no limit
  int64_t hang_ms = 5000;              // a directory that has not answered for so long counts as unreadable
  size_t open_entries = 32'768;        // so many entries of directories stay ready for looks; the others are packed
  std::string boot_id;                 // of the machine; "" = as the kernel says
  PressureLimits pressure;
  Politeness politeness;        // of tree walks; never of realtime changes
};

}  // namespace fustor
