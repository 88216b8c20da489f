// What a stream of rows uses of its engine, and all that it knows of it.
#pragma once

#include <functional>

#include "base/spinning_mutex.h"
#include "watch/changes/reporter.h"
#include "watch/model/tree_table.h"
#include "watch/rows/streams.h"

namespace fustor {

/** The engine owns it; a shared_ptr to it keeps the engine alive. The mutex guards the rest. */
struct RowsView {
  SpinningMutex& mutex;
  TreeTable& table;
  Reporter& reporter;  // spells the paths of directories
  Streams& streams;    // each stream removes itself
  // Called without the mutex before rows are handed out: what they tell has to be in the journal of the index.
  const std::function<void()> before_rows;
};

}  // namespace fustor
