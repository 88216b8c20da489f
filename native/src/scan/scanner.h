// A stateless scan of a tree: several threads write rows straight into pooled chunks.
//
// Each thread walks depth first over a list of its own and writes into a chunk of its own. It gives directories to
// other threads only after it has handed over the chunk with these directories' own rows: so in the stream a
// directory's row always comes before those of its children, whichever threads wrote them. A thread hands its chunk
// over when the chunk is full, when it runs out of work, and when others are idle while it has directories to give
// away.
//
// How many threads: while everything is in the kernel's caches, more threads than processors are in each other's way;
// while they wait for a disk or a server, more threads keep more requests under way. Unless the configuration sets a
// number, the scan begins with one thread a processor. A thread that waits for storage starts another one, and a thread
// that no longer does ends.
//
// File systems that may not answer (scan/mount_prober.h) delay nothing else, because calls to them are watched
// (scan/hang_watch.h). A thread that has waited for hang_ms is left behind; its directory becomes an error, another
// thread continues its work, and this scan asks nothing more of that file system. A consumer that drops the scan does
// not wait for such a thread for more than two seconds either.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file_stat.h"
#include "base/filter.h"
#include "base/politeness.h"
#include "fustor/bulk_stream.h"

namespace fustor {

struct ScanConfig {
  std::string root;  // absolute path
  FilterSpec filter{};
  // 0 = number of cores, and more while they wait for storage: up to 16, at most one for each chunk.
  unsigned threads = 0;
  bool cross_mounts = true;
  std::vector<std::string> paths{};  // only these, raw and relative, "" = the root; empty = the root
  bool recursive = true;           // with everything below these
  // Of directories, relative to the root: deeper ones are errors (ENAMETOOLONG); 0 = no limit.
  size_t max_path_bytes = 4096;
  int64_t hang_ms = 5000;        // a directory that has not answered for so long is an error (ETIMEDOUT)
  uint32_t max_depth = 0;  // how many levels are listed, 1 = only the root; 0 = all
  Politeness politeness{};
  size_t chunk_bytes = 512 << 10;
  uint32_t pool_chunks = 8;
  /**
   * The identity of an open directory as text, "" when it is unknown; called by threads of the scan. None = device and
   * inode.
   */
  std::function<std::string(int fd, const FileStat&)> identify{};
  // Compares two of those; none = as text.
  std::function<bool(const std::string& one, const std::string& other)> is_same{};
  // The identity of the root at the beginning and at the end; "" = the one at the beginning.
  std::string expected_root{};
};

/**
 * Starts the threads and returns; any thread may call it. Trouble with the root comes out of the stream
 * (BulkStream::root_error), trouble below it stands in the summary. Throws std::system_error when the kernel grants no
 * thread.
 */
std::shared_ptr<BulkStream> start_scan(ScanConfig config);

}  // namespace fustor
