// What a thread of the engine that looks at directories keeps for itself.
#pragma once

#include <cstdint>

#include "watch/spelling.h"
#include "watch/storage_probe.h"

namespace fustor {

struct WorkerThread {
  uint64_t entries_listed = 0;  // not yet paid for (pay_for_listing)
  bool takes_live = true;       // not only the work of passes
  bool is_listing = false;      // and counted in listing_workers_
  Spelling spelling = Spelling::unknown;  // on the file system of its task
  StorageProbe storage;
};

inline thread_local WorkerThread this_worker;

}  // namespace fustor
