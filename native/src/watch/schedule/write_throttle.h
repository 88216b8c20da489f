// Writes to one file are reported at once, then at most once every throttle_ms until it is closed. A directory's own
// row, which changes with each name that comes or goes in it, is reported at once, then at most ten times a second. The
// last look is never lost.
//
// Not thread safe: the engine's mutex guards it. No method waits or fails.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/name_hash.h"
#include "watch/schedule/dirty_set.h"

namespace fustor {

class WriteThrottle {
 public:
  explicit WriteThrottle(int64_t throttle_ms) : throttle_ns_(throttle_ms * 1'000'000) {}

  enum class Answer { now, later, waits_already };
  struct Decision {
    Answer answer = Answer::now;
    int64_t until_ns = 0;  // with `later`: when the look is to be made
  };

  /** Whether a marked name may be looked at now. With `later` the caller makes the mark again at that time. */
  Decision ask(DirId directory, const std::string& name, uint16_t flags, int64_t now_ns) {
    const bool only_written = flags != 0 && (flags & ~(kMarkModified | kMarkDue)) == 0;
    if (!only_written && files_.empty()) return {};
    std::string key = std::to_string(directory) + '/' + name;
    const auto found = files_.find(key);
    if (!only_written) {
      if (found != files_.end() && flags != kMarkYoung) files_.erase(found);
      return {};
    }
    if (found == files_.end() || now_ns >= found->second.until_ns) {
      files_[std::move(key)] = {now_ns + throttle_ns_, false};
      return {};
    }
    if (found->second.scheduled) return {Answer::waits_already};
    found->second.scheduled = true;
    return {Answer::later, found->second.until_ns};
  }

  /** The same for a directory's own row. */
  Decision ask_own(DirId directory, int64_t now_ns) {
    const auto [found, fresh] = directories_.try_emplace(directory);
    if (fresh || now_ns >= found->second.until_ns) {
      found->second = {now_ns + kOwnRowNs, false};
      return {};
    }
    if (found->second.scheduled) return {Answer::waits_already};
    found->second.scheduled = true;
    return {Answer::later, found->second.until_ns};
  }

  /** Forgets files and directories that have been quiet for a while. */
  void forget_old(int64_t now_ns, int64_t quiet_ns) {
    const auto is_old = [=](const auto& item) { return item.second.until_ns + quiet_ns < now_ns; };
    std::erase_if(files_, is_old);
    std::erase_if(directories_, is_old);
  }
  void clear() {
    files_ = {};
    directories_ = {};
  }

 private:
  static constexpr int64_t kOwnRowNs = 100'000'000;

  struct Held {
    int64_t until_ns = 0;
    bool scheduled = false;  // the trailing look is already waiting
  };

  const int64_t throttle_ns_;
  std::unordered_map<std::string, Held, NameHash, SameName> files_;  // by directory id and name
  std::unordered_map<DirId, Held> directories_;
};

}  // namespace fustor
