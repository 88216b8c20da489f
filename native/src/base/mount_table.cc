#include "base/mount_table.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <mutex>
#include <utility>

#include "base/unique_fd.h"

namespace fustor {

namespace {
constexpr size_t kMountinfoReadBytes = 64 << 10;
constexpr int kReadAttempts = 8;

/** mountinfo writes blanks, tabs, newlines and backslashes as three octal digits. */
std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
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

/** Up to the next blank, which is taken as well. */
std::string_view take_field(std::string_view& line) {
  const size_t blank = line.find(' ');
  const std::string_view field = line.substr(0, blank);
  line = blank == std::string_view::npos ? std::string_view{} : line.substr(blank + 1);
  return field;
}

template <class Number>
bool take_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse(std::string_view line, Mount& out) {
  const std::string_view id = take_field(line);
  const std::string_view parent = take_field(line);
  const std::string_view device = take_field(line);
  const std::string_view inside = take_field(line);
  const std::string_view place = take_field(line);
  const size_t colon = device.find(':');
  unsigned major_number;
  unsigned minor_number;
  if (colon == std::string_view::npos || !take_number(id, out.id) || !take_number(parent, out.parent_id) ||
      !take_number(device.substr(0, colon), major_number) || !take_number(device.substr(colon + 1), minor_number)) {
    return false;
  }
  while (!line.empty() && take_field(line) != "-") {  // options, and fields of which there may be any number
  }
  out.dev = makedev(major_number, minor_number);
  out.inside = unescape(inside);
  out.place = unescape(place);
  out.type = take_field(line);
  out.source = take_field(line);
  return true;
}

/**
 * The open mountinfo, and what was read from it last. One for the process: a child that moved to another mount
 * namespace opens it again.
 */
class Holder {
 public:
  std::shared_ptr<const MountTable> now() {
    const std::lock_guard lock(mutex_);
    if (const pid_t self = ::getpid(); !fd_ || owner_ != self) {
      fd_.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
      owner_ = self;
      fresh_ = true;
    }
    if (!fd_) return table_;
    // The poll comes before the read: a change during the read makes the next call read again.
    for (int attempt = 0; (changed() || fresh_) && attempt < kReadAttempts; attempt++) {
      fresh_ = !read();
    }
    return table_;
  }

  uint64_t reads() const { return reads_; }

 private:
  bool changed() const {
    pollfd ask{fd_.get(), POLLPRI, 0};
    return ::poll(&ask, 1, 0) > 0 && (ask.revents & (POLLPRI | POLLERR));
  }

  bool read() {
    std::string text;
    if (::lseek(fd_.get(), 0, SEEK_SET) != 0) return false;
    for (;;) {
      const size_t had = text.size();
      text.resize(had + kMountinfoReadBytes);
      const ssize_t got = ::read(fd_.get(), text.data() + had, kMountinfoReadBytes);
      text.resize(had + static_cast<size_t>(got > 0 ? got : 0));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return false;
      if (got == 0) break;
    }
    reads_++;
    table_ = std::make_shared<const MountTable>(text);
    return true;
  }

  std::mutex mutex_;
  UniqueFd fd_;
  pid_t owner_ = 0;    // the process that opened it
  bool fresh_ = true;  // never read
  std::shared_ptr<const MountTable> table_ = std::make_shared<const MountTable>("");
  std::atomic<uint64_t> reads_{0};
};

/** Never destroyed: threads that wait for a file system may outlive main. */
Holder& holder() {
  static Holder* const only = new Holder;
  return *only;
}
}  // namespace

MountTable::MountTable(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    const size_t end = mountinfo.find('\n');
    Mount mount;
    if (parse(mountinfo.substr(0, end), mount)) {
      by_id_.emplace(mount.id, mounts_.size());
      by_dev_.emplace(mount.dev, mounts_.size());
      mounts_.push_back(std::move(mount));
    }
    mountinfo = end == std::string_view::npos ? std::string_view{} : mountinfo.substr(end + 1);
  }
}

const Mount* MountTable::by_id(int id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &mounts_[found->second];
}

const Mount* MountTable::by_dev(uint64_t dev) const {
  const auto found = by_dev_.find(dev);
  return found == by_dev_.end() ? nullptr : &mounts_[found->second];
}

// A file system on a disk of this machine keeps the inode of its root in memory as long as it is mounted.
bool may_hang(std::string_view type) {
  static constexpr std::string_view kLocal[] = {
      "ext2",    "ext3",     "ext4",    "xfs",     "btrfs",  "tmpfs",  "ramfs",     "devtmpfs", "proc",     "sysfs",      "cgroup",
      "cgroup2", "squashfs", "erofs",   "iso9660", "udf",    "vfat",   "exfat",     "ntfs3",    "f2fs",     "jfs",        "reiserfs",
      "zfs",     "bcachefs", "securityfs", "debugfs", "tracefs", "mqueue", "hugetlbfs", "devpts", "bpf",     "fusectl",    "configfs",
      "pstore",  "efivarfs", "binfmt_misc", "nsfs", "rpc_pipefs", "selinuxfs", "minix", "hfsplus", "nilfs2",
  };
  return std::find(std::begin(kLocal), std::end(kLocal), type) == std::end(kLocal);
}

bool changes_elsewhere(std::string_view type) {
  static constexpr std::string_view kRemote[] = {"nfs",  "nfs4",   "cifs", "smb3",   "smbfs", "ceph", "lustre",   "gpfs",   "beegfs", "afs",
                                                 "9p",   "virtiofs", "fuse", "gfs2", "ocfs2", "coda", "orangefs", "pvfs2",  "panfs",  "ncpfs"};
  return type.starts_with("fuse.") || std::find(std::begin(kRemote), std::end(kRemote), type) != std::end(kRemote);
}

std::shared_ptr<const MountTable> current_mounts() { return holder().now(); }

uint64_t mount_table_reads() { return holder().reads(); }

}  // namespace fustor
