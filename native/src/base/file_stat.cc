#include "base/file_stat.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

namespace fustor {

namespace {
constexpr uint64_t kMountRoot = 0x2000;  // STATX_ATTR_MOUNT_ROOT; headers of older distributions lack it

EntryKind kind_of_mode(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return EntryKind::file;
    case S_IFDIR: return EntryKind::directory;
    case S_IFLNK: return EntryKind::symlink;
    case S_IFIFO: return EntryKind::fifo;
    case S_IFSOCK: return EntryKind::socket;
    case S_IFBLK: return EntryKind::block_device;
    case S_IFCHR: return EntryKind::char_device;
    default: return EntryKind::unknown;
  }
}

MountPoint mount_point_of(const struct statx& raw) {
  if (!(raw.stx_attributes_mask & kMountRoot)) return MountPoint::unsaid;
  return raw.stx_attributes & kMountRoot ? MountPoint::yes : MountPoint::no;
}
}  // namespace

int stat_at(int directory_fd, const char* name, FileStat& out) {
  struct statx raw;
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
  if (::statx(directory_fd, name, flags, STATX_BASIC_STATS, &raw) != 0) return errno;
  out.dev = makedev(raw.stx_dev_major, raw.stx_dev_minor);
  out.ino = raw.stx_ino;
  out.size = raw.stx_size;
  out.mtime = {raw.stx_mtime.tv_sec, raw.stx_mtime.tv_nsec};
  out.ctime = {raw.stx_ctime.tv_sec, raw.stx_ctime.tv_nsec};
  out.kind = kind_of_mode(raw.stx_mode);
  out.nlink = raw.stx_nlink;
  out.mount_point = mount_point_of(raw);
  return 0;
}

EntryKind kind_of_dirent(unsigned char d_type) { return d_type == DT_UNKNOWN ? EntryKind::unknown : kind_of_mode(DTTOIF(d_type)); }

}  // namespace fustor
