// What the engine knows about one entry, by lstat: links are entries of their own and are never followed.
#pragma once

#include <cstdint>

namespace fustor {

enum class EntryKind : uint8_t { unknown, file, directory, symlink, fifo, socket, block_device, char_device };

/** `sec` may be negative; `nsec` counts forward from it. */
struct Timestamp {
  int64_t sec;
  uint32_t nsec;
};

/**
 * Whether a file system, or part of one, is mounted on an entry. The device number does not show it: btrfs subvolumes
 * have one of their own.
 */
enum class MountPoint : uint8_t { unsaid, no, yes };

struct FileStat {
  uint64_t dev;
  uint64_t ino;
  uint64_t size;
  Timestamp mtime;
  Timestamp ctime;
  EntryKind kind;
  MountPoint mount_point;  // unsaid before Linux 5.8
  uint32_t nlink;

  /** `parent_dev`: device of the directory around it, which decides when the kernel does not say. */
  bool is_mounted(uint64_t parent_dev) const {
    return mount_point == MountPoint::unsaid ? dev != parent_dev : mount_point == MountPoint::yes;
  }
};

/**
 * `name` relative to the directory; "" is the directory itself. Waits for its file system; never triggers an automount.
 * 0 or errno.
 */
int stat_at(int directory_fd, const char* name, FileStat& out);

/** The kind that a directory listing gives, `unknown` when the file system does not say. */
EntryKind kind_of_dirent(unsigned char d_type);

}  // namespace fustor
