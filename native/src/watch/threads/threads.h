// The engine's threads: how they begin, and how the engine ends without one that hangs.
#pragma once

#include <functional>
#include <memory>

#include "base/spinning_mutex.h"
#include "watch/locked.h"
#include "watch/schedule/crew.h"

namespace fustor {

class Threads {
 public:
  static constexpr size_t kMostInAll = 256;

  /** `let_go` runs in the last thread that was left behind, when it ends. */
  Threads(SpinningMutex& mutex, Crew& crew, std::function<void()> let_go)
      : mutex_(mutex), crew_(crew), let_go_(std::move(let_go)) {}

  /** Throws std::system_error when the kernel grants no thread. */
  void start(const Locked& lock, bool takes_live, bool may_be_replaced, std::function<void()> loop);
  /**
   * From `close`. Waits for every thread but those that stand still in a system call; false when one was left behind,
   * which then keeps `engine` alive.
   */
  bool leave(const std::shared_ptr<void>& engine);

 private:
  void run(ThreadWatch& watch, const std::function<void()>& loop);

  SpinningMutex& mutex_;
  Crew& crew_;
  const std::function<void()> let_go_;
};

}  // namespace fustor
