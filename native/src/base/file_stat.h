// What the engine knows of one entry, by lstat: links are entries and are never followed.
#pragma once

#include <cstdint>

namespace fustor {

enum class EntryKind : uint8_t { unknown, file, directory, symlink, fifo, socket, block_device, char_device };

/** `sec` may be negative; `nsec` counts forward from it. */
struct Timestamp {
  int64_t sec;
  uint32_t nsec;
};

struct FileStat {
  uint64_t dev;
  uint64_t ino;
  uint64_t size;
  Timestamp mtime;
  Timestamp ctime;
  EntryKind kind;
  uint32_t nlink;
};

/** `name` relative to the directory; "" is the directory itself. Never triggers an automount. 0 or errno. */
int stat_at(int directory_fd, const char* name, FileStat& out);

/** The kind a directory listing told, `unknown` when the file system does not say. */
EntryKind kind_of_dirent(unsigned char d_type);

}  // namespace fustor
