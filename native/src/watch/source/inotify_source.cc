#include "watch/source/inotify_source.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/own_working_directory.h"

namespace fustor {

namespace {
// IN_CLOSE_WRITE, because a write through mmap sends no IN_MODIFY at all; not IN_EXCL_UNLINK, because what is written
// to a file through a name that is gone changes its other names (O_TMPFILE files appear as `#<inode>` for that, which
// is only one more name that is not there); never IN_OPEN or IN_ACCESS: the engine's own listings would cause events.
constexpr uint32_t kWatchMask =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

uint32_t read_limit() {
  char text[32] = {};
  UniqueFd fd(::open("/proc/sys/fs/inotify/max_user_watches", O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 || ::read(fd.get(), text, sizeof(text) - 1) <= 0) return 0;
  return static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}
}  // namespace

int InotifySource::open() {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return errno;
  fd_.reset(fd);
  limit_ = read_limit();
  buffer_.resize(kBufferBytes);
  return 0;
}

// By descriptor, not by path: so the watched directory is the one that is listed, also after a rename, and PATH_MAX
// does not matter.
int InotifySource::arm(int directory_fd, WatchId& id) {
  char path[40] = ".";
  const WorkingIn directory(directory_fd);
  if (!directory) std::snprintf(path, sizeof(path), "/proc/self/fd/%d", directory_fd);
  const int wd = inotify_add_watch(fd_.get(), path, kWatchMask);
  if (wd < 0) return errno;
  id = wd;
  return 0;
}

void InotifySource::disarm(WatchId id) { inotify_rm_watch(fd_.get(), id); }

bool InotifySource::read(std::vector<KernelEvent>& events) {
  ssize_t got;
  do {
    got = ::read(fd_.get(), buffer_.data(), buffer_.size());
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  for (ssize_t at = 0; at + static_cast<ssize_t>(sizeof(inotify_event)) <= got;) {
    inotify_event event;
    std::memcpy(&event, buffer_.data() + at, sizeof(event));
    const char* name = buffer_.data() + at + sizeof(event);
    events.push_back({event.wd, event.mask, event.cookie, {name, event.len == 0 ? 0 : strnlen(name, event.len)}});
    at += static_cast<ssize_t>(sizeof(event)) + event.len;
  }
  return true;
}

}  // namespace fustor
