// Which tree walk runs, and when the next one may begin. Pure: the caller says what time it is, and the engine's mutex
// guards it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace fustor {

/** The tree walk that runs, or the last one. Walks are numbered from 1; a task of none carries 0. */
class TreeWalk {
 public:
  /** A quiet walk is the first one: what it finds was there before and is no change. */
  void begin(bool quiet) {
    number_++;
    pending_ = 0;
    quiet_ = quiet;
    is_confirmed = false;
  }
  void end(int64_t now_ns) {
    ended_ = number_;
    ended_ns_ = now_ns;
  }
  /** The root is unavailable: the walk's directories are looked at no more, and the walk does not end. */
  void abandon() { pending_ = 0; }

  uint32_t number() const { return number_; }
  bool is_running() const { return ended_ != number_; }
  /** Whether the first walk runs: snapshots end behind it, so they hold the rows of what it finds. */
  bool is_first() const { return quiet_ && is_running(); }
  /** Whether the present or last walk is the first one. */
  bool was_first() const { return quiet_; }
  bool has_ended_once() const { return number_ != 0 && !is_running(); }
  int64_t ended_ns() const { return ended_ns_; }

  bool has_pending() const { return pending_ > 0; }
  /** A directory is to be listed for this walk: writes the number into the task that will do it, and counts it once. */
  void count_in(uint32_t& pass) {
    if (number_ == 0 || pass == number_) return;
    pass = number_;
    pending_++;
  }
  /** A task that carried this number is done or was given up. */
  void count_out(uint32_t pass) {
    if (pass != 0 && pass == number_ && pending_ > 0) pending_--;
  }

  /** The operator confirmed the root: what the walk misses counts as deleted. */
  bool is_confirmed = false;

 private:
  uint32_t number_ = 0;
  uint64_t pending_ = 0;  // its directories that are not done yet
  bool quiet_ = false;
  uint32_t ended_ = 0;  // the last one that came to its end
  int64_t ended_ns_ = 0;
};

/** A tree walk is wanted. It comes soon, and after growing pauses when such wishes follow each other closely. */
class ResyncWish {
 public:
  /** True when there was no wish before. */
  bool make(const std::string& reason, int64_t now_ns, int64_t last_walk_ended_ns) {
    reason_ = reason;
    if (wanted_) return false;
    const bool rested = now_ns - last_walk_ended_ns > kMostNs;
    pause_ns_ = rested ? kFirstNs : std::min(pause_ns_ * 2 + kFirstNs, kMostNs);
    not_before_ns_ = now_ns + pause_ns_;
    return wanted_ = true;
  }
  bool is_made() const { return wanted_; }
  bool is_due(int64_t now_ns) const { return wanted_ && now_ns >= not_before_ns_; }
  int64_t due_ns() const { return wanted_ ? not_before_ns_ : INT64_MAX; }
  const std::string& reason() const { return reason_; }
  /** A walk begins. */
  void forget() { wanted_ = false; }

 private:
  static constexpr int64_t kFirstNs = 100'000'000;
  static constexpr int64_t kMostNs = 10'000'000'000;

  bool wanted_ = false;
  int64_t not_before_ns_ = 0;
  int64_t pause_ns_ = 0;
  std::string reason_;
};

}  // namespace fustor
