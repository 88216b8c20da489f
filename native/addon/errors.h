#pragma once

#include <napi.h>

#include <string>

namespace fustor {

/** `ENOENT` and so on; `E<number>` for a number without a name here. */
std::string errno_name(int error);

/** An Error whose `code` is the symbolic name: `what: No such file or directory`. */
Napi::Error system_error(Napi::Env env, const std::string& what, int error);

}  // namespace fustor
