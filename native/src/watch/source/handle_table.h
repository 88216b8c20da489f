// File handles of watched directories and their watch ids, both ways: 39 to 50 bytes per directory with handles of up
// to 20 bytes (ext4 8, tmpfs and xfs 12, btrfs 20); longer ones take their own allocation besides.
//
// Entries lie in fixed blocks and never move; two open-addressing indexes of 4-byte entry numbers (linear probing,
// deletion by shifting back) lead to them by handle and by id.
//
// Not thread safe: FanotifySource guards it with its mutex. No method waits or fails.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "watch/source/event_source.h"

namespace fustor {

class HandleTable {
 public:
  static constexpr WatchId kNone = -1;

  /** The id of a handle, kNone when the handle is unknown. */
  WatchId find(const HandleRef& handle) const;
  /** Adds a pair. The handle must be unknown, the id new and not kNone. */
  void insert(const HandleRef& handle, WatchId id);
  /** Removes a pair; false when the id is unknown. */
  bool erase(WatchId id);
  /** Removes every handle of a file system and appends their ids. Walks the whole table. */
  void erase_fs(uint16_t fs, std::vector<WatchId>& ids);
  size_t size() const { return size_; }
  /** Memory of the table. */
  size_t bytes() const;

 private:
  static constexpr size_t kInline = 20;
  static constexpr uint32_t kBlock = 4096;
  static constexpr uint32_t kNoEntry = UINT32_MAX;
  struct Entry {
    // The first four bytes are an index into spilled_ when it is longer; zero padded.
    std::array<unsigned char, kInline> handle;
    WatchId id;                                 // kNone = free, the first four bytes lead to the next free one
    uint16_t fs;
    uint8_t type;
    uint8_t length;
  };
  static_assert(sizeof(Entry) == 28);
  using Index = std::vector<uint32_t>;  // entry numbers, kNoEntry = empty

  Entry& at(uint32_t number) { return blocks_[number / kBlock][number % kBlock]; }
  const Entry& at(uint32_t number) const { return blocks_[number / kBlock][number % kBlock]; }
  std::string_view bytes_of(const Entry& entry) const;
  size_t home_by_handle(uint32_t number) const;
  size_t home_by_id(uint32_t number) const;
  template <class Home>
  void place(Index& index, uint32_t number, Home home);
  template <class Home>
  void remove(Index& index, size_t slot, Home home);
  void grow();
  uint32_t take_entry();
  void store(Entry& entry, std::string_view bytes);

  std::vector<std::unique_ptr<Entry[]>> blocks_;
  Index by_handle_;
  Index by_id_;
  std::vector<std::string> spilled_;
  std::vector<uint32_t> spilled_free_;
  size_t spilled_bytes_ = 0;
  uint32_t used_ = 0;  // entries ever taken
  uint32_t free_ = kNoEntry;
  size_t size_ = 0;
};

}  // namespace fustor
