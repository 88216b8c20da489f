// How a task and the thread that waits for it see each other: memory of both, and the clock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace fustor {

/** Any of them may be missing. */
struct TaskSigns {
  const std::atomic<int32_t>* cancelled = nullptr;  // other than 0 ends the task soon
  std::atomic<int32_t>* steps = nullptr;            // grows whenever the file system has answered
  std::atomic<int32_t>* recalls = nullptr;          // 1 while a file is read whose contents are not on the disk
};

/** When a task has to stop, and what it says meanwhile. */
class TaskEnd {
 public:
  using Clock = std::chrono::steady_clock;
  TaskEnd(int64_t ms, const TaskSigns& signs) : at_(Clock::now() + std::chrono::milliseconds(ms)), signs_(signs) {}

  bool is_cancelled() const { return signs_.cancelled != nullptr && signs_.cancelled->load(std::memory_order_relaxed) != 0; }
  bool has_come() const { return is_cancelled() || Clock::now() >= at_; }
  /** The file system has answered. */
  void step() const {
    if (signs_.steps != nullptr) signs_.steps->fetch_add(1, std::memory_order_relaxed);
  }
  void recall(bool begins) const {
    if (signs_.recalls != nullptr) signs_.recalls->store(begins ? 1 : 0, std::memory_order_relaxed);
  }

 private:
  const Clock::time_point at_;
  const TaskSigns signs_;
};

}  // namespace fustor
