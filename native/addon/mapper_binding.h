#pragma once

#include <napi.h>

namespace fustor {

/** Adds `createRowMapper` to the exports. */
void init_mapper(Napi::Env env, Napi::Object exports);

}  // namespace fustor
