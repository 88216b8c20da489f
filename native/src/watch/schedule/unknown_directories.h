// Unknown directories: events came from them before the tree walk got there, so only their file handle is known.
//
// The set is bounded, because a mark reports everything on its file system: at most kWaiting directories and kNames
// names wait. More are dropped, and the listing that is still to come sees them. The set remembers directories that lie
// outside of the root, so that a busy neighbour costs one look; beyond kElsewhere of them it forgets all and begins
// again.
//
// Not thread safe: the engine's mutex guards it. No method waits or fails.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/name_hash.h"
#include "watch/source/event_source.h"

namespace fustor {

struct UnknownDirectory {
  std::string key;
  uint16_t fs = 0;
  uint8_t type = 0;
  std::vector<std::pair<std::string, uint16_t>> names;  // with their MarkFlags
  int64_t since_ns = 0;  // when its first event came

  /** Valid as long as the UnknownDirectory. */
  HandleRef handle() const { return {fs, type, std::string_view(key).substr(kPrefix)}; }
  static constexpr size_t kPrefix = 3;  // of the key, before the handle's bytes
};

class UnknownDirectories {
 public:
  static constexpr size_t kWaiting = 1024;
  static constexpr size_t kNames = 16'384;
  static constexpr size_t kElsewhere = 16'384;

  /** Keeps an event; false when it is dropped: the directory lies outside of the root, or too many wait. */
  bool add(const HandleRef& handle, std::string_view name, uint16_t flags, int64_t now_ns);
  bool waiting() const { return !queue_.empty(); }
  /** The one that waits longest; there must be one. */
  UnknownDirectory take();
  /** From now on events of this directory are dropped. */
  void lies_elsewhere(const std::string& key);
  /** After a tree walk: directories may have moved below the root. */
  void forget_elsewhere() { elsewhere_.clear(); }
  void clear();
  /** Whether events of unknown directories are of use; they are not once the kernel has refused to open handles. */
  bool are_wanted() const { return wanted_; }
  void refuse_all() {
    wanted_ = false;
    clear();
  }

 private:
  std::unordered_map<std::string, UnknownDirectory, NameHash, SameName> waiting_;
  std::deque<std::string> queue_;
  std::unordered_set<std::string, NameHash, SameName> elsewhere_;
  bool wanted_ = true;
  size_t names_ = 0;
};

}  // namespace fustor
