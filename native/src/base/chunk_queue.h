// Chunks on their way from the threads that write rows to the consumer who polls.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

#include "fustor/bulk_stream.h"

namespace fustor {

/** Any thread. No method waits but for the queue's own mutex, which is never held while `on_ready` runs. */
class ChunkQueue {
 public:
  /**
   * `error`: why the rows are useless, 0 = they are not. The producer sets it before `finish`, so it is read after the
   * end was seen. As BulkStream::poll_next.
   */
  Poll poll_next(Chunk*& out, const std::atomic<int>& error) {
    const std::lock_guard lock(mutex_);
    if (!chunks_.empty()) {
      out = chunks_.front();
      chunks_.pop_front();
      return Poll::chunk;
    }
    if (!finished_) return Poll::pending;
    return error != 0 ? Poll::failed : Poll::end;
  }
  void set_on_ready(std::function<void()> on_ready) {
    const std::lock_guard lock(mutex_);
    on_ready_ = std::move(on_ready);
  }
  /** Hands a chunk over. */
  void push(Chunk* chunk) {
    call([&] { chunks_.push_back(chunk); });
  }
  /** No further chunk comes. */
  void finish() {
    call([&] { finished_ = true; });
  }

 private:
  template <class Change>
  void call(Change change) {
    std::function<void()> on_ready;
    {
      const std::lock_guard lock(mutex_);
      change();
      on_ready = on_ready_;
    }
    if (on_ready) on_ready();
  }

  std::mutex mutex_;
  std::deque<Chunk*> chunks_;
  std::function<void()> on_ready_;
  bool finished_ = false;
};

}  // namespace fustor
