#include "watch/place_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "watch/fs_probe.h"

namespace fustor {

namespace {
/** From /proc/self/mountinfo, blanks escaped as there; "" when the device is not listed. */
std::string mounted_from(uint64_t dev) {
  const std::string device = std::to_string(major(dev)) + ':' + std::to_string(minor(dev));
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line; std::getline(mountinfo, line);) {
    std::istringstream fields(line);
    std::string id, parent, found, field, type, from;
    if (!(fields >> id >> parent >> found) || found != device) continue;
    while (fields >> field && field != "-") {
    }
    return fields >> type >> from ? from : "";
  }
  return {};
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
