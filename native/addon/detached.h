#pragma once

#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace fustor {

/**
 * Runs a task that may wait for a system call to come back (a file system that does not answer) on a thread of its own,
 * which is never joined; the addon is linked so that it is never unloaded. When the kernel grants no thread, the task
 * runs here.
 */
template <class Task>
void run_detached(Task task) {
  // The task itself, not a copy: what it owns must be destroyed on the other thread.
  const auto shared = std::make_shared<Task>(std::move(task));
  try {
    std::thread([shared] { (*shared)(); }).detach();
  } catch (const std::system_error&) {
    (*shared)();
  }
}

}  // namespace fustor
