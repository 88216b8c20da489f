// What the engine knows of one directory and its entries, apart from what it does with it at the moment.
//
// These are the facts that outlive a run: names, kinds, inodes, sizes and times, by ids and not by pointers. A store
// on disk can hold them. Nothing here depends on a watch, a thread or a tree walk (DirectoryState, tree_table.h).
//
// The entries of a directory are *open* (an array with their names in one string beside it, and a hash index once there
// are more than kIndexFrom) or *packed* (packed_entries.h). What changes or looks up entries opens them; TreeTable
// packs those that nothing looked at for a while.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "watch/model/entry.h"
#include "watch/model/packed_entries.h"

namespace fustor {

class OpenDirectories;

/**
 * A directory's place, identity and entries. References to an Entry are valid until the next insert, erase or compact
 * in this directory, and until the next TreeTable::pack_idle.
 */
class DirectoryFacts {
 public:
  DirId parent = kNoDir;
  std::string name;
  Identity identity;

  /** null when no live entry has that name. Opens. */
  Entry* find(std::string_view name);
  /** Of an entry in `slots`. */
  std::string_view name_of(const Entry& entry) const {
    return {open_->names.data() + entry.name_offset, entry.name_length};
  }
  /** Opens. Dead entries stay among them until `compact`. */
  std::vector<Entry>& slots() { return open().entries; }
  /** Only while a reader keeps the directory open (DirectoryState::readers). */
  const std::vector<Entry>& slots() const { return open_->entries; }
  /** Calls `visit(entry, name)` for each live entry, and opens nothing. */
  template <class Visit>
  void each(Visit&& visit) const;
  /**
   * Calls `visit(entry, name)` for each live entry from `slot` on, until it returns false; true at the end. `slot` is
   * then where to go on. A packed directory of at most `most_at_once` entries is gone through as a whole instead, and
   * stays packed. Any other is opened.
   */
  template <class Visit>
  bool each_from(size_t& slot, size_t most_at_once, Visit&& visit);
  /** Calls `visit(entry, name)` for each entry of a packed directory, until it returns false. */
  template <class Visit>
  void each_packed(Visit&& visit) const;
  uint32_t live_entries() const {
    return open_ ? static_cast<uint32_t>(open_->entries.size()) - open_->dead : packed_.count();
  }
  /** Drops removed entries; the others get other slots. */
  void compact();
  void clear();

  bool is_open() const { return open_ != nullptr; }
  /** How often entries got other slots since the directory was opened. Only while it is open. */
  uint32_t compactions() const { return open_->compactions; }
  /** Not while somebody holds a reference to an entry, or reads slots. */
  void pack();
  /** Whether anything looked at the entries since the last call. */
  bool was_used();
  /** Where the directory reports that it is open. Once, before it has entries. */
  void report_to(OpenDirectories& directories) { directories_ = &directories; }
  /** It stays open and is not counted, until it is packed or cleared. */
  void stop_reporting();

 protected:
  /** The name must not be in the directory. */
  Entry& append(std::string_view name, const FileStat& stat, uint8_t flags);
  /** The slot stays until `compact`. */
  void bury(Entry& entry);
  uint32_t dead_entries() const { return open_ ? open_->dead : 0; }
  size_t heap_bytes() const;

 private:
  static constexpr uint32_t kIndexFrom = 12;
  struct Open {
    std::vector<Entry> entries;
    std::string names;
    // Made when a name is looked up: slot + 1, 0 = free; removed slots stay until the next rebuild.
    std::vector<uint32_t> index;
    uint32_t dead = 0;
    uint32_t compactions = 0;
    bool is_used = true;
  };

  Open& open() {
    if (open_ == nullptr) unpack();
    open_->is_used = true;
    return *open_;
  }
  void unpack();
  void count_out(size_t entries);
  void rebuild_index();
  void index_put(uint32_t slot);
  uint32_t index_find(std::string_view name) const;

  std::unique_ptr<Open> open_;
  PackedEntries packed_;
  OpenDirectories* directories_ = nullptr;
  bool reports_ = false;
};

template <class Visit>
void DirectoryFacts::each_packed(Visit&& visit) const {
  PackedEntries::Reader reader(packed_);
  Entry entry;
  std::string_view entry_name;
  while (reader.next(entry, entry_name) && visit(static_cast<const Entry&>(entry), entry_name)) {
  }
}

template <class Visit>
void DirectoryFacts::each(Visit&& visit) const {
  if (open_ == nullptr) {
    each_packed([&](const Entry& entry, std::string_view entry_name) {
      visit(entry, entry_name);
      return true;
    });
    return;
  }
  for (const Entry& entry : open_->entries) {
    if (!(entry.flags & kDead)) visit(entry, name_of(entry));
  }
}

template <class Visit>
bool DirectoryFacts::each_from(size_t& slot, size_t most_at_once, Visit&& visit) {
  if (slot == 0 && open_ == nullptr && packed_.count() <= most_at_once) {
    each(visit);
    return true;
  }
  const std::vector<Entry>& entries = slots();
  for (bool more = true; more && slot < entries.size(); slot++) {
    if (!(entries[slot].flags & kDead)) more = visit(entries[slot], name_of(entries[slot]));
  }
  return slot >= entries.size();
}

}  // namespace fustor
