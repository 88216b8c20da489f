// One entry of a directory as the table keeps it, and how directories are named and recognised.
#pragma once

#include <cstdint>

#include "base/file_stat.h"
#include "base/name_hash.h"

namespace fustor {

using DirId = uint32_t;
constexpr DirId kNoDir = UINT32_MAX;
constexpr DirId kRootDir = 0;

/** By this a directory is recognised under another name. */
struct Identity {
  uint64_t dev = 0;
  uint64_t ino = 0;
  bool operator==(const Identity&) const = default;
};

inline Identity identity_of(const FileStat& stat) { return {stat.dev, stat.ino}; }

struct IdentityHash {
  size_t operator()(const Identity& id) const { return static_cast<size_t>(keyed_hash(id.ino, id.dev)); }
};

enum EntryFlag : uint8_t {
  kSeenBit = 1,     // toggles with each listing of the directory
  kWriting = 2,     // modified and not closed since
  kUnsettled = 4,   // reported as not complete until it has been quiet for a while
  kLinked = 8,      // one of several hard links
  kMissing = 32,    // a tree walk missed it, or found another entry there: a second look decides whether it is deleted
  kYoung = 64,      // a look at it is planned: YoungFiles
  kDead = 16,       // removed; its slot waits for `compact`
};

struct Entry {
  static constexpr uint64_t kMostOffset = (1ull << 48) - 1;

  uint64_t ino;
  uint64_t size;
  int64_t mtime_sec;
  int64_t ctime_sec;
  uint32_t mtime_nsec;
  uint32_t ctime_nsec;
  uint64_t name_offset : 48;  // 32 bits would be too few beyond 17 million of the longest names in one directory
  uint64_t name_length : 16;
  DirId child;  // kNoDir unless a directory
  EntryKind kind;
  uint8_t flags;

  bool same_content(const FileStat& stat) const {
    return size == stat.size && mtime_sec == stat.mtime.sec && mtime_nsec == stat.mtime.nsec &&
           ctime_sec == stat.ctime.sec && ctime_nsec == stat.ctime.nsec && ino == stat.ino;
  }
  void assign(const FileStat& stat);
  FileStat to_stat() const;
};
static_assert(sizeof(Entry) == 56);

}  // namespace fustor
