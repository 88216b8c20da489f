#pragma once

#include <napi.h>

namespace fustor {

/** Adds `createScan` to the exports. */
void init_scan(Napi::Env env, Napi::Object exports);

}  // namespace fustor
