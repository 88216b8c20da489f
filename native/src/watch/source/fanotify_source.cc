#include "watch/source/fanotify_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

namespace fustor {

namespace {
// The kernel's ABI; headers of older distributions lack the newer ones.
constexpr uint64_t kRename = 0x10000000;
constexpr unsigned kReportTarget = FAN_REPORT_FID | 0x1000;  // with FAN_REPORT_TARGET_FID
constexpr uint8_t kInfoFile = 1;
constexpr uint8_t kInfoDirName = 2;
constexpr uint8_t kInfoOldDirName = 10;
constexpr uint8_t kInfoNewDirName = 12;

// Never FAN_OPEN or FAN_ACCESS: the engine's own listings would cause events.
constexpr uint64_t kMask =
    FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR;

/** Events about the file itself, under whatever name. */
constexpr uint64_t kContents = FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB;

struct Bit {
  uint64_t from;
  uint32_t to;
};
constexpr Bit kBits[] = {
    {FAN_CREATE, IN_CREATE},         {FAN_DELETE, IN_DELETE},           {FAN_MODIFY, IN_MODIFY},
    {FAN_CLOSE_WRITE, IN_CLOSE_WRITE}, {FAN_ATTRIB, IN_ATTRIB},         {FAN_MOVED_FROM, IN_MOVED_FROM},
    {FAN_MOVED_TO, IN_MOVED_TO},     {FAN_DELETE_SELF, IN_DELETE_SELF}, {FAN_MOVE_SELF, IN_MOVE_SELF},
    {FAN_ONDIR, IN_ISDIR},
};

uint32_t inotify_mask(uint64_t mask) {
  uint32_t out = 0;
  for (const Bit& bit : kBits) {
    if (mask & bit.from) out |= bit.to;
  }
  return out;
}

/** Returns how many there were. Groups that report handles open no descriptors: there is nothing to close. */
template <class Visit>
size_t for_each_event(const char* data, size_t length, Visit visit) {
  size_t count = 0;
  for (size_t at = 0; at + sizeof(fanotify_event_metadata) <= length; count++) {
    fanotify_event_metadata event;
    std::memcpy(&event, data + at, sizeof(event));
    if (event.event_len < sizeof(event) || at + event.event_len > length) break;
    visit(data + at);
    at += event.event_len;
  }
  return count;
}

struct HandleBuffer {
  alignas(file_handle) char space[sizeof(file_handle) + MAX_HANDLE_SZ];
  int mount_id = 0;

  int read(int fd) {
    handle().handle_bytes = MAX_HANDLE_SZ;
    return ::name_to_handle_at(fd, "", &handle(), &mount_id, AT_EMPTY_PATH) == 0 ? 0 : errno;
  }
  file_handle& handle() { return *reinterpret_cast<file_handle*>(space); }
  HandleRef ref(uint16_t fs) {
    return {fs, static_cast<uint8_t>(handle().handle_type),
            {reinterpret_cast<const char*>(handle().f_handle), handle().handle_bytes}};
  }
};
}  // namespace

/** An information record of an event: directory and name. */
struct FanotifySource::Record {
  uint8_t kind;
  uint64_t fsid;
  HandleRef handle;  // the file system's number is filled in when it is found
  std::string_view name;
};

int FanotifySource::open() {
  const unsigned flags =
      FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_NONBLOCK | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS;
  fd_.reset(::fanotify_init(flags | kReportTarget, O_RDONLY | O_CLOEXEC));
  if (!fd_ && errno == EINVAL) fd_.reset(::fanotify_init(flags, O_RDONLY | O_CLOEXEC));
  if (!fd_) return errno;
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return errno;
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd_.get(), &wanted) != 0) return errno;
  mounts_wake_.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  mounts_ask_.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  wanted.events = EPOLLPRI;
  if (mounts_wake_ && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, mounts_wake_.get(), &wanted) != 0) return errno;
  mounts_changed();
  buffer_.resize(kBufferBytes);
  move_mask_ = options_.rename_events ? kRename : (FAN_MOVED_FROM | FAN_MOVED_TO);
  return 0;
}

// ---- arming ---------------------------------------------------------------------------------------------------------------------

int FanotifySource::arm(int directory_fd, WatchId& id) {
  FsIdentity identity;
  const int error = identify_fs(directory_fd, identity);
  return error != 0 ? error : arm_on(identity, directory_fd, id);
}

int FanotifySource::arm_on(const FsIdentity& fs, int directory_fd, WatchId& id) {
  HandleBuffer handle;
  if (const int error = handle.read(directory_fd); error != 0) return error;
  std::unique_lock lock(mutex_);
  uint16_t number;
  if (const int error = file_system_of(lock, fs, handle.mount_id, directory_fd, number); error != 0) return error;
  const HandleRef ref = handle.ref(number);
  id = table_.find(ref);
  if (id != HandleTable::kNone) return 0;
  if (next_id_ == INT32_MIN) return ENOSPC;
  id = next_id_--;
  table_.insert(ref, id);
  return 0;
}

void FanotifySource::disarm(WatchId id) {
  const std::lock_guard lock(mutex_);
  table_.erase(id);
}

