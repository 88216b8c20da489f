// What FanotifySource reads from the kernel, and what it makes of it.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "watch/source/fanotify_kernel.h"
#include "watch/source/fanotify_source.h"

namespace fustor {

ssize_t FanotifySource::read_buffer() {
  ssize_t got;
  do {
    got = ::read(fd_.get(), buffer_.data(), buffer_.size());
  } while (got < 0 && errno == EINTR);
  return got;
}

bool FanotifySource::read(std::vector<KernelEvent>& events) {
  const size_t before = events.size();
  foreign_in_last_read_ = 0;
  const bool changed = mounts_changed();
  {
    const std::lock_guard lock(mutex_);
    if (changed) find_ended();
    report_ended(events);
  }
  // The file system may be busy with other directories: a few rounds, until an event is about an armed one.
  for (int round = 0; round < kReadsAtOnce && events.size() == before; round++) {
    const ssize_t got = read_buffer();
    const bool full = got + static_cast<ssize_t>(kLargestEvent) > static_cast<ssize_t>(buffer_.size());
    const size_t count = got > 0 ? parse(static_cast<size_t>(got), events) : 0;
    if (too_many_wait(count, full)) give_up(events);
    if (!full) break;
  }
  return events.size() > before;
}

size_t FanotifySource::parse(size_t length, std::vector<KernelEvent>& events) {
  const std::lock_guard lock(mutex_);
  const size_t count = for_each_event(buffer_.data(), length, [&](const char* event) { translate(event, events); });
  counts_.events += count;
  return count;
}

void FanotifySource::translate(const char* event, std::vector<KernelEvent>& events) {
  fanotify_event_metadata head;
  std::memcpy(&head, event, sizeof(head));
  if (head.mask & FAN_Q_OVERFLOW) {
    events.push_back({-1, IN_Q_OVERFLOW, 0, {}});
    return;
  }
  const size_t before = events.size();
  const uint32_t is_directory = head.mask & FAN_ONDIR ? IN_ISDIR : 0;
  const uint32_t cookie = head.mask & kRename ? ++cookie_ : 0;
  bool has_directory = false;
  uint64_t inode = 0;
  for (size_t at = head.metadata_len; at + sizeof(fanotify_event_info_fid) + sizeof(file_handle) <= head.event_len;) {
    fanotify_event_info_fid info;
    file_handle handle;
    std::memcpy(&info, event + at, sizeof(info));
    std::memcpy(&handle, event + at + sizeof(info), sizeof(handle));
    constexpr size_t kHead = sizeof(info) + sizeof(handle);
    if (info.hdr.len < kHead || info.hdr.len > head.event_len - at || handle.handle_bytes > info.hdr.len - kHead) break;
    const char* bytes = event + at + kHead;
    const char* name = bytes + handle.handle_bytes;
    const size_t room = info.hdr.len - kHead - handle.handle_bytes;
    at += info.hdr.len;
    Record record{info.hdr.info_type, 0, {0, static_cast<uint8_t>(handle.handle_type), {bytes, handle.handle_bytes}}, {}};
    std::memcpy(&record.fsid, &info.fsid, sizeof(record.fsid));
    if (record.kind == kInfoFile) {
      if (is_directory == 0) inode = inode_of(record);
      continue;
    }
    record.name = {name, strnlen(name, room)};
    has_directory = true;
    if (record.kind == kInfoOldDirName) emit(record, IN_MOVED_FROM | is_directory, cookie, events);
    if (record.kind == kInfoNewDirName) emit(record, IN_MOVED_TO | is_directory, cookie, events);
    if (record.kind == kInfoDirName) emit(record, inotify_mask(head.mask), 0, events);
  }
  const bool from_armed = events.size() > before;
  if (from_armed && (head.mask & kContents)) events.back().inode = inode;
  if (inode != 0) emit_by_inode(inode, head.mask, from_armed, has_directory, events);
  if (events.size() > before) return;
  counts_.foreign++;
  foreign_in_last_read_++;
}

/**
 * The inode number in a file's handle; 0 when this code does not know that kind of handle, because each file system
 * makes its own. A wrong number would cost a look that finds nothing.
 */
uint64_t FanotifySource::inode_of(Record& record) const {
  constexpr uint32_t kTmpfs = 0x01021994;
  constexpr uint8_t kInode32 = 1;
  constexpr uint8_t kInode64 = 0x81;
  constexpr uint8_t kBtrfs = 0x4d;
  if (!find_file_system(record)) return 0;
  const std::string_view bytes = record.handle.bytes;
  uint32_t words[3] = {};
  std::memcpy(words, bytes.data(), std::min(sizeof(words), bytes.size()));
  uint64_t wide;
  std::memcpy(&wide, words, sizeof(wide));
  switch (record.handle.type) {
    case kInode32:
      if (bytes.size() == 8) return words[0];
      return bytes.size() == 12 && file_systems_[record.handle.fs].identity.magic == kTmpfs ? words[1] | uint64_t{words[2]} << 32 : 0;
    case kInode64: return bytes.size() == 12 ? wide : 0;
    case kBtrfs: return bytes.size() == 20 ? wide : 0;
    default: return 0;
  }
}

/** Events of the file itself, beyond its directory and name or without them. */
void FanotifySource::emit_by_inode(uint64_t inode, uint64_t mask, bool from_armed, bool has_directory, std::vector<KernelEvent>& events) {
  if (has_directory) {
    const bool names_the_place = (mask & FAN_DELETE) || (from_armed && (mask & FAN_CREATE));
    if (names_the_place && waiting_attribs_ > 0 && take_back(inode, events)) return;
    if (from_armed || !(mask & kContents) || followed_.empty() || !followed_.contains(inode)) return;
  } else if (mask & FAN_DELETE_SELF) {
    if (waiting_attribs_ > 0) take_back(inode, events);
    return;
  } else if (!(mask & kContents)) {
    return;
  } else if ((mask & kContents) == FAN_ATTRIB) {
    uint64_t& slot = attribs_[next_attrib_++ % attribs_.size()];
    waiting_attribs_ += slot == 0 ? 1 : 0;
    slot = inode;
  }
  events.push_back({kByInode, inotify_mask(mask & kContents), 0, {}, {}, inode});
}

bool FanotifySource::take_back(uint64_t inode, std::vector<KernelEvent>& events) {
  const auto found = std::find(attribs_.begin(), attribs_.end(), inode);
  if (found == attribs_.end()) return false;
  *found = 0;
  waiting_attribs_--;
  events.push_back({kByInode, IN_DELETE, 0, {}, {}, inode});
  return true;
}

bool FanotifySource::find_file_system(Record& record) const {
  for (size_t i = 0; i < file_systems_.size(); i++) {
    const FileSystem& fs = file_systems_[i];
    if (fs.state == MarkState::ended || fs.identity.fsid != record.fsid) continue;
    record.handle.fs = static_cast<uint16_t>(i);
    return true;
  }
  return false;
}

void FanotifySource::emit(Record& record, uint32_t mask, uint32_t cookie, std::vector<KernelEvent>& events) {
  if (!find_file_system(record)) return;
  const bool itself = record.name.empty() || record.name == ".";
  const std::string_view name = itself ? std::string_view{} : record.name;
  const WatchId id = table_.find(record.handle);
  if (id == HandleTable::kNone) {
    if (tell_unarmed_ && !(mask & IN_DELETE_SELF)) events.push_back({kUnarmed, mask, cookie, name, record.handle});
    return;
  }
  events.push_back({id, mask, cookie, name});
  if (!itself || !(mask & IN_DELETE_SELF)) return;
  table_.erase(id);
  events.push_back({id, IN_IGNORED, 0, {}});
}

// ---- too much -------------------------------------------------------------------------------------------------------------------

bool FanotifySource::too_many_wait(size_t count, bool full) {
  if (!full) {
    unrested_ = next_check_ = 0;
    return false;
  }
  unrested_ += count;
  if (unrested_ < next_check_) return false;
  next_check_ = unrested_ + kCheckEvery;
  int waiting_bytes = 0;  // 24 for each event, whatever its real length
  if (::ioctl(fd_.get(), FIONREAD, &waiting_bytes) != 0) return false;
  return waiting_bytes < 0 || static_cast<size_t>(waiting_bytes) / sizeof(fanotify_event_metadata) > options_.max_queued;
}

/** Ends when the queue is empty: without marks nothing is added. */
void FanotifySource::give_up(std::vector<KernelEvent>& events) {
  {
    const std::lock_guard lock(mutex_);
    ::fanotify_mark(fd_.get(), FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, nullptr);
    for (FileSystem& fs : file_systems_) {
      if (fs.state == MarkState::marked) fs.state = MarkState::none;
    }
    flushes_++;
  }
  std::vector<char> waste(kBufferBytes);  // the names of `events` lie in buffer_
  uint64_t discarded = 0;
  for (;;) {
    const ssize_t got = ::read(fd_.get(), waste.data(), waste.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    discarded += for_each_event(waste.data(), static_cast<size_t>(got), [](const char*) {});
  }
  unrested_ = next_check_ = 0;
  events.push_back({-1, IN_Q_OVERFLOW, 0, {}});
  const std::lock_guard lock(mutex_);
  counts_.events += discarded;
  counts_.discarded += discarded;
}

}  // namespace fustor
