#include "base/open_beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <string>

namespace fustor {

namespace {
constexpr int kListFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
constexpr int kPathFlags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

std::atomic<bool> openat2_missing{false};

int open_retrying(int directory_fd, const char* path, int flags) {
  int fd;
  do {
    fd = ::openat(directory_fd, path, flags);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

int open_whole(int root_fd, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  long fd;
  int again = 0;
  do {
    fd = ::syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    // EAGAIN: the kernel could not rule out that a rename raced with "..": there is none, so try again.
  } while (fd < 0 && (errno == EINTR || (errno == EAGAIN && again++ < 16)));
  return static_cast<int>(fd);
}

/** How much of a path one call may take: the whole, or as many names as PATH_MAX has room for. */
size_t stride_of(std::string_view path) {
  if (path.size() < PATH_MAX) return path.size();
  const size_t slash = path.substr(0, PATH_MAX).rfind('/');
  return slash == std::string_view::npos ? path.size() : slash;
}

/** For paths longer than PATH_MAX. */
int open_by_strides(int root_fd, std::string_view relative, int last_flags, UniqueFd& out) {
  UniqueFd at;
  while (!relative.empty()) {
    const size_t stride = stride_of(relative);
    const bool last = stride == relative.size();
    const int fd = open_whole(at ? at.get() : root_fd, std::string(relative.substr(0, stride)).c_str(), last ? last_flags : kPathFlags);
    if (fd < 0) return errno;
    at.reset(fd);
    relative = last ? std::string_view{} : relative.substr(stride + 1);
  }
  out = std::move(at);
  return 0;
}

// Before Linux 5.6, and under a seccomp filter that does not know openat2.
int open_by_steps(int root_fd, std::string_view relative, int last_flags, UniqueFd& out) {
  UniqueFd at;
  while (!relative.empty()) {
    const size_t slash = relative.find('/');
    const std::string name(relative.substr(0, slash));
    relative = slash == std::string_view::npos ? std::string_view{} : relative.substr(slash + 1);
    if (name.empty() || name == "." || name == "..") return EINVAL;  // never in a listing; ".." would lead out
    const int flags = relative.empty() ? last_flags : kPathFlags;
    const int fd = open_retrying(at ? at.get() : root_fd, name.c_str(), flags);
    if (fd < 0) return errno;
    at.reset(fd);
  }
  out = std::move(at);
  return 0;
}

int open_beneath(int root_fd, std::string_view relative, int flags, UniqueFd& out) {
  if (relative.empty()) {
    const int fd = open_retrying(root_fd, ".", flags);
    if (fd < 0) return errno;
    out.reset(fd);
    return 0;
  }
  if (openat2_missing) return open_by_steps(root_fd, relative, flags, out);
  if (relative.size() >= PATH_MAX) {
    const int error = open_by_strides(root_fd, relative, flags, out);
    if (error != ENOSYS && error != EPERM) return error;
    return open_by_steps(root_fd, relative, flags, out);
  }
  const int fd = open_whole(root_fd, std::string(relative).c_str(), flags);
  if (fd >= 0) {
    out.reset(fd);
    return 0;
  }
  if (errno != ENOSYS && errno != EPERM) return errno;
  if (errno == ENOSYS) openat2_missing = true;
  return open_by_steps(root_fd, relative, flags, out);
}

}  // namespace

int open_directory_beneath(int root_fd, std::string_view relative, UniqueFd& out) {
  return open_beneath(root_fd, relative, kListFlags, out);
}

int open_path_beneath(int root_fd, std::string_view relative, UniqueFd& out) { return open_beneath(root_fd, relative, kPathFlags, out); }

}  // namespace fustor
