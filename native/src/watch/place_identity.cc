#include "watch/place_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "base/mount_table.h"
#include "watch/fs_probe.h"

namespace fustor {

namespace {
/** From /proc/self/mountinfo, blanks escaped as there; "" when the device is not listed. */
std::string mounted_from(uint64_t dev) {
  const std::shared_ptr<const MountTable> mounts = current_mounts();
  const Mount* mount = mounts->by_dev(dev);
  return mount == nullptr ? "" : mount->source;
}

std::string born(int fd) {
  struct statx info;
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &info) != 0 || !(info.stx_mask & STATX_BTIME)) return "unknown";
  char text[48];
  std::snprintf(text, sizeof(text), "%lld.%09u", static_cast<long long>(info.stx_btime.tv_sec), info.stx_btime.tv_nsec);
  return text;
}
}  // namespace

std::string identity_text(int directory_fd, const FileStat& stat) {
  FsIdentity fs;
  if (identify_fs(directory_fd, fs) != 0) return {};
  char id[32];
  std::snprintf(id, sizeof(id), "%016llx", static_cast<unsigned long long>(fs.fsid));
  const std::string which = fs.fsid != 0 ? "id=" + std::string(id) : "from=" + mounted_from(fs.dev);
  return fs_name(fs.magic) + ' ' + which + " inode=" + std::to_string(stat.ino) + " born=" + born(directory_fd);
}

}  // namespace fustor
