#include "watch/index/index_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/unique_fd.h"
#include "watch/index/checksum.h"
#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr size_t kIndexReadBytes = 1 << 20;

/** No entry on a disk is like this one, so a look at it finds a change. */
FileStat with_unlikely_size(FileStat stat) {
  stat.size = UINT64_MAX;
  return stat;
}
}  // namespace

IndexOutcome IndexReader::read(const std::string& path, const std::string& settings) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  fd_ = fd.get();
  if (!read_all(settings)) {
    table_ = TreeTable();
    if (outcome_.reason.empty()) outcome_.reason = "it is damaged";
  }
  outcome_.generation = header_.generation;
  return outcome_;
}

bool IndexReader::read_all(const std::string& settings) {
  return open() && read_magic() && read_header(settings) && read_directories() && read_end();
}

bool IndexReader::open() {
  if (fd_ < 0) {
    return refuse(errno == ENOENT ? "there is none" : std::string("it cannot be opened: ") + std::strerror(errno));
  }
  struct stat info;
  if (::fstat(fd_, &info) != 0) return refuse(std::string("it cannot be read: ") + std::strerror(errno));
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 022) != 0) {
    return refuse("it is no file that only this user may write");
  }
  left_ = outcome_.bytes = static_cast<uint64_t>(info.st_size);
  file_.resize(kIndexReadBytes);
  return true;
}

bool IndexReader::read_magic() {
  char magic[kIndexMagic.size()];
  uint32_t version = 0;
  if (!take(magic, sizeof(magic)) || std::string_view(magic, sizeof(magic)) != kIndexMagic) return damaged();
  if (!take(&version, sizeof(version))) return damaged();
  return version == kIndexVersion || refuse("another version of the agent wrote it");
}

bool IndexReader::read_header(const std::string& settings) {
  if (!next_chunk()) return false;
  seed_ = head_sum_;
  header_.generation = decoder_.text();
  header_.root_identity = decoder_.text();
  header_.settings = decoder_.text();
  header_.directories = decoder_.number();
  header_.root = decoder_.entry().stat;
  const bool sound = decoder_.is_good() && decoder_.is_at_end() && header_.root.kind == EntryKind::directory;
  if (!sound || header_.root_identity.empty()) return damaged();
  return header_.settings == settings || refuse("it was made with other settings");
}

bool IndexReader::read_directories() {
  const uint64_t most = left_ / kLeastEntryBytes + 1;
  table_.expect_directories(static_cast<size_t>(std::min(header_.directories, most)));
  table_.root_entry().assign(header_.root);
  announced_.push_back(kRootDir);
  for (size_t next = 0; next < announced_.size(); next++) {
    if (decoder_.is_at_end() && !next_chunk()) return false;
    const uint64_t entries = decoder_.number();
    if (!decoder_.is_good() || entries > left_ + kMostChunkBytes) return damaged();
    for (uint64_t i = 0; i < entries; i++) {
      if (decoder_.is_at_end() && !next_chunk()) return false;
      if (!read_entry(announced_[next])) return false;
    }
    table_.pack_idle(monotonic_seconds());
  }
  return decoder_.is_at_end() || damaged();
}

bool IndexReader::read_entry(DirId parent) {
  const IndexEntry entry = decoder_.entry();
  const bool sound = entry.is_known_directory == (entry.stat.kind == EntryKind::directory) && may_be_name(entry.name);
  if (!decoder_.is_good() || !sound) return damaged();
  const DirId child = entry.is_known_directory ? table_.add(parent, entry.name, {0, entry.stat.ino}, false) : kNoDir;
  if (child != kNoDir) announced_.push_back(child);
  // A listing takes an open file for one whose close it missed, and says when it has been quiet for a while.
  Entry& known = table_.at(parent).insert(entry.name, entry.stat);
  known.child = child;
  if (entry.is_untold) known.assign(with_unlikely_size(entry.stat));
  if (entry.is_open) known.flags |= kWriting;
  table_.entry_count++;
  outcome_.entries++;
  return true;
}

bool IndexReader::read_end() {
  if (!next_chunk() || chunk_.size() < kIndexEnd.size() || !chunk_.starts_with(kIndexEnd)) return damaged();
  decoder_.begin_chunk(std::string_view(chunk_).substr(kIndexEnd.size()));
  const bool counts = decoder_.number() == announced_.size() && decoder_.number() == outcome_.entries;
  return (counts && decoder_.is_good() && decoder_.is_at_end() && left_ == 0) || damaged();
}

bool IndexReader::next_chunk() {
  uint32_t size = 0;
  uint32_t wanted = 0;
  if (!take(&size, sizeof(size)) || !take(&wanted, sizeof(wanted))) return damaged();
  if (size == 0 || size > kMostChunkBytes || size > left_) return damaged();
  chunk_.resize(size);
  if (!take(chunk_.data(), size)) return damaged();
  uint32_t sum = checksum(seed_, &chunks_, sizeof(chunks_));
  sum = checksum(sum, chunk_.data(), size);
  chunks_++;
  if (sum != wanted) return damaged();
  decoder_.begin_chunk(chunk_);
  return true;
}

bool IndexReader::take(void* out, size_t size) {
  if (size > left_) return false;
  left_ -= size;
  auto* to = static_cast<char*>(out);
  for (size_t missing = size; missing > 0;) {
    if (begin_ == end_) {
      const ssize_t got = ::read(fd_, file_.data(), file_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
    }
    const size_t part = std::min(missing, end_ - begin_);
    std::memcpy(to + (size - missing), file_.data() + begin_, part);
    begin_ += part;
    missing -= part;
  }
  if (chunks_ == 0) head_sum_ = checksum(head_sum_, out, size);
  return true;
}

bool IndexReader::refuse(std::string reason) {
  outcome_.reason = std::move(reason);
  return false;
}

}  // namespace fustor
