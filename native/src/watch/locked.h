// Proof that the engine's mutex is held, as an argument.
#pragma once

#include <mutex>

namespace fustor {

/**
 * A lock of the engine's mutex. How a function takes it says how it may be called:
 *
 *   const Locked&  The caller holds the mutex and goes on holding it. The function waits for nothing, and asks no file
 *                  system but /proc.
 *   Locked&        The caller holds the mutex. The function releases it while it waits or asks a file system, and holds
 *                  it when it returns: afterwards the caller has to look again at everything that the mutex guards.
 *   no lock        The caller does not hold the mutex. The function may take it for short sections, and it may wait for
 *                  a file system. Methods of the containers (TreeTable, DirtySet, ChangeQueue, ...) take no lock,
 *                  either: their owners call them with the mutex held.
 */
class Locked final : public std::unique_lock<std::mutex> {
 public:
  using std::unique_lock<std::mutex>::unique_lock;
};

}  // namespace fustor
