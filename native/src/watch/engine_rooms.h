// The rooms of the engine, in the order in which they know each other: none knows one that comes after it.
#pragma once

#include <functional>
#include <utility>

#include "watch/reader.h"
#include "watch/state.h"

namespace fustor {

struct EngineRooms {
  /** `let_go` runs in the last thread that the engine has left behind, when it ends. */
  EngineRooms(State& s, EventSource& source, std::function<void()> let_go)
      : schedule(s.table, s.walk, s.dirty, s.crew), reporter(s.table, s.walk, s.changes),
        names(s.table, reporter),
        mounts(s.mutex, s.table, s.devices), links(s.table, schedule, source, s.crew),
        watches(s.config, s.mutex, s.table, schedule, source, s.crew),
        regions(s.table, mounts, s.dirty, s.crew, schedule), jobs(regions, s.crew),
        passes(s.config, s.table, s.dirty, s.walk, s.root, s.crew, s.signal, source, s.unknown_directories, schedule,
               reporter, s.streams, names),
        diff(s.config, s.table, s.dirty, s.walk, s.root, s.crew, schedule, reporter, s.streams, s.devices, mounts,
             links, watches, regions, passes, names),
        root_keeper(s.config, s.looker.filter(), s.mutex, s.life, s.table, s.dirty, s.walk, s.root, s.crew, s.signal,
                    s.unknown_directories, schedule, reporter, s.streams, mounts, s.places, watches, regions, jobs,
                    passes, s.throttle),
        tasks(s.config, s.mutex, s.life, s.table, s.dirty, s.walk, s.root, s.crew, s.changes, s.signal, schedule,
              reporter, s.streams, s.devices, mounts, s.places, watches, diff, s.looker, root_keeper, s.throttle),
        watchdog(s.config.hang_ms, s.table, s.dirty, s.walk, s.root, s.crew, s.signal, regions, passes, root_keeper,
                 s.looker),
        threads(s.mutex, s.crew, std::move(let_go)),
        workers(s.config, s.mutex, s.life, s.table, s.dirty, s.walk, s.root, s.crew, s.changes, s.signal, schedule,
                links, passes, regions, jobs, root_keeper, tasks, threads),
        prioritizer(s.mutex, s.life, s.table, s.dirty, s.root, s.crew, s.changes, s.signal, source,
                    s.unknown_directories, schedule, mounts, s.places, watches, diff, s.looker, root_keeper, jobs,
                    tasks, workers),
        reader(s.config, s.mutex, s.life, s.table, s.dirty, s.root, s.crew, s.changes, s.signal, source,
               s.unknown_directories, schedule, s.devices, s.places, links, watches, passes, diff, root_keeper,
               watchdog, workers, s.throttle) {}

  Schedule schedule;
  Reporter reporter;
  NewNames names;
  MountsBelow mounts;
  Links links;
  Watches watches;
  Regions regions;
  Jobs jobs;
  Passes passes;
  Diff diff;
  RootKeeper root_keeper;
  DirectoryTasks tasks;
  Watchdog watchdog;
  Threads threads;
  Workers workers;
  Prioritizer prioritizer;
  Reader reader;
};

}  // namespace fustor
