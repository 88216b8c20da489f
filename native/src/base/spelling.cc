#include "base/spelling.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <unordered_set>

#include "base/dir_lister.h"
#include "base/file_stat.h"
#include "base/name_hash.h"
#include "base/unique_fd.h"

namespace fustor {

namespace {
constexpr int kCasefold = 0x40000000;  // FS_CASEFOLD_FL; headers of older distributions lack it

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/** Whether directories of this file system may be made to fold case, and the kernel was built for it. */
bool may_fold(int directory_fd) {
  struct statfs info;
  if (::fstatfs(directory_fd, &info) != 0) return false;
  switch (static_cast<unsigned long>(info.f_type) & 0xffffffff) {
    case 0xef53: return ::access("/sys/fs/ext4/features/casefold", F_OK) == 0;
    case 0xf2f52010: return ::access("/sys/fs/f2fs/features/casefold", F_OK) == 0;
    case 0x01021994: return ::access("/sys/fs/tmpfs/features/casefold", F_OK) == 0;
    case 0xca451a4e: return true;  // bcachefs
    default: return false;
  }
}
}  // namespace

std::string respelled(std::string_view name) {
  std::string other(name);
  for (char& c : other) {
    if (is_letter(c)) c = static_cast<char>(c ^ 0x20);
  }
  return other == name ? "" : other;
}

std::string folded(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) {
    if (is_letter(c)) c = static_cast<char>(c | 0x20);
  }
  return lower;
}

Spelling spelling_of(int directory_fd, const std::string& name) {
  const std::string other = respelled(name);
  if (other.empty()) return Spelling::unknown;
  FileStat stat;
  const int error = stat_at(directory_fd, other.c_str(), stat);
  if (error != 0 && error != ENOENT) return Spelling::unknown;
  if (may_fold(directory_fd)) return Spelling::per_directory;
  if (error == ENOENT) return stat_at(directory_fd, name.c_str(), stat) == 0 ? Spelling::exact : Spelling::unknown;
  // Both spellings are found: two files, or one file. Not every file system has inode numbers that show which, so a
  // listing decides.
  std::vector<std::string> names{name, other};
  return names_not_listed(directory_fd, names) && names.size() == 1 ? Spelling::free : Spelling::unknown;
}

bool folds_case(int directory_fd) {
  int flags = 0;
  return ::ioctl(directory_fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & kCasefold);
}

bool names_not_listed(int directory_fd, std::vector<std::string>& names) {
  std::unordered_set<std::string, NameHash, SameName> wanted(names.begin(), names.end());
  // Opened again, because the caller may be in the middle of a listing with its own descriptor.
  const UniqueFd again(::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (!again) return false;
  DirLister lister;
  const auto strike = [&](std::string_view name, unsigned char) {
    wanted.erase(std::string(name));
    return !wanted.empty();
  };
  if (lister.list(again.get(), strike, nullptr) != 0) return false;
  std::erase_if(names, [&](const std::string& name) { return !wanted.contains(name); });
  return true;
}

}  // namespace fustor
