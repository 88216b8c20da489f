#pragma once

#include <napi.h>

#include <memory>

#include "fustor/watch.h"

namespace fustor {

/** Adds `sweepTask` to the exports. */
void init_sweep(Napi::Env env, Napi::Object exports);

/** A sweep of a watch as a JavaScript object (src/native/sweep.ts, NativeSweep). */
Napi::Value open_sweep(Napi::Env env, Watcher& watcher, const Napi::Object& rules);

}  // namespace fustor
