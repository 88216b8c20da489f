#pragma once
#include <napi.h>

namespace fustor {

// What Node lacks to be a daemon: src/native/addon.ts is the contract.
void init_process(Napi::Env env, Napi::Object exports);

}  // namespace fustor
