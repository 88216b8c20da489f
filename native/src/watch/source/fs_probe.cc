#include "watch/source/fs_probe.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "base/mount_table.h"

namespace fustor {

namespace {
struct Named {
  uint32_t magic;
  const char* name;
};
// statfs(2); not all of them are in linux/magic.h of every distribution.
constexpr Named kNames[] = {
    {0xef53, "ext4"},         {0x58465342, "xfs"},      {0x9123683e, "btrfs"},    {0x01021994, "tmpfs"},   {0x794c7630, "overlay"},
    {0x65735546, "fuse"},     {0x6969, "nfs"},          {0xff534d42, "cifs"},     {0xfe534d42, "smb2"},    {0x2fc12fc1, "zfs"},
    {0xf2f52010, "f2fs"},     {0xca451a4e, "bcachefs"}, {0x73717368, "squashfs"}, {0xe0f5e1e2, "erofs"},   {0x4d44, "vfat"},
    {0x2011bab0, "exfat"},    {0x9660, "iso9660"},      {0x858458f6, "ramfs"},    {0x00c36400, "ceph"},    {0x0bd00bd0, "lustre"},
    {0x47504653, "gpfs"},     {0x01161970, "gfs2"},     {0x7461636f, "ocfs2"},    {0x01021997, "9p"},      {0x5346544e, "ntfs"},
    {0x19830326, "beegfs"},   {0x5346414f, "afs"},      {0xf15f, "ecryptfs"},     {0x3153464a, "jfs"},     {0x52654973, "reiserfs"},
};

/** As the kernel keeps it inside: 12 bits major, 20 bits minor. */
uint32_t kernel_device(uint64_t dev) { return major(dev) << 20 | minor(dev); }
}  // namespace

int identify_fs(int fd, FsIdentity& out) {
  struct stat stat;
  struct statfs info;
  if (::fstat(fd, &stat) != 0 || ::fstatfs(fd, &info) != 0) return errno;
  static_assert(sizeof(info.f_fsid) == sizeof(out.fsid));
  out.dev = stat.st_dev;
  std::memcpy(&out.fsid, &info.f_fsid, sizeof(out.fsid));
  out.magic = static_cast<uint32_t>(info.f_type);
  return 0;
}

std::string fs_name(uint32_t magic) {
  const auto found = std::find_if(std::begin(kNames), std::end(kNames), [magic](const Named& named) { return named.magic == magic; });
  if (found != std::end(kNames)) return found->name;
  char text[16];
  std::snprintf(text, sizeof(text), "0x%x", magic);
  return text;
}

uint32_t superblock_of_mount(int mount_id, uint64_t dev) {
  const std::shared_ptr<const MountTable> mounts = current_mounts();
  const Mount* mount = mounts->by_id(mount_id);
  return kernel_device(mount == nullptr ? dev : mount->dev);
}

bool marked_superblocks(int fd, std::vector<uint32_t>& out) {
  std::ifstream fdinfo("/proc/self/fdinfo/" + std::to_string(fd));
  bool readable = false;
  for (std::string line; std::getline(fdinfo, line);) {
    uint32_t device;
    if (line.starts_with("fanotify flags:")) readable = true;  // not there when the kernel was built without it
    if (std::sscanf(line.c_str(), "fanotify sdev:%x", &device) == 1) out.push_back(device);
  }
  return readable;
}

}  // namespace fustor
