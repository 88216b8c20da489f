#include "watch/model/packed_entries.h"

#include <cstring>

#include "base/varint.h"

namespace fustor {

namespace {

// The head of an entry. Its lowest three bits are the kind.
constexpr uint8_t kKindMask = 7;
constexpr uint8_t kPackedSameTimes = 8;  // ctime equals mtime, as for a file that was written and left alone
constexpr uint8_t kMtimeNanoseconds = 16;
constexpr uint8_t kCtimeNanoseconds = 32;
constexpr uint8_t kHasChild = 64;
static_assert(static_cast<uint8_t>(EntryKind::char_device) <= kKindMask);

class PackedWriter {
 public:
  explicit PackedWriter(std::string& out) : out_(out) {}

  void byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void number(uint64_t value) { append_varint(value, out_); }
  /** It wraps around, so that it fits whatever the two values are. */
  void difference(uint64_t value, uint64_t before) { number(zigzag(value - before)); }
  void nanoseconds(uint32_t value) { out_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void text(std::string_view text) {
    number(text.size());
    out_.append(text);
  }

 private:
  std::string& out_;
};

uint8_t head_of(const Entry& entry) {
  uint8_t head = static_cast<uint8_t>(entry.kind);
  if (entry.ctime_sec == entry.mtime_sec && entry.ctime_nsec == entry.mtime_nsec) head |= kPackedSameTimes;
  if (entry.mtime_nsec != 0) head |= kMtimeNanoseconds;
  if (entry.ctime_nsec != 0) head |= kCtimeNanoseconds;
  if (entry.child != kNoDir) head |= kHasChild;
  return head;
}

}  // namespace

PackedEntries::PackedEntries(const std::vector<Entry>& entries, std::string_view names) {
  thread_local std::string bytes;
  bytes.clear();
  PackedWriter out(bytes);
  Entry before{};
  DirId child_before = 0;
  for (const Entry& entry : entries) {
    if (entry.flags & kDead) continue;
    const uint8_t head = head_of(entry);
    out.byte(head);
    out.byte(entry.flags);
    out.text(names.substr(entry.name_offset, entry.name_length));
    out.difference(entry.ino, before.ino);
    out.number(entry.size);
    out.difference(static_cast<uint64_t>(entry.mtime_sec), static_cast<uint64_t>(before.mtime_sec));
    if (head & kMtimeNanoseconds) out.nanoseconds(entry.mtime_nsec);
    if (!(head & kPackedSameTimes)) {
      out.difference(static_cast<uint64_t>(entry.ctime_sec), static_cast<uint64_t>(entry.mtime_sec));
      if (head & kCtimeNanoseconds) out.nanoseconds(entry.ctime_nsec);
    }
    if (head & kHasChild) {
      out.difference(entry.child, child_before);
      child_before = entry.child;
    }
    before = entry;
    count_++;
    name_bytes_ += entry.name_length;
  }
  size_ = static_cast<uint32_t>(bytes.size());
  if (size_ == 0) return;
  bytes_ = std::make_unique_for_overwrite<uint8_t[]>(size_);
  std::memcpy(bytes_.get(), bytes.data(), size_);
}

uint64_t PackedEntries::Reader::number() {
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const uint8_t byte = *at_++;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

uint64_t PackedEntries::Reader::difference() { return unzigzag(number()); }

uint32_t PackedEntries::Reader::nanoseconds() {
  uint32_t value;
  std::memcpy(&value, at_, sizeof(value));
  at_ += sizeof(value);
  return value;
}

bool PackedEntries::Reader::next(Entry& entry, std::string_view& name) {
  if (left_ == 0) return false;
  left_--;
  const uint8_t head = *at_++;
  entry.kind = static_cast<EntryKind>(head & kKindMask);
  entry.flags = *at_++;
  const size_t length = number();
  name = {reinterpret_cast<const char*>(at_), length};
  at_ += length;
  entry.name_length = static_cast<uint16_t>(length);
  entry.ino = ino_ += difference();
  entry.size = number();
  mtime_ += difference();
  entry.mtime_sec = static_cast<int64_t>(mtime_);
  entry.mtime_nsec = head & kMtimeNanoseconds ? nanoseconds() : 0;
  entry.ctime_sec = entry.mtime_sec;
  entry.ctime_nsec = entry.mtime_nsec;
  if (!(head & kPackedSameTimes)) {
    entry.ctime_sec = static_cast<int64_t>(mtime_ + difference());
    entry.ctime_nsec = head & kCtimeNanoseconds ? nanoseconds() : 0;
  }
  entry.child = kNoDir;
  if (head & kHasChild) entry.child = child_ += static_cast<DirId>(difference());
  return true;
}

}  // namespace fustor
