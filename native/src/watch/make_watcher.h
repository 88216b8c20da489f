// Makes the engine with an event source of the caller's choice: race tests script theirs.
#pragma once

#include <functional>
#include <memory>

#include "fustor/watch.h"
#include "watch/source/event_source.h"

namespace fustor {

/** As create_watcher. */
std::shared_ptr<Watcher> make_watcher(WatchConfig config, std::unique_ptr<EventSource> source,
                                      std::function<void()> on_readable);

}  // namespace fustor
