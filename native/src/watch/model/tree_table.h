// What the engine saw last of every entry: the table that turns kernel events into differences.
//
// One Directory per directory, with a parent id and its own name, so that renaming a directory touches one node and no
// path prefix is ever rewritten. Its entries lie in one array, with their names in one string beside it: 56 bytes an
// entry plus the name, plus about 6 bytes of hash index once there are more than kIndexFrom entries. Ids, not pointers,
// name directories: they stay valid while the table grows and would survive in a mapped file.
//
// Not thread safe: the engine's mutex guards it. No method waits, asks a file system or fails. References to a
// Directory stay valid; those to an Entry are valid until the next insert, erase or compact in its directory.
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

class Directory {
 public:
  DirId parent = kNoDir;
  std::string name;
  Identity identity;
  int32_t watch = -1;
  uint32_t pass = 0;            // the last tree walk that listed it
  uint64_t own_sequence = 0;    // when its own row was read last
  uint64_t moved_at = 0;        // sequence of its last rename: everything below it needs new rows
  int64_t moved_second = INT64_MIN;  // the same by the wall clock: not every file system changes the ctime at a rename
  uint64_t told_at = 0;         // sequence of the last report of its own row
  int unreadable = 0;           // errno of the last attempt to read it, 0 = fine
  uint32_t last_active = 0;     // monotonic seconds of the last change in it
  uint32_t listed_at = 0;       // monotonic seconds of the last listing that came to its end, 0 = none
  // Something below could not be reached: this directory, or one in between, may not be searched.
  bool hides = false;
  int watch_error = 0;          // with watch_refused: why there is no watch
  uint8_t open_failures = 0;    // failed attempts to open it, in a row
  // Streams that are copying it: its entries keep their slots, and its id is not given out.
  uint16_t readers = 0;
  bool alive = false;
  bool attached = false;        // reachable from the root; otherwise it waits for the other half of a rename
  bool listed = false;
  bool busy = false;            // a thread owns it
  bool seen_phase = false;
  bool watch_refused = false;   // there is no watch, so it is polled
  bool barred = false;          // on a file system that is never entered
  bool placeholder = false;     // a mount that has never answered: its row is made up
  bool appeared = false;        // it came during the first tree walk, so what is in it is a change

  /** null when no live entry has that name. */
  Entry* find(std::string_view name);
  /** The name must not be in the directory. The caller sets `child`, and counts the entry (TreeTable::entry_count). */
  Entry& insert(std::string_view name, const FileStat& stat);
  /** The slot stays until `compact`, which happens here when many are dead and no stream reads. */
  void erase(Entry& entry);
  std::string_view name_of(const Entry& entry) const { return {names_.data() + entry.name_offset, entry.name_length}; }

  std::vector<Entry>& slots() { return entries_; }
  const std::vector<Entry>& slots() const { return entries_; }
  uint32_t live_entries() const { return static_cast<uint32_t>(entries_.size()) - dead_; }
  /** Memory of the directory and its entries. */
  size_t bytes() const;
  /** Releases memory that growth left over; call it after a first listing. */
  void shrink();
  /**
   * While streams read, removed entries pile up. True when there are too many: call SnapshotStream::slots_move, then
   * `compact`.
   */
  bool is_crowded() const;
  /** Drops removed entries; the others get other slots. */
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
   * A new attached directory; the caller sets the entry's `child`. `by_identity` does not find an alias (the same
   * directory seen a second time through a bind mount).
   */
  DirId add(DirId parent, std::string_view name, Identity identity, bool alias);
  /** The node leaves its place and keeps its entries. */
  void detach(DirId id);
  /** It gets a place again. */
  void attach(DirId id, DirId parent, std::string_view name);
  /**
   * Removes the node itself, after its children. Its id is given out again, but not while a thread owns it or a stream
   * copies it.
   */
  void remove(DirId id);
  /** Gives the id of a removed directory out again. */
  void recycle(DirId id) { free_.push_back(id); }
  /** One of Directory::readers has finished. */
  void leave_reader(DirId id);

  /** kNoDir when no directory is known by that identity. */
  DirId by_identity(Identity identity) const;
  void forget_identity(DirId id);
  void set_identity(DirId id, Identity identity);
  /**
   * The file system of `top` has another device number now: changes `top` and what lies below it on the same file
   * system.
   */
  void change_device(DirId top, uint64_t from, uint64_t to);

  /** Raw bytes relative to the root, "" for the root. */
  std::string path_of(DirId id) const;
  /** Whether every node up to the root is attached. */
  bool reachable(DirId id) const;
  /** The directory that is known at a raw relative path, kNoDir when there is none. */
  DirId resolve(std::string_view path);

  Entry& root_entry() { return root_entry_; }

  uint64_t entry_count = 0;  // without the root
  uint32_t directory_count() const { return directory_count_; }
  /** Every id is below this. */
  size_t capacity() const { return directories_.size(); }
  /** Walks everything: for the status, not for hot paths. */
  size_t bytes() const;

 private:
  std::deque<Directory> directories_;
  std::vector<DirId> free_;
  std::unordered_map<Identity, DirId, IdentityHash> by_identity_;
  Entry root_entry_{};
  uint32_t directory_count_ = 0;
};

}  // namespace fustor
