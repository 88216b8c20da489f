#include "watch/index/index_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/unique_fd.h"
#include "watch/index/checksum.h"
#include "watch/index/sync_folder.h"
#include "watch/model/directory_bits.h"
#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr size_t kWriteBytes = 1 << 20;
constexpr size_t kPieceEntries = 32'768;  // of one hold of the mutex: two milliseconds
constexpr auto kBusyPause = std::chrono::milliseconds(1);

/** A file of our own at a name that nothing else may have; what an earlier attempt left there goes. */
UniqueFd create(const std::string& path) {
  ::unlink(path.c_str());
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}
}  // namespace

IndexOutcome IndexWriter::write(const std::string& path, const IndexHeader& header) {
  const std::string beside = path + ".new";
  UniqueFd fd = create(beside);
  const bool whole = fd && write_all(fd.get(), header) && (is_live_ || ::fsync(fd.get()) == 0);
  const bool is_there =
      whole && ::rename(beside.c_str(), path.c_str()) == 0 && (is_live_ || sync_folder_of(path) == 0);
  if (is_there) return outcome_;
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
  int64_t begun_ns = monotonic_ns();
  for (size_t next = 0; next < announced_.size(); next++) {
    if (!copy_directory(announced_[next]) || !encode_copies()) return false;
    if (out_.size() < kWriteBytes) continue;
    if (!put()) return false;
    pause_after(begun_ns);
    begun_ns = monotonic_ns();
  }
  return true;
}

/** Live work has the cores first. */
void IndexWriter::pause_after(int64_t begun_ns) const {
  if (is_live_) std::this_thread::sleep_for(std::chrono::nanoseconds(monotonic_ns() - begun_ns));
}

bool IndexWriter::copy_directory(DirId id) {
  copies_.clear();
  copied_names_.clear();
  size_t slot = 0;
  uint32_t compactions = 0;
  for (size_t pieces = 0;;) {
    if (!may_go_on_()) return refuse("there was no time to write it");
    {
      const Locked lock(mutex_);
      if (!table_.valid(id)) return is_live_ || refuse("the watch was closed");
      // A thread looks at it: what it is about to report is not marked anywhere.
      const bool waits = is_live_ && table_.at(id).busy;
      if (!waits) {
        const bool moved = pieces > 0 && (!table_.at(id).is_open() || table_.at(id).compactions() != compactions);
        if (moved) {
          copies_.clear();
          copied_names_.clear();
          slot = 0;
        }
        const bool is_whole = copy_piece(lock, id, slot);
        pieces++;
        if (is_whole) break;
        compactions = table_.at(id).compactions();
        continue;
      }
    }
    std::this_thread::sleep_for(kBusyPause);
  }
  if (slot > kPieceEntries) drop_older();
  return is_placed_ || refuse("another file system lies below the root, or a directory has no contents yet");
}

bool IndexWriter::copy_piece(const Locked& lock, DirId id, size_t& slot) {
  const DirtyDirectory* dirty = dirty_.find(id);
  Directory& directory = table_.at(id);
  if (directory.live_entries() <= kPieceEntries && slot == 0) {
    directory.each([&](const Entry& entry, std::string_view name) { copy_entry(lock, id, dirty, entry, name); });
    return true;
  }
  const std::vector<Entry>& slots = directory.slots();
  const size_t end = std::min(slots.size(), slot + kPieceEntries);
  for (; slot < end; slot++) {
    const Entry& entry = slots[slot];
    if (!(entry.flags & kDead)) copy_entry(lock, id, dirty, entry, directory.name_of(entry));
  }
  return slot >= slots.size();
}

void IndexWriter::copy_entry(const Locked&, DirId id, const DirtyDirectory* dirty, const Entry& entry,
                             std::string_view name) {
  const bool known = entry.child != kNoDir;
  if (known != (entry.kind == EntryKind::directory)) is_placed_ = false;
  if (known) {
    const Directory& child = table_.at(entry.child);
    const bool same_disk = child.identity.dev == table_.at(kRootDir).identity.dev;
    if (!same_disk || child.placeholder || child.barred || child.identity.ino != entry.ino) is_placed_ = false;
  }
  copies_.push_back({entry.to_stat(), copied_names_.size(), static_cast<uint32_t>(name.size()), entry.child,
                     (entry.flags & (kWriting | kUnsettled)) != 0, is_untold(id, dirty, entry, name)});
  copied_names_.append(name);
}

void IndexWriter::drop_older() {
  std::unordered_set<std::string_view> names;
  const auto is_older = [&](const Copy& copy) {
    return !names.insert(std::string_view(copied_names_).substr(copy.name_begin, copy.name_length)).second;
  };
  std::vector<Copy> kept;
  for (auto copy = copies_.rbegin(); copy != copies_.rend(); ++copy) {
    if (!is_older(*copy)) kept.push_back(*copy);
  }
  copies_ = std::move(kept);
}

bool IndexWriter::encode_copies() {
  encoder_.number(copies_.size());
  flush_if_full();
  for (const Copy& copy : copies_) {
    const bool known = copy.child != kNoDir;
    if (known) announced_.push_back(copy.child);
    encoder_.entry({.name = std::string_view(copied_names_).substr(copy.name_begin, copy.name_length),
                    .stat = copy.stat, .is_known_directory = known, .is_open = copy.is_open,
                    .is_untold = copy.is_untold});
    outcome_.entries++;
    flush_if_full();
  }
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
