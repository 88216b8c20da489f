// The entries of a directory that nobody looks at, as bytes: about a third of what they take in an array.
//
// One entry after the other: head, flags, length of the name, name, inode, size, times, child. Numbers are varints,
// and inodes, times and children are differences from the entry before, because files of one directory are often made
// one after the other. Nothing is lost: any name, inode, size and time comes back as it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "watch/model/entry.h"

namespace fustor {

class PackedEntries {
 public:
  PackedEntries() = default;
  /** `names` is where the entries have their names. Dead entries are left out. */
  PackedEntries(const std::vector<Entry>& entries, std::string_view names);

  uint32_t count() const { return count_; }
  size_t bytes() const { return size_; }
  /** All names together. */
  size_t name_bytes() const { return name_bytes_; }

  /** Goes through them in their order. */
  class Reader {
   public:
    explicit Reader(const PackedEntries& packed) : at_(packed.bytes_.get()), left_(packed.count_) {}
    /** False at the end. Everything of `entry` is set but the place of its name; `name` lies in the packed bytes. */
    bool next(Entry& entry, std::string_view& name);

   private:
    uint64_t number();
    uint64_t difference();
    uint32_t nanoseconds();

    const uint8_t* at_;
    uint32_t left_;
    uint64_t ino_ = 0;
    uint64_t mtime_ = 0;
    DirId child_ = 0;
  };

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  uint32_t size_ = 0;
  uint32_t count_ = 0;
  uint32_t name_bytes_ = 0;
};

}  // namespace fustor
