// What the disk looked like when last seen: the memory that turns hints of the kernel into differences.
//
// One Directory per directory, with a parent id and its own name, so that renaming a directory touches one node and no path
// prefix is ever rewritten. Its entries lie in one array with their names in one blob beside it: 56 bytes an entry plus the name,
// plus about 6 bytes of hash index once there are more than kIndexFrom entries.
// Ids, not pointers, name directories: they stay valid while the table grows and would survive in a mapped file.
//
// Not thread safe: the engine's mutex guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file_stat.h"
#include "base/name_hash.h"

namespace fustor {

using DirId = uint32_t;
constexpr DirId kNoDir = UINT32_MAX;
constexpr DirId kRootDir = 0;

/** What makes a directory the same one under another name. */
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
  kUnsettled = 4,   // reported as not atomic until it has been quiet for a while
  kLinked = 8,      // one of several hard links
  kMissing = 32,    // a pass did not find it, or something else in its place: it is looked at again before it counts as deleted
  kYoung = 64,      // looked at again after a while, see engine_young.cc
  kDead = 16,       // removed, its slot waits for compaction
};

struct Entry {
  static constexpr uint64_t kMostOffset = (1ull << 48) - 1;

  uint64_t ino;
  uint64_t size;
  int64_t mtime_sec;
  int64_t ctime_sec;
  uint32_t mtime_nsec;
  uint32_t ctime_nsec;
  uint64_t name_offset : 48;  // 32 bits would do for 17 million of the longest names in one directory
  uint64_t name_length : 16;
  DirId child;  // kNoDir unless a directory
  EntryKind kind;
  uint8_t flags;

  bool same_content(const FileStat& stat) const {
    return size == stat.size && mtime_sec == stat.mtime.sec && mtime_nsec == stat.mtime.nsec && ctime_sec == stat.ctime.sec &&
           ctime_nsec == stat.ctime.nsec && ino == stat.ino;
  }
  void assign(const FileStat& stat);
  FileStat to_stat() const;
};
static_assert(sizeof(Entry) == 56);

class Directory {
 public:
  DirId parent = kNoDir;
  std::string name;
  Identity identity;
  int32_t watch = -1;
  uint32_t pass = 0;            // the last pass that listed it
  uint64_t own_sequence = 0;    // when its own row was last read
  uint64_t moved_at = 0;        // sequence of its last rename: everything in it needs new rows
  uint64_t told_at = 0;         // sequence of its own row's last report
  int unreadable = 0;           // errno of the last attempt to read it, 0 = fine
  uint32_t last_active = 0;     // monotonic seconds of the last change in it
  uint32_t listed_at = 0;       // monotonic seconds of the last listing that came to its end, 0 = none
  bool hides = false;           // something below could not be reached: it, or a directory above that, may not be searched
  int watch_error = 0;          // why there is no watch, with watch_refused
  uint8_t open_failures = 0;    // in a row
  uint16_t readers = 0;         // snapshot cursors inside: slots must not move
  bool alive = false;
  bool attached = false;        // reachable from the root; otherwise it waits for the other half of a rename
  bool listed = false;
  bool busy = false;            // a worker owns it
  bool seen_phase = false;
  bool watch_refused = false;   // no watch: budget or file system
  bool barred = false;          // a file system that is never entered
  bool placeholder = false;     // a mount that has never answered: what its row says of it is made up
  bool appeared = false;        // while the first pass ran: what is in it is a change, not what was there before

  Entry* find(std::string_view name);
  Entry& insert(std::string_view name, const FileStat& stat);
  void erase(Entry& entry);
  std::string_view name_of(const Entry& entry) const { return {names_.data() + entry.name_offset, entry.name_length}; }

  std::vector<Entry>& slots() { return entries_; }
  const std::vector<Entry>& slots() const { return entries_; }
  uint32_t live_entries() const { return static_cast<uint32_t>(entries_.size()) - dead_; }
  size_t bytes() const;
  /** Gives back what growth left over; call after a first listing. */
  void shrink();
  /** With readers inside, removed entries pile up. Past a measure they are to be dropped even so: tell the readers, then `compact`. */
  bool is_crowded() const;
  void compact();
  void clear();

 private:
  static constexpr uint32_t kIndexFrom = 12;
  static constexpr uint32_t kMostDead = 4096;
  void rebuild_index();
  void index_put(uint32_t slot);
  uint32_t index_find(std::string_view name) const;

  std::vector<Entry> entries_;
  std::string names_;
  std::vector<uint32_t> index_;  // slot + 1, 0 = free; removed slots stay until the next rebuild
  uint32_t dead_ = 0;
};

class TreeTable {
 public:
  TreeTable();

  Directory& at(DirId id) { return directories_[id]; }
  const Directory& at(DirId id) const { return directories_[id]; }
  bool valid(DirId id) const { return id < directories_.size() && directories_[id].alive; }

  /**
   * A new attached directory; the caller sets the entry's `child`. An alias (the same directory seen a second time through a bind
   * mount) does not answer to `by_identity`.
   */
  DirId add(DirId parent, std::string_view name, Identity identity, bool alias);
  /** The node leaves its place and keeps its contents. */
  void detach(DirId id);
  void attach(DirId id, DirId parent, std::string_view name);
  /** The node itself only; children first. Its id is reused unless a worker still owns it. */
  void remove(DirId id);
  void recycle(DirId id) { free_.push_back(id); }
  /** One of Directory::readers is done with it. */
  void leave_reader(DirId id);

  DirId by_identity(Identity identity) const;
  void forget_identity(DirId id);
  void set_identity(DirId id, Identity identity);
  /** The file system that `top` lies on has another device number now: for `top` and what lies below it on the same one. */
  void change_device(DirId top, uint64_t from, uint64_t to);

  /** Raw bytes relative to the root, "" for the root. */
  std::string path_of(DirId id) const;
  /** Whether every node up to the root is attached. */
  bool reachable(DirId id) const;
  /** Resolves a raw relative path to the directory that is known there. */
  DirId resolve(std::string_view path);

  Entry& root_entry() { return root_entry_; }

  uint64_t entry_count = 0;  // without the root
  uint32_t directory_count() const { return directory_count_; }
  size_t capacity() const { return directories_.size(); }
  /** Walks everything: for status, not for hot paths. */
  size_t bytes() const;

 private:
  std::deque<Directory> directories_;
  std::vector<DirId> free_;
  std::unordered_map<Identity, DirId, IdentityHash> by_identity_;
  Entry root_entry_{};
  uint32_t directory_count_ = 0;
};

}  // namespace fustor
