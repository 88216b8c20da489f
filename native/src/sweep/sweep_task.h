// One task of a sweep: a share, or as much of it as the time allows.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sweep/share.h"
#include "sweep/task_signs.h"

namespace fustor {

/**
 * Looks at a share, from where `before` (the last result for the same share, if any) stopped. It looks at one entry at
 * least, then returns after SweepRules::task_ms or soon after it was cancelled; a file system that does
 * not answer holds it up for as long as that takes. Nothing when `bytes` are no share. Any thread; with
 * SweepRules::polite that thread has the lowest priority from now on.
 */
std::optional<SweepResult> run_sweep_task(std::string_view bytes, const std::optional<SweepResult>& before,
                                          const TaskSigns& signs);

}  // namespace fustor