/** Marks the file system unless it is marked. Marking asks the file system, so it happens without the mutex. */
int FanotifySource::file_system_of(std::unique_lock<std::mutex>& lock, const FsIdentity& identity, int mount_id, int directory_fd,
                                   uint16_t& number) {
  if (identity.fsid == 0) return ENODEV;
  for (;;) {
    size_t slot;
    if (const int error = slot_of(identity, slot); error != 0) return error;
    if (slot < file_systems_.size() && file_systems_[slot].identity == identity && file_systems_[slot].state == MarkState::marked) {
      number = static_cast<uint16_t>(slot);
      return 0;
    }
    FileSystem marked;
    marked.identity = identity;
    const uint64_t flushes = flushes_;
    if (const int error = add_mark(lock, marked, mount_id, directory_fd); error != 0) return error;
    if (flushes != flushes_) continue;  // all marks were removed meanwhile, also this one
    if (const int error = slot_of(identity, slot); error != 0) return error;
    if (slot > UINT16_MAX) return ENOSPC;
    if (slot == file_systems_.size()) file_systems_.emplace_back();
    file_systems_[slot] = marked;
  }
}

/** The place of a file system in the list, or a free place for it. */
int FanotifySource::slot_of(const FsIdentity& identity, size_t& slot) {
  size_t found = file_systems_.size();
  size_t free = file_systems_.size();
  bool checked = false;
  for (size_t i = 0; i < file_systems_.size(); i++) {
    FileSystem& fs = file_systems_[i];
    if (fs.state == MarkState::ended) {
      free = i;
    } else if (fs.identity == identity) {
      found = i;
    } else if (fs.identity.dev == identity.dev) {
      end_file_system(i);  // the device number has a new owner
      free = i;
    } else if (fs.identity.fsid == identity.fsid) {
      // Two disks with one id: their events could not be told apart. Unless the other one is gone and no read has
      // noticed that yet.
      if (!checked) find_ended();
      checked = true;
      if (fs.state == MarkState::marked) return EEXIST;
      if (fs.state == MarkState::none) end_file_system(i);
      free = i;
    }
  }
  slot = found == file_systems_.size() ? free : found;
  return 0;
}

/** Releases the mutex meanwhile. */
int FanotifySource::add_mark(std::unique_lock<std::mutex>& lock, FileSystem& fs, int mount_id, int directory_fd) {
  uint64_t move_mask = move_mask_;
  lock.unlock();
  char path[40];  // not the descriptor itself: fanotify_mark refuses those opened with O_PATH
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", directory_fd);
  const auto mark = [&] {
    const bool done = ::fanotify_mark(fd_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kMask | move_mask, AT_FDCWD, path) == 0;
    return done ? 0 : errno;
  };
  int error = mark();
  if (error == EINVAL && move_mask == kRename) {
    move_mask = FAN_MOVED_FROM | FAN_MOVED_TO;
    error = mark();
  }
  lock.lock();
  if (error != 0) return error;
  move_mask_ = move_mask;
  fs.superblock = superblock_of_mount(mount_id, fs.identity.dev);
  fs.state = MarkState::marked;
  return 0;
}

// ---- file systems that go away --------------------------------------------------------------------------------------------------

bool FanotifySource::mounts_changed() const {
  if (!mounts_ask_) return false;
  pollfd ask{mounts_ask_.get(), POLLPRI, 0};
  return ::poll(&ask, 1, 0) > 0;
}

void FanotifySource::end_file_system(size_t number) {
  file_systems_[number].state = MarkState::ended;
  table_.erase_fs(static_cast<uint16_t>(number), ended_);
}

void FanotifySource::find_ended() {
  std::vector<uint32_t> alive;
  if (!marked_superblocks(fd_.get(), alive)) return;
  for (size_t i = 0; i < file_systems_.size(); i++) {
    const FileSystem& fs = file_systems_[i];
    if (fs.state == MarkState::marked && std::find(alive.begin(), alive.end(), fs.superblock) == alive.end()) end_file_system(i);
  }
}

void FanotifySource::report_ended(std::vector<KernelEvent>& events) {
  for (const WatchId id : ended_) {
    events.push_back({id, IN_UNMOUNT | IN_ISDIR, 0, {}});
    events.push_back({id, IN_IGNORED, 0, {}});
  }
  ended_.clear();
}

// ---- reading --------------------------------------------------------------------------------------------------------------------

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

int FanotifySource::open_unarmed(const HandleRef& handle, int on_mount, UniqueFd& out) {
  HandleBuffer buffer;
  if (handle.bytes.size() > MAX_HANDLE_SZ) return EINVAL;
  buffer.handle().handle_bytes = static_cast<unsigned>(handle.bytes.size());
  buffer.handle().handle_type = handle.type;
  std::memcpy(buffer.handle().f_handle, handle.bytes.data(), handle.bytes.size());
  out.reset(::open_by_handle_at(on_mount, &buffer.handle(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return out ? 0 : errno;
}

uint64_t FanotifySource::device_of(const HandleRef& handle) const {
  const std::lock_guard lock(mutex_);
  if (handle.fs >= file_systems_.size() || file_systems_[handle.fs].state == MarkState::ended) return 0;
  return file_systems_[handle.fs].identity.dev;
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

void FanotifySource::follow(uint64_t inode, bool wanted) {
  const std::lock_guard lock(mutex_);
  if (wanted) {
    followed_.insert(inode);
  } else {
    followed_.erase(inode);
  }
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

FanotifyStats FanotifySource::stats() const {
  const std::lock_guard lock(mutex_);
  FanotifyStats stats = counts_;
  stats.directories = table_.size();
  stats.table_bytes = table_.bytes();
  stats.file_systems = static_cast<uint32_t>(
      std::count_if(file_systems_.begin(), file_systems_.end(), [](const FileSystem& fs) { return fs.state == MarkState::marked; }));
  return stats;
}

}  // namespace fustor
