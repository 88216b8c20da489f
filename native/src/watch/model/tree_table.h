// What the engine saw last of every entry: the table that turns kernel events into differences.
//
// One Directory per directory, with a parent id and its own name, so that renaming a directory touches one node and no
// path prefix is ever rewritten. Most directories are packed (packed_entries.h): about 20 bytes an entry plus the name.
// What is looked at is open: 56 bytes an entry plus the name, plus about 6 bytes of hash index in larger directories.
// Ids, not pointers, name directories: they stay valid while the table grows and would survive in a mapped file.
//
// Not thread safe: the engine's mutex guards it. No method waits, asks a file system or fails. References to a
// Directory stay valid; those to an Entry are valid until the next insert, erase or compact in its directory, and until
// pack_idle, which its threads call between two tasks.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "watch/model/directory_facts.h"
#include "watch/model/open_directories.h"

namespace fustor {

/** What the engine does with a directory in this run. */
struct DirectoryState {
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
};

class Directory final : public DirectoryFacts, public DirectoryState {
 public:
  /** The name must not be in the directory. The caller sets `child`, and counts the entry (TreeTable::entry_count). */
  Entry& insert(std::string_view new_name, const FileStat& stat) {
    return append(new_name, stat, seen_phase ? kSeenBit : 0);
  }
  /** The slot stays until `compact`, which happens here when many are dead and no stream reads. */
  void erase(Entry& entry);
  /** Memory of the directory and its entries. */
  size_t bytes() const { return heap_bytes() + sizeof(Directory); }
  /** While streams read, removed entries pile up. True when there are too many: call Streams::make_room_in. */
  bool is_crowded() const { return dead_entries() > kMostDead && dead_entries() > live_entries(); }

 private:
  static constexpr uint32_t kMostDead = 4096;
};

class TreeTable {
 public:
  /** `most_open_entries`: 32,768 take about 5 MB. */
  explicit TreeTable(size_t most_open_entries = 32'768);

  Directory& at(DirId id) { return directories_[id]; }
  const Directory& at(DirId id) const { return directories_[id]; }
  bool valid(DirId id) const { return id < directories_.size() && directories_[id].alive; }

  /**
   * A new attached directory; the caller sets the entry's `child`. `by_identity` does not find an alias (the same
   * directory seen a second time through a bind mount).
   */
  DirId add(DirId parent, std::string_view name, Identity identity, bool alias);
  /** So many will be added. */
  void expect_directories(size_t directories) { by_identity_.reserve(directories); }
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
  /** The entry of a reachable directory in the one above it. */
  const Entry& own_entry(DirId id);

  /**
   * Packs some directories that nothing looked at for a while, when many are open. Those in which something changed a
   * moment ago stay open while eight times as many are: in a storm each of them would be packed and opened again for a
   * few names. A thread calls it with no reference to an entry in its hands, and once for every few directories that it
   * opens, because each call packs only some; what another thread owns (DirectoryState::busy) or reads stays open.
   * `now_s`: monotonic seconds. True when too many are still open: another call would go on.
   */
  bool pack_idle(uint32_t now_s);

  uint64_t entry_count = 0;  // without the root
  uint32_t directory_count() const { return directory_count_; }
  /** Every id is below this. */
  size_t capacity() const { return directories_.size(); }
  /** Walks everything: for the status, not for hot paths. */
  size_t bytes() const;

 private:
  bool too_many_open(size_t factor) const {
    return open_->entries() > most_open_entries_ * factor || open_->size() > kMostOpenDirectories * factor;
  }

  static constexpr size_t kMostOpenDirectories = 8'192;
  static constexpr size_t kActiveFactor = 8;
  static constexpr uint32_t kActiveSeconds = 2;
  static constexpr size_t kPackRounds = 32;  // directories that one call looks at: its caller has other work
  /** To open a larger one would hold the mutex for more than a millisecond. It stays open. */
  static constexpr size_t kMostPackedEntries = 32'768;

  std::deque<Directory> directories_;
  std::unique_ptr<OpenDirectories> open_ = std::make_unique<OpenDirectories>();  // directories hold a pointer to it
  size_t most_open_entries_;
  std::vector<DirId> free_;
  std::unordered_map<Identity, DirId, IdentityHash> by_identity_;
  Entry root_entry_{};
  uint32_t directory_count_ = 0;
};

}  // namespace fustor
