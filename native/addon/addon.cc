// The functions of the addon; src/native/addon.ts describes them.
#include <napi.h>

#include "bulk_binding.h"
#include "lock_binding.h"
#include "mapper_binding.h"
#include "process_binding.h"
#include "scan_binding.h"
#include "sweep_binding.h"
#include "watch_binding.h"
#include "wire_names.h"

namespace fustor {

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  init_bulk(env);
  init_scan(env, exports);
  init_watch(env, exports);
  init_lock(env, exports);
  init_mapper(env, exports);
  init_process(env, exports);
  init_sweep(env, exports);
  init_wire_names(env, exports);
  exports.Set("engineVersion", FUSTOR_VERSION);
  return exports;
}

}  // namespace

NODE_API_MODULE(fustor_agent, init)

}  // namespace fustor
