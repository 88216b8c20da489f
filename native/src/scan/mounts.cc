#include "scan/mounts.h"

#include <linux/limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace fustor {

namespace {
// Not all of these are in linux/magic.h of every distribution; the numbers are the kernel's ABI (statfs(2)).
constexpr long kPseudo[] = {
    0x9fa0,      // proc
    0x62656572,  // sysfs
    0x27e0eb,    // cgroup
    0x63677270,  // cgroup2
    0x64626720,  // debugfs
    0x74726163,  // tracefs
    0x73636673,  // securityfs
    0xf97cff8c,  // selinuxfs
    0x6165676c,  // pstorefs
    0xcafe4a11,  // bpf
    0x62656570,  // configfs
    0x65735543,  // fusectl
    0x19800202,  // mqueue
    0x958458f6,  // hugetlbfs
    0x1cd1,      // devpts
    0x0187,      // autofs, untriggered
    0x42494e4d,  // binfmt_misc
    0xde5e81e4,  // efivarfs
    0x6e736673,  // nsfs
    0x67596969,  // rpc_pipefs
};

/** devtmpfs answers statfs with tmpfs' number; only the table of mounts shows which is which. */
bool is_devtmpfs(int directory_fd) {
  struct stat info;
  if (::fstat(directory_fd, &info) != 0) return false;
  const std::shared_ptr<const MountTable> mounts = current_mounts();
  const Mount* mount = mounts->by_dev(info.st_dev);
  return mount != nullptr && mount->type == "devtmpfs";
}
}  // namespace

bool is_pseudo_filesystem(int directory_fd) {
  struct statfs info;
  if (::fstatfs(directory_fd, &info) != 0) return false;
  const auto type = static_cast<unsigned long>(info.f_type) & 0xffffffff;
  if (type == TMPFS_MAGIC) return is_devtmpfs(directory_fd);
  return std::any_of(std::begin(kPseudo), std::end(kPseudo), [type](long pseudo) { return static_cast<unsigned long>(pseudo) == type; });
}

bool is_server_snapshot(int directory_fd, std::string_view name) {
  if (name != ".snapshot" && name != ".zfs") return false;
  constexpr unsigned long kZfs = 0x2fc12fc1;
  struct statfs info;
  if (::fstatfs(directory_fd, &info) != 0) return false;
  return (static_cast<unsigned long>(info.f_type) & 0xffffffff) == (name == ".zfs" ? kZfs : NFS_SUPER_MAGIC);
}

bool keeps_inode_numbers(int directory_fd) {
  struct statfs info;
  if (::fstatfs(directory_fd, &info) != 0) return true;
  switch (static_cast<unsigned long>(info.f_type) & 0xffffffff) {
    case 0x65735546:  // fuse
    case 0x4d44:      // vfat
    case 0x2011bab0:  // exfat
    case 0xff534d42:  // cifs
    case 0xfe534d42:  // smb2
      return false;
    default:
      return true;
  }
}

std::string place_of(int fd) {
  char text[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t got = ::readlink(link.c_str(), text, sizeof(text));
  if (got <= 0 || static_cast<size_t>(got) == sizeof(text)) return {};
  return std::string(text, static_cast<size_t>(got));
}

bool is_below(const std::string& root, const std::string& place, std::string& path) {
  const std::string prefix = root == "/" ? root : root + "/";
  if (place.size() <= prefix.size() || !place.starts_with(prefix)) return false;
  path = place.substr(prefix.size());
  return true;
}

const Mount* mount_of(const std::string& place, const MountTable& mounts) {
  const Mount* found = nullptr;
  std::string rest;
  for (const Mount& mount : mounts.all()) {
    const bool above = mount.place == place || is_below(mount.place, place, rest);
    if (above && (found == nullptr || mount.place.size() >= found->place.size())) found = &mount;
  }
  return found;
}

}  // namespace fustor
