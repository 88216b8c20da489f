// A stateless scan of a tree: N threads, rows straight into pooled chunks.
//
// Each thread walks depth first over a list of its own and writes into a chunk of its own. What it finds is given to others only after the
// chunk that holds the directories' own rows was handed over: so in the stream a directory's row always precedes those of its children,
// whichever threads wrote them. A thread hands its chunk over when it is full, when it runs out of work, and when others are idle while it
// has something to give away.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/filter.h"
#include "fustor/bulk_stream.h"

namespace fustor {

struct ScanConfig {
  std::string root;  // absolute path
  FilterSpec filter;
  unsigned threads = 0;  // 0 = number of cores
  bool cross_mounts = true;
  std::vector<std::string> paths;  // raw, relative, "" = the root: only these; none = the root
  bool recursive = true;           // with everything below
  size_t chunk_bytes = 512 << 10;
  uint32_t pool_chunks = 8;
};

/** Begins at once. */
std::shared_ptr<BulkStream> start_scan(ScanConfig config);

}  // namespace fustor
