// The mounts of this process, parsed once after every change: poll(2) on /proc/self/mountinfo reports changes, so a
// call costs one system call and no reading, however many mounts there are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fustor {

struct Mount {
  int id = 0;
  int parent_id = 0;
  uint64_t dev = 0;    // as in st_dev; of btrfs that of the superblock, which no subvolume shows
  std::string inside;  // which directory of the file system is mounted, raw
  std::string place;   // where, absolute, raw
  std::string type;    // "ext4", "fuse.sshfs", "nfs4"
  std::string source;  // the device or the server, blanks escaped as in mountinfo
};

/** One state of the mounts; it never changes. */
class MountTable {
 public:
  explicit MountTable(std::string_view mountinfo);

  /** In mountinfo's order: of several at one place the last is on top. */
  const std::vector<Mount>& all() const { return mounts_; }
  const Mount* by_id(int id) const;
  /** The first with this device number. */
  const Mount* by_dev(uint64_t dev) const;

 private:
  std::vector<Mount> mounts_;
  std::unordered_map<int, size_t> by_id_;
  std::unordered_map<uint64_t, size_t> by_dev_;
};

/**
 * Whether a call to such a file system may wait for a server or a daemon that does not answer: all but those of this
 * kernel alone.
 */
bool may_hang(std::string_view type);

/**
 * Whether other machines or processes may change it without an event in this kernel: servers, clusters, and FUSE
 * daemons.
 */
bool changes_elsewhere(std::string_view type);

/**
 * The mounts as they are now, never null; empty when /proc is not there. The same object until they change. Any thread;
 * waits for no file system.
 */
std::shared_ptr<const MountTable> current_mounts();

/** How often this process has read mountinfo. */
uint64_t mount_table_reads();

}  // namespace fustor
