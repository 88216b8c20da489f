// What createWatch(root, options, ...) asks for. Numbers out of their range take the nearest end of it.
#pragma once

#include <napi.h>

#include <string>

#include "fustor/watch_config.h"

namespace fustor {

WatchConfig watch_config_of(const std::string& root, const Napi::Object& options);

}  // namespace fustor
