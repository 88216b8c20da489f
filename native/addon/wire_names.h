#pragma once

#include <napi.h>

#include <string>

namespace fustor {

/** The raw bytes of a wire name or path; false unless `text` is exactly their wire form. */
bool raw_of(const Napi::String& text, std::string& raw);

/** Adds `encodeName` and `decodeName` to the exports. */
void init_wire_names(Napi::Env env, Napi::Object exports);

}  // namespace fustor
