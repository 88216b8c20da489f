#pragma once
#include <napi.h>

namespace fustor {

// System calls for a daemon that Node does not offer; src/native/addon.ts describes them.
void init_process(Napi::Env env, Napi::Object exports);

}  // namespace fustor
