// What the engine knows of one directory and its entries, apart from what it does with it at the moment.
//
// These are the facts that outlive a run: names, kinds, inodes, sizes and times, by ids and not by pointers. A store
// on disk can hold them. Nothing here depends on a watch, a thread or a tree walk (DirectoryState, tree_table.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

/**
 * A directory's place, identity and entries. Its entries lie in one array, with their names in one string beside it.
 * References to an Entry are valid until the next insert, erase or compact.
 */
class DirectoryFacts {
 public:
  DirId parent = kNoDir;
  std::string name;
  Identity identity;

  /** null when no live entry has that name. */
  Entry* find(std::string_view name);
  std::string_view name_of(const Entry& entry) const { return {names_.data() + entry.name_offset, entry.name_length}; }
  std::vector<Entry>& slots() { return entries_; }
  const std::vector<Entry>& slots() const { return entries_; }
  uint32_t live_entries() const { return static_cast<uint32_t>(entries_.size()) - dead_; }
  /** Drops removed entries; the others get other slots. */
  void compact();
  void clear();

 protected:
  /** The name must not be in the directory. */
  Entry& append(std::string_view name, const FileStat& stat, uint8_t flags);
  /** The slot stays until `compact`. */
  void bury(Entry& entry);
  uint32_t dead_entries() const { return dead_; }
  void shrink_to_fit();
  size_t heap_bytes() const;

 private:
  static constexpr uint32_t kIndexFrom = 12;
  void rebuild_index();
  void index_put(uint32_t slot);
  uint32_t index_find(std::string_view name) const;

  std::vector<Entry> entries_;
  std::string names_;
  std::vector<uint32_t> index_;  // slot + 1, 0 = free; removed slots stay until the next rebuild
  uint32_t dead_ = 0;
};

}  // namespace fustor
