#include "watch/index/index_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/unique_fd.h"
#include "watch/index/checksum.h"
#include "watch/index/sync_folder.h"
#include "watch/model/directory_bits.h"

namespace fustor {

namespace {
constexpr size_t kWriteBytes = 1 << 20;

/** A file of our own at a name that nothing else may have; what an earlier attempt left there goes. */
UniqueFd create(const std::string& path) {
  ::unlink(path.c_str());
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}
}  // namespace

IndexOutcome IndexWriter::write(const std::string& path, const IndexHeader& header) {
  const std::string beside = path + ".new";
  UniqueFd fd = create(beside);
  const bool whole = fd && write_all(fd.get(), header) && ::fsync(fd.get()) == 0;
  const bool stands = whole && ::rename(beside.c_str(), path.c_str()) == 0 && sync_folder_of(path) == 0;
  if (stands) return outcome_;
  if (outcome_.reason.empty()) refuse(std::string("it cannot be written: ") + std::strerror(errno));
  ::unlink(beside.c_str());
  return outcome_;
}

bool IndexWriter::write_all(int fd, const IndexHeader& header) {
  fd_ = fd;
  out_ = kIndexMagic;
  out_.append(reinterpret_cast<const char*>(&kIndexVersion), sizeof(kIndexVersion));
  outcome_.bytes = out_.size();
  encoder_.begin_chunk();
  encoder_.text(header.generation);
  encoder_.text(header.root_identity);
  encoder_.text(header.settings);
  encoder_.number(header.directories);
  encoder_.entry({.name = {}, .stat = header.root, .is_known_directory = true});
  flush();
  seed_ = checksum(0, out_.data(), out_.size());
  if (!write_directories()) return false;
  if (!encoder_.bytes.empty()) flush();
  encoder_.bytes = kIndexEnd;
  encoder_.number(announced_.size());
  encoder_.number(outcome_.entries);
  flush();
  return put();
}

bool IndexWriter::write_directories() {
  announced_.push_back(kRootDir);
  for (size_t next = 0; next < announced_.size(); next++) {
    if (!may_go_on_()) return refuse("there was no time to write it");
    {
      const Locked lock(mutex_);
      if (!table_.valid(announced_[next])) return refuse("the watch was closed");
      if (!encode_directory(lock, announced_[next])) return false;
    }
    flush_if_full();
    if (out_.size() >= kWriteBytes && !put()) return false;
  }
  return true;
}

bool IndexWriter::encode_directory(const Locked&, DirId id) {
  const DirtyDirectory* dirty = dirty_.find(id);
  encoder_.number(table_.at(id).live_entries());
  bool good = true;
  table_.at(id).each([&](const Entry& entry, std::string_view name) {
    if (good) good = encode_entry(id, dirty, entry, name);
    flush_if_full();
  });
  return good;
}

bool IndexWriter::encode_entry(DirId id, const DirtyDirectory* dirty, const Entry& entry, std::string_view name) {
  const bool known = entry.child != kNoDir;
  if (known != (entry.kind == EntryKind::directory)) return refuse("the table holds a directory without contents");
  if (known) {
    const Directory& child = table_.at(entry.child);
    const bool same_disk = child.identity.dev == table_.at(kRootDir).identity.dev;
    if (!same_disk || child.placeholder || child.barred || child.identity.ino != entry.ino) {
      return refuse("another file system lies below the root");
    }
    announced_.push_back(entry.child);
  }
  const bool open = entry.flags & (kWriting | kUnsettled);
  encoder_.entry({.name = name, .stat = entry.to_stat(), .is_known_directory = known, .is_open = open,
                  .is_untold = is_untold(id, dirty, entry, name)});
  outcome_.entries++;
  return true;
}

bool IndexWriter::is_untold(DirId id, const DirtyDirectory* dirty, const Entry& entry, std::string_view name) {
  const bool all = test(untold_, id);
  const DirtyDirectory* own = entry.child == kNoDir ? nullptr : dirty_.find(entry.child);
  if (entry.child != kNoDir && (all || (dirty != nullptr && dirty->announce && dirty->recursive))) {
    set(untold_, entry.child);
  }
  if (all || (entry.flags & kMissing) || (own != nullptr && own->announce)) return true;
  if (dirty == nullptr || dirty->announce) return dirty != nullptr;
  const auto marked = dirty->names.find(name);
  return marked != dirty->names.end() && (marked->second.flags & kMarkAnnounce);
}

void IndexWriter::flush() {
  const auto size = static_cast<uint32_t>(encoder_.bytes.size());
  uint32_t sum = checksum(seed_, &chunks_, sizeof(chunks_));
  sum = checksum(sum, encoder_.bytes.data(), size);
  chunks_++;
  out_.append(reinterpret_cast<const char*>(&size), sizeof(size));
  out_.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  out_.append(encoder_.bytes);
  outcome_.bytes += sizeof(size) + sizeof(sum) + size;
  encoder_.begin_chunk();
}

bool IndexWriter::put() {
  const char* at = out_.data();
  size_t size = out_.size();
  while (size > 0) {
    const ssize_t written = ::write(fd_, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return refuse(std::string("it cannot be written: ") + std::strerror(errno));
    at += written;
    size -= static_cast<size_t>(written);
  }
  out_.clear();
  return true;
}

bool IndexWriter::refuse(std::string reason) {
  outcome_.reason = std::move(reason);
  return false;
}

}  // namespace fustor
