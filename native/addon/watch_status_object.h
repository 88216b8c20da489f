// What a watch says of itself, as the object WatchStatus of src/native/watch.ts.
#pragma once

#include <napi.h>

#include "fustor/watch_status.h"

namespace fustor {

const char* root_state_name(RootState state);

Napi::Object watch_status_object(Napi::Env env, const WatchStatus& status);

}  // namespace fustor
