#pragma once

#include <napi.h>

namespace fustor {

/** Adds `createWatch` to the exports. */
void init_watch(Napi::Env env, Napi::Object exports);

}  // namespace fustor
