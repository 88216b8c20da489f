// What the engine has to know about each file system that it met.
//
// The engine's mutex guards it. No method waits or fails.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/file_stat.h"
#include "base/spelling.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"

namespace fustor {

struct DeviceTraits {
  bool keeps_inodes = true;  // scan/mounts.h
  Spelling spelling = Spelling::unknown;
};

class Devices {
 public:
  /** Null when the file system was not asked yet. */
  const DeviceTraits* find(const Locked&, uint64_t dev) const {
    const auto found = traits_.find(dev);
    return found == traits_.end() ? nullptr : &found->second;
  }
  void learn_inodes(const Locked&, uint64_t dev, bool keeps_inodes) { traits_[dev].keeps_inodes = keeps_inodes; }
  void learn_spelling(const Locked&, uint64_t dev, Spelling spelling) {
    if (const auto found = traits_.find(dev); found != traits_.end()) found->second.spelling = spelling;
  }
  /** The mounts changed: the numbers may belong to other devices now. */
  void forget_all(const Locked&) { traits_.clear(); }

  /** False also for file systems that were not asked yet. */
  bool makes_inodes_up(const Locked& lock, uint64_t dev) const {
    const DeviceTraits* traits = find(lock, dev);
    return traits != nullptr && !traits->keeps_inodes;
  }
  /** Unchanged, whatever its inode number is now. */
  bool is_same_file(const Locked& lock, const Entry& entry, const FileStat& stat) const {
    if (entry.same_content(stat)) return true;
    if (entry.ino == stat.ino || !makes_inodes_up(lock, stat.dev)) return false;
    FileStat renumbered = stat;
    renumbered.ino = entry.ino;
    return entry.same_content(renumbered);
  }

 private:
  std::unordered_map<uint64_t, DeviceTraits> traits_;
};

}  // namespace fustor
