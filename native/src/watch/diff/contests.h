// Directories that are known at two places: the engine looks at the other place first.
//
// Not thread safe: the engine's mutex guards it. No method waits or fails.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/name_hash.h"
#include "watch/model/tree_table.h"

namespace fustor {

/**
 * A look finds a directory that the table knows under another name: a rename whose first half no thread has looked at
 * yet, or a bind mount. A contest does not go on for ever: when no thread can look at the other place (its directory
 * became unreadable, its file system does not answer), the directory here gets rows of its own, and the rows there
 * stay.
 */
class Contests {
 public:
  /** When to look here again, in pauses that grow; 0 when it was enough. */
  int64_t retry_ns(DirId directory, const std::string& name, int64_t now_ns) {
    Contest& contest = contests_.try_emplace(key(directory, name), Contest{now_ns, kFirstRetryNs}).first->second;
    if (now_ns - contest.begun_ns > kPatienceNs) return 0;
    const int64_t at_ns = now_ns + contest.retry_ns;
    contest.retry_ns = std::min(contest.retry_ns * 2, kMostRetryNs);
    return at_ns;
  }
  void settle(DirId directory, const std::string& name) {
    if (!contests_.empty()) contests_.erase(key(directory, name));
  }
  /** Forgets old ones. */
  void forget_old(int64_t now_ns, int64_t old_ns) {
    std::erase_if(contests_, [=](const auto& item) { return item.second.begun_ns + old_ns < now_ns; });
  }

 private:
  static constexpr int64_t kFirstRetryNs = 2'000'000;  // twice as long each time
  static constexpr int64_t kMostRetryNs = 250'000'000;
  static constexpr int64_t kPatienceNs = 3'000'000'000;
  struct Contest {
    int64_t begun_ns;
    int64_t retry_ns;
  };
  static std::string key(DirId directory, const std::string& name) { return std::to_string(directory) + '/' + name; }

  std::unordered_map<std::string, Contest, NameHash, SameName> contests_;
};

}  // namespace fustor
