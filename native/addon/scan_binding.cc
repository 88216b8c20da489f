#include "scan_binding.h"

#include "bulk_binding.h"
#include "options.h"
#include "scan/scanner.h"

namespace fustor {

namespace {

Napi::Value create_scan(const Napi::CallbackInfo& info) {
  const Napi::Object options = info[1].As<Napi::Object>();
  const BulkSize size = bulk_size_of(options);
  ScanConfig config;
  config.root = info[0].ToString().Utf8Value();
  config.filter = filter_of(options);
  config.threads = threads_of(options);
  config.cross_mounts = flag_or(options, "crossMounts", true);
  config.chunk_bytes = size.chunk_bytes;
  config.pool_chunks = size.pool_chunks;
  return wrap_bulk_stream(info.Env(), start_scan(std::move(config)));
}

}  // namespace

void init_scan(Napi::Env env, Napi::Object exports) {
  exports.Set("createScan", Napi::Function::New<create_scan>(env, "createScan"));
}

}  // namespace fustor
