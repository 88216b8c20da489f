// Lists one directory by getdents64, in the order the file system gives, without sorting and without keeping the names.
#pragma once

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace fustor {

/** Reusable, by one thread at a time. */
class DirLister {
 public:
  /**
   * Calls `on_entry(name, d_type) -> bool` for everything but `.` and `..` until it returns false. The name is
   * NUL-terminated behind its end and valid during the call. Waits for the directory's file system.
   *
   * 0 or errno; 0 for a directory that is removed meanwhile. ELOOP when the file system returns the same position again
   * (a known defect of some NFS servers): the listing would never end. ECANCELED when `cancel` became true.
   */
  template <class OnEntry>
  int list(int directory_fd, OnEntry&& on_entry, const std::atomic<bool>* cancel = nullptr);

 private:
  static constexpr size_t kBufferBytes = 64 << 10;
  std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
};

template <class OnEntry>
int DirLister::list(int directory_fd, OnEntry&& on_entry, const std::atomic<bool>* cancel) {
  if (::lseek(directory_fd, 0, SEEK_SET) < 0) return errno;  // an earlier listing left the position at the end
  // Brent's method on the position behind each buffer: a cycle is found after at most a few rounds, with one remembered
  // value.
  int64_t remembered = -1;
  uint64_t round = 0;
  uint64_t power = 1;
  for (;;) {
    if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) return ECANCELED;
    const long got = ::syscall(SYS_getdents64, directory_fd, buffer_.get(), kBufferBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == ENOENT ? 0 : errno;  // removed while we read: it is empty
    if (got == 0) return 0;
    int64_t position = 0;
    for (long at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer_.get() + at);
      at += entry->d_reclen;
      position = entry->d_off;
      const char* name = entry->d_name;
      if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))) continue;
      if (!on_entry(std::string_view(name, std::strlen(name)), entry->d_type)) return 0;
    }
    if (position == remembered) return ELOOP;
    if (++round == power) {
      remembered = position;
      power *= 2;
      round = 0;
    }
  }
}

}  // namespace fustor
