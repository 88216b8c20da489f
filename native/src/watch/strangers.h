// Directories that events came from before a pass over the tree got to them: known by their file handle only.
//
// Bounded, because the mark of a file system tells of everything on it: at most kWaiting directories and kNames names wait, and what
// comes beyond that is dropped (the listing to come sees it). Directories that turned out to lie elsewhere are remembered, so that a busy
// neighbour costs one look; past kElsewhere of them the memory begins anew. Not thread safe: the engine's mutex guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/name_hash.h"
#include "watch/event_source.h"

namespace fustor {

struct Stranger {
  std::string key;
  uint16_t fs = 0;
  uint8_t type = 0;
  std::vector<std::pair<std::string, uint16_t>> names;  // with their MarkFlags
  int64_t since_ns = 0;

  HandleRef handle() const { return {fs, type, std::string_view(key).substr(kPrefix)}; }
  static constexpr size_t kPrefix = 3;  // of the key, before the handle's bytes
};

class Strangers {
 public:
  static constexpr size_t kWaiting = 1024;
  static constexpr size_t kNames = 16'384;
  static constexpr size_t kElsewhere = 16'384;

  /** False when it is not wanted: the directory lies elsewhere, or too much waits. */
  bool add(const HandleRef& handle, std::string_view name, uint16_t flags, int64_t now_ns);
  bool waiting() const { return !queue_.empty(); }
  /** The one that waits longest; there must be one. */
  Stranger take();
  void lies_elsewhere(const std::string& key);
  void forget_elsewhere() { elsewhere_.clear(); }
  void clear();

 private:
  std::unordered_map<std::string, Stranger, NameHash, SameName> waiting_;
  std::deque<std::string> queue_;
  std::unordered_set<std::string, NameHash, SameName> elsewhere_;
  size_t names_ = 0;
};

}  // namespace fustor
