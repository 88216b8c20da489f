// Whether a thread waits for a file system that does not answer, and which of two goes on with its work: the thread
// itself, or the watcher.
//
// The thread calls `enter` before system calls and `leave` after them. In between the watcher may abandon it: from then
// on the watcher owns everything that the thread owned, `leave` returns false, and the thread touches nothing any more.
//
// `enter` and `leave` are for the thread, `abandon_after` for one watcher, `is_abandoned` for both. No method waits or
// fails.
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
  /** False when the watcher has abandoned the thread meanwhile. */
  bool leave() {
    State inside = State::inside;
    return state_.compare_exchange_strong(inside, State::outside, std::memory_order_acq_rel);
  }
  bool is_abandoned() const { return state_.load(std::memory_order_acquire) == State::abandoned; }

  /** True when the thread has been in the same call for so long; it is abandoned then. Call it from time to time. */
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
  uint64_t seen_calls_ = 0;  // belongs to the watcher, as the next one
  int64_t seen_ns_ = 0;
};

}  // namespace fustor
