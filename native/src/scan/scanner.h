// A stateless scan of a tree: N threads, rows straight into pooled chunks.
//
// Each thread walks depth first over a list of its own and writes into a chunk of its own. What it finds is given to others only after the
// chunk that holds the directories' own rows was handed over: so in the stream a directory's row always precedes those of its children,
// whichever threads wrote them. A thread hands its chunk over when it is full, when it runs out of work, and when others are idle while it
// has something to give away.
//
// How many threads: while they find everything in the kernel's caches, more of them than processors only get in each other's way; while
// they wait for a disk or a server, more of them keep more requests under way. Unless a number was asked for, the scan begins with one
// a processor; a thread that finds itself waiting for storage starts another one, and one that no longer does retires.
//
// File systems that may not answer (scan/mount_prober.h) hold up nothing else: whatever is asked of them is watched (scan/hang_watch.h). A
// thread that has waited for hang_ms is left behind, its directory is an error, and another thread goes on with what it had still to do;
// nothing more is asked of that file system by this scan. Whoever gives a scan up waits for no such thread either.
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
  unsigned threads = 0;  // 0 = number of cores, and up to as many as there are chunks while they wait for storage
  bool cross_mounts = true;
  std::vector<std::string> paths{};  // raw, relative, "" = the root: only these; none = the root
  bool recursive = true;           // with everything below
  size_t max_path_bytes = 4096;  // of directories, relative to the root: deeper ones are errors (ENAMETOOLONG); 0 = no limit
  int64_t hang_ms = 5000;        // what has not answered for so long is an error (ETIMEDOUT)
  uint32_t max_depth = 0;  // levels below the root that are listed, 1 = only the root; 0 = all
  Politeness politeness{};
  size_t chunk_bytes = 512 << 10;
  uint32_t pool_chunks = 8;
  /** Which directory an open descriptor leads to, in words; "" when it cannot be told. None = device and inode. */
  std::function<std::string(int fd, const FileStat&)> identify{};
  std::function<bool(const std::string& one, const std::string& other)> is_same{};  // two of those; none = letter by letter
  std::string expected_root{};  // what `identify` has to say of the root, at the beginning and at the end; "" = what it says at the beginning
};

/** Begins at once. */
std::shared_ptr<BulkStream> start_scan(ScanConfig config);

}  // namespace fustor
