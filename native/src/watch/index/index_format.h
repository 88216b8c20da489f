// The form of an index: what the tree table held when the engine came to rest, in one file.
//
//   file    = magic, version (u32), chunk of the header, chunks of directories, chunk of the end
//   chunk   = length (u32), checksum (u32), payload of so many bytes
//   header  = generation, identity of the root, settings (texts), directories (a hint), the root's own entry
//   end     = "end", directories, entries
//
// A directory is the number of its entries and then these. The first one is the root; each entry that is a known
// directory announces a directory, and these follow in the order in which they were announced. So the file needs no
// ids, and names stand in it once. A chunk ends behind an entry or a directory's number, at about 64 KB.
//
// An entry: one byte (kind, EntryBit), name, inode as a difference to the one before, size, modification time (seconds
// as a difference to the one before), change time as a difference to that. Numbers are varints (base/varint.h); texts and names are their length and their bytes, as they are. The little-endian u32 are the only
// other numbers.
//
// The checksum of a chunk goes on from the number of the chunk and the checksum of the header, so that a chunk of
// another file, or one in another place, is found out.
//
// What the receiver may lack although it is in the table is marked (kIsUntold): a directory was moved and its contents
// were about to be reported under the new path, or a tree walk missed an entry and a second look was to come.
//
// The device is not in it: numbers of devices are given out again whenever the machine starts. All directories of an
// index lie on the root's file system.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/file_stat.h"
#include "base/varint.h"

namespace fustor {

constexpr std::string_view kIndexMagic = "fustor agent idx";
constexpr uint32_t kIndexVersion = 1;
constexpr size_t kIndexChunkBytes = 64 << 10;
constexpr size_t kLongestName = 65'535;
constexpr size_t kMostEntryBytes = kLongestName + 80;
constexpr size_t kMostChunkBytes = kIndexChunkBytes + kMostEntryBytes;
constexpr size_t kLeastEntryBytes = 7;  // beside its name
constexpr std::string_view kIndexEnd = "end";

inline bool may_be_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || name == "." || name == "..") return false;
  return std::memchr(name.data(), '/', name.size()) == nullptr &&
         std::memchr(name.data(), '\0', name.size()) == nullptr;
}

enum EntryBit : uint8_t {
  kKindBits = 7,
  kIsKnownDirectory = 8,  // its contents follow
  kIsOpen = 16,           // the receiver was told that it is being written
  kSameTimes = 32,        // the change time is the modification time
  kIsUntold = 64,         // it was to be reported again, whether it changed or not
};

/** What the file says of itself and of what it holds. */
struct IndexHeader {
  std::string generation;
  std::string root_identity;
  std::string settings;
  uint64_t directories = 0;
  FileStat root{};
};

/** An entry as it stands in the file. */
struct IndexEntry {
  std::string_view name;
  FileStat stat{};  // without device, links and mount point
  bool is_known_directory = false;
  bool is_open = false;
  bool is_untold = false;
};

/** Appends to a text. Entries take the one before them into account: `begin_chunk`. */
class IndexEncoder {
 public:
  std::string bytes;

  void begin_chunk() {
    bytes.clear();
    inode_ = 0;
    second_ = 0;
  }
  void number(uint64_t value) { append_varint(value, bytes); }
  void text(std::string_view value) {
    number(value.size());
    bytes.append(value);
  }
  void entry(const IndexEntry& entry) {
    const FileStat& stat = entry.stat;
    const bool same = stat.mtime.sec == stat.ctime.sec && stat.mtime.nsec == stat.ctime.nsec;
    const int bits = (entry.is_known_directory ? kIsKnownDirectory : 0) | (entry.is_open ? kIsOpen : 0) |
                     (same ? kSameTimes : 0) | (entry.is_untold ? kIsUntold : 0);
    bytes.push_back(static_cast<char>(static_cast<uint8_t>(stat.kind) | bits));
    text(entry.name);
    difference(stat.ino, inode_);
    number(stat.size);
    difference(static_cast<uint64_t>(stat.mtime.sec), second_);
    number(stat.mtime.nsec);
    inode_ = stat.ino;
    second_ = static_cast<uint64_t>(stat.mtime.sec);
    if (same) return;
    difference(static_cast<uint64_t>(stat.ctime.sec), second_);
    number(stat.ctime.nsec);
  }

 private:
  void difference(uint64_t value, uint64_t before) { number(zigzag(value - before)); }

  uint64_t inode_ = 0;
  uint64_t second_ = 0;
};

/** Reads what an encoder wrote. After the first thing that is wrong everything is: `is_good` says so. */
class IndexDecoder {
 public:
  void begin_chunk(std::string_view bytes) {
    at_ = bytes.data();
    end_ = at_ + bytes.size();
    inode_ = second_ = 0;
  }
  bool is_good() const { return good_; }
  bool is_at_end() const { return at_ == end_; }

  uint64_t number() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const auto byte = static_cast<unsigned char>(*at_++);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    at_ = end_;
    return 0;
  }
  std::string_view text() {
    const uint64_t size = number();
    if (size > static_cast<size_t>(end_ - at_)) {
      good_ = false;
      return {};
    }
    const std::string_view value(at_, size);
    at_ += size;
    return value;
  }
  IndexEntry entry() {
    IndexEntry entry;
    const int bits = at_ == end_ ? 0xFF : static_cast<unsigned char>(*at_++);
    entry.name = text();
    FileStat& stat = entry.stat;
    stat.ino = inode_ = inode_ + difference();
    stat.size = number();
    second_ += difference();
    stat.mtime = {static_cast<int64_t>(second_), nanoseconds()};
    stat.ctime = stat.mtime;
    if (!(bits & kSameTimes)) {
      const uint64_t changed = second_ + difference();
      stat.ctime = {static_cast<int64_t>(changed), nanoseconds()};
    }
    stat.kind = static_cast<EntryKind>(bits & kKindBits);
    entry.is_known_directory = bits & kIsKnownDirectory;
    entry.is_open = bits & kIsOpen;
    entry.is_untold = bits & kIsUntold;
    if (bits > (kKindBits | kIsKnownDirectory | kIsOpen | kSameTimes | kIsUntold)) good_ = false;
    return entry;
  }

 private:
  uint64_t difference() { return unzigzag(number()); }
  uint32_t nanoseconds() {
    const uint64_t value = number();
    if (value > 999'999'999) good_ = false;
    return static_cast<uint32_t>(value);
  }

  const char* at_ = nullptr;
  const char* end_ = nullptr;
  uint64_t inode_ = 0;
  uint64_t second_ = 0;
  bool good_ = true;
};

}  // namespace fustor
