#include "watch/mounts/place_identity.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "base/mount_table.h"
#include "scan/mounts.h"
#include "watch/source/fs_probe.h"

namespace fustor {

namespace {
constexpr uint32_t kFuse = 0x65735546;

/** From /proc/self/mountinfo, blanks escaped as there; "" when the device is not listed. */
std::string mounted_from(uint64_t dev) {
  const std::shared_ptr<const MountTable> mounts = current_mounts();
  const Mount* mount = mounts->by_dev(dev);
  return mount == nullptr ? "" : mount->source;
}

/** -1 when /proc does not say. */
int mount_id_of(int fd) {
  std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd));
  for (std::string key, value; info >> key >> value;) {
    if (key == "mnt_id:") return std::atoi(value.c_str());
  }
  return -1;
}

/**
 * What was mounted and the way from there; "" when the mount is in another namespace or its inode numbers are reliable.
 */
std::string way_from_mount(int fd) {
  const std::shared_ptr<const MountTable> mounts = current_mounts();
  const Mount* mount = mounts->by_id(mount_id_of(fd));
  const std::string place = place_of(fd);
  std::string below;
  if (mount == nullptr || mount->type == "fuseblk" || (place != mount->place && !is_below(mount->place, place, below))) return {};
  return "from=" + mount->source + " at=" + (mount->inside == "/" ? "" : mount->inside) + '/' + below;
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
  if (fs.magic == kFuse) {
    if (const std::string way = way_from_mount(directory_fd); !way.empty()) return fs_name(fs.magic) + ' ' + way;
  }
  char id[32];
  std::snprintf(id, sizeof(id), "%016llx", static_cast<unsigned long long>(fs.fsid));
  const std::string which = fs.fsid != 0 ? "id=" + std::string(id) : "from=" + mounted_from(fs.dev);
  return fs_name(fs.magic) + ' ' + which + " inode=" + std::to_string(stat.ino) + " born=" + born(directory_fd);
}

bool is_same_place(const std::string& before, const std::string& now) {
  if (before == now) return true;
  const size_t way = now.rfind(" at=");
  const size_t inode = before.rfind(" inode=");
  const bool earlier = now.starts_with("fuse from=") && way != std::string::npos && inode != std::string::npos;
  return earlier && before.substr(0, inode) == now.substr(0, way);
}

bool lies_in_memory(const std::string& identity_text) { return identity_text.starts_with("tmpfs ") || identity_text.starts_with("ramfs "); }

}  // namespace fustor
