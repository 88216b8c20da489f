// What the rooms of the engine share. Each of them is bound to what it uses of this (engine_rooms.h).
#pragma once

#include <functional>
#include <utility>

#include "base/spinning_mutex.h"
#include "fustor/watch_config.h"
#include "watch/changes/change_queue.h"
#include "watch/life.h"
#include "watch/look/looker.h"
#include "watch/model/root.h"
#include "watch/model/tree_table.h"
#include "watch/mounts/devices.h"
#include "watch/mounts/mount_places.h"
#include "watch/rows/streams.h"
#include "watch/schedule/crew.h"
#include "watch/schedule/dirty_set.h"
#include "watch/schedule/tree_walk.h"
#include "watch/schedule/unknown_directories.h"
#include "watch/schedule/write_throttle.h"
#include "watch/signal.h"

namespace fustor {

struct State {
  State(WatchConfig from, std::function<void()> on_readable)
      : config(std::move(from)), signal(std::move(on_readable)), table(config.open_entries), dirty(config.pressure),
        crew(config.politeness.asks_for_anything()), throttle(config.throttle_ms), looker(config) {}

  const WatchConfig config;
  mutable SpinningMutex mutex;  // guards what follows, and what the rooms keep for themselves
  Life life;
  Signal signal;
  TreeTable table;
  DirtySet dirty;
  TreeWalk walk;
  Root root;
  ChangeQueue changes;
  UnknownDirectories unknown_directories;
  Streams streams;
  Crew crew;
  Devices devices;
  MountPlaces places;
  WriteThrottle throttle;
  Looker looker;
};

}  // namespace fustor
