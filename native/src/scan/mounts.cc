#include "scan/mounts.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <fstream>
#include <sstream>

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

/** mountinfo writes blanks, tabs, newlines and backslashes as three octal digits. */
std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 | (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

/** devtmpfs answers statfs with tmpfs' number; only mountinfo tells them apart. */
bool is_devtmpfs(int directory_fd) {
  struct stat info;
  if (::fstat(directory_fd, &info) != 0) return false;
  const std::string device = std::to_string(major(info.st_dev)) + ':' + std::to_string(minor(info.st_dev));
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line; std::getline(mountinfo, line);) {
    std::istringstream fields(line);
    std::string id, parent, found, field, type;
    if (!(fields >> id >> parent >> found) || found != device) continue;
    while (fields >> field && field != "-") {
    }
    return static_cast<bool>(fields >> type) && type == "devtmpfs";
  }
  return false;
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

std::vector<std::string> mounts_below(const std::string& root) {
  const std::string prefix = root == "/" ? "/" : root + "/";
  std::vector<std::string> paths;
  std::ifstream mountinfo("/proc/self/mountinfo");
  for (std::string line; std::getline(mountinfo, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, inside, where;
    if (!(fields >> id >> parent >> device >> inside >> where)) continue;
    where = unescape(where);
    if (where.size() > prefix.size() && where.starts_with(prefix)) paths.push_back(where.substr(prefix.size()));
  }
  return paths;
}

}  // namespace fustor
