// Where mounts lie below the root, as /proc/self/mountinfo says.
//
// The engine's mutex guards it.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "watch/locked.h"
#include "watch/schedule/worker_thread.h"

namespace fustor {

class MountPlaces {
 public:
  /** Takes over the mounts of this process; without effect while the root's place is "", so not known yet. */
  void read(const Locked& lock, const std::string& root_place);
  /** Reads them again; every place where something is or was mounted, as raw paths below the root. */
  std::set<std::string> read_again(const Locked& lock, const std::string& root_place);
  /** The mounts in a directory that may not answer, null when there are none. */
  std::shared_ptr<const MountNames> mounts_in(const Locked& lock, const std::string& path) const;

 private:
  std::set<std::string> places_;
  std::unordered_map<std::string, std::shared_ptr<const MountNames>> hanging_;  // by directory
};

}  // namespace fustor
