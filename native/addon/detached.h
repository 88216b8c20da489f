#pragma once

#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace fustor {

/**
 * Runs what may have to wait for a system call of ours to come back (a file system that does not answer) on a thread of its own. Nobody
 * joins it; the addon is linked never to be unloaded. Without a thread to be had it runs here.
 */
template <class Task>
void run_detached(Task task) {
  // One task, not a copy of it: whatever it owns must go on the other thread.
  const auto shared = std::make_shared<Task>(std::move(task));
  try {
    std::thread([shared] { (*shared)(); }).detach();
  } catch (const std::system_error&) {
    (*shared)();
  }
}

}  // namespace fustor
