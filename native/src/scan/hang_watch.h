// Whether a thread waits for a file system that does not answer, and which of two goes on with its work: the thread itself, or whoever watches it.
//
// The thread says when it goes into system calls (`enter`) and when it is back (`leave`). While it is in there somebody else may `abandon` it:
// from then on everything the thread owned is theirs, `leave` says false, and the thread touches nothing any more.
#pragma once

#include <atomic>
#include <cstdint>

namespace fustor {

class HangWatch {
 public:
  void enter() {
    calls_.store(calls_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    state_.store(State::inside, std::memory_order_release);
  }
  /** False when the thread was abandoned meanwhile. */
  bool leave() {
    State inside = State::inside;
    return state_.compare_exchange_strong(inside, State::outside, std::memory_order_acq_rel);
  }
  bool is_abandoned() const { return state_.load(std::memory_order_acquire) == State::abandoned; }

  /** For one who watches: true once the thread has been in the same call for so long, and is abandoned therefore. */
  bool abandon_after(int64_t patience_ns, int64_t now_ns) {
    const uint64_t calls = calls_.load(std::memory_order_relaxed);
    if (state_.load(std::memory_order_acquire) != State::inside || calls != seen_calls_) {
      seen_calls_ = calls;
      seen_ns_ = now_ns;
      return false;
    }
    if (now_ns - seen_ns_ < patience_ns) return false;
    State inside = State::inside;
    return state_.compare_exchange_strong(inside, State::abandoned, std::memory_order_acq_rel);
  }

 private:
  enum class State : uint8_t { outside, inside, abandoned };
  std::atomic<State> state_{State::outside};
  std::atomic<uint64_t> calls_{0};
  uint64_t seen_calls_ = 0;  // the watcher's own, as the next
  int64_t seen_ns_ = 0;
};

}  // namespace fustor
