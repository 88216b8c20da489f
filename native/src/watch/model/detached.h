// Directories that left their place and keep their table for a moment: the other half of a rename may attach them
// again.
//
// Not thread safe: the engine's mutex guards it. No method waits or fails.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "watch/model/tree_table.h"

namespace fustor {

class DetachedNodes {
 public:
  void add(DirId directory, int64_t now_ns) { nodes_.push_back({directory, now_ns + kWaitNs, now_ns + kPatienceNs}); }
  /** It got a place again, or left the table. */
  void forget(DirId directory) {
    std::erase_if(nodes_, [directory](const Node& node) { return node.directory == directory; });
  }
  /** When `expired` has something to do; INT64_MAX when never. */
  int64_t next_ns() const {
    int64_t next = INT64_MAX;
    for (const Node& node : nodes_) next = std::min(next, node.deadline_ns);
    return next;
  }
  /** Those that wait no longer. With `work_is_left` the other half may still wait to be looked at: they wait on. */
  std::vector<DirId> expired(int64_t now_ns, bool work_is_left) {
    std::vector<DirId> over;
    for (Node& node : nodes_) {
      if (now_ns < node.deadline_ns) continue;
      if (work_is_left && now_ns < node.give_up_ns) {
        node.deadline_ns = now_ns + kMoreNs;
      } else {
        over.push_back(node.directory);
      }
    }
    return over;
  }

 private:
  static constexpr int64_t kWaitNs = 100'000'000;
  static constexpr int64_t kMoreNs = 20'000'000;
  static constexpr int64_t kPatienceNs = 5'000'000'000;
  struct Node {
    DirId directory;
    int64_t deadline_ns;
    int64_t give_up_ns;  // after this not even pending work keeps it
  };

  std::vector<Node> nodes_;
};

}  // namespace fustor
