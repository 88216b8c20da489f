#pragma once

#include <napi.h>

namespace fustor {

/** Adds `lockFile` to the exports. */
void init_lock(Napi::Env env, Napi::Object exports);

}  // namespace fustor
