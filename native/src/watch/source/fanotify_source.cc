#include "watch/source/fanotify_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "watch/source/fanotify_kernel.h"

namespace fustor {

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

// ---- for the engine -----------------------------------------------------------------------------------------------

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

void FanotifySource::follow(uint64_t inode, bool wanted) {
  const std::lock_guard lock(mutex_);
  if (wanted) {
    followed_.insert(inode);
  } else {
    followed_.erase(inode);
  }
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
