#include "scan_binding.h"

#include <cerrno>
#include <new>
#include <system_error>
#include <vector>

#include "bulk_binding.h"
#include "errors.h"
#include "options.h"
#include "scan/scanner.h"
#include "watch/mounts/place_identity.h"
#include "wire_names.h"

namespace fustor {

namespace {

std::vector<Napi::Value> paths_of(const Napi::Value& value) {
  std::vector<Napi::Value> paths;
  if (!value.IsArray()) return paths;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) paths.push_back(array.Get(i));
  return paths;
}

Napi::Value create_scan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = options_of(info[1]);
  const BulkSize size = bulk_size_of(options);
  ScanConfig config;
  config.root = info[0].ToString().Utf8Value();
  config.filter = filter_of(options);
  config.threads = threads_of(options);
  config.cross_mounts = flag_or(options, "crossMounts", true);
  config.recursive = flag_or(options, "recursive", true);
  for (const Napi::Value path : paths_of(options.Get("paths"))) {
    std::string raw;
    if (!raw_of(path.ToString(), raw)) {
      Napi::Error::New(env, "the path is not a wire path").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    config.paths.push_back(raw.starts_with('/') ? raw.substr(1) : raw);
  }
  config.identify = identity_text;
  config.is_same = is_same_place;
  if (options.Get("rootIdentity").IsString()) config.expected_root = options.Get("rootIdentity").ToString().Utf8Value();
  config.max_path_bytes = static_cast<size_t>(number_or(options, "maxPathBytes", 4096, 0, 1e9));
  config.hang_ms = static_cast<int64_t>(number_or(options, "hangMs", 5000, 500, 24 * 3600 * 1000));
  config.max_depth = static_cast<uint32_t>(number_or(options, "maxDepth", 0, 0, 1e9));
  config.politeness = politeness_of(options);
  config.chunk_bytes = size.chunk_bytes;
  config.pool_chunks = size.pool_chunks;
  try {
    return wrap_bulk_stream(env, start_scan(std::move(config)));
  } catch (const std::system_error& error) {
    system_error(env, "the scan's threads cannot be started", error.code().value()).ThrowAsJavaScriptException();
  } catch (const std::bad_alloc&) {
    system_error(env, "the scan's chunks cannot be allocated", ENOMEM).ThrowAsJavaScriptException();
  }
  return env.Undefined();
}

}  // namespace

void init_scan(Napi::Env env, Napi::Object exports) {
  exports.Set("createScan", Napi::Function::New<create_scan>(env, "createScan"));
}

}  // namespace fustor
