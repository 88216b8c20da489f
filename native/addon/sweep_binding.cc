// Sweeps: shares and results cross as bytes, so that worker threads look at them without the watch
// (src/native/sweep.ts).
#include "sweep_binding.h"

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "options.h"
#include "sweep/sweep_task.h"

namespace fustor {

namespace {

/** Nothing when the value is no typed array. */
std::optional<std::string_view> bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  void* data = nullptr;
  size_t length = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) != napi_ok) return std::nullopt;
  if (type == napi_int32_array) length *= sizeof(int32_t);
  return std::string_view(static_cast<const char*>(data), length);
}

Napi::Value buffer_of(Napi::Env env, const std::string& bytes) { return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size()); }

SweepRules rules_of(const Napi::Object& options) {
  SweepRules rules;
  const std::string mode = options.Get("mode").ToString().Utf8Value();
  rules.mode = mode == "names" ? SweepMode::names : mode == "hash" ? SweepMode::hash : SweepMode::stat;
  const std::string digest = options.Get("digest").ToString().Utf8Value();
  rules.digest = digest == "sha256" ? DigestKind::sha256 : digest == "blake3" ? DigestKind::blake3 : DigestKind::xxh3;
  rules.polite = flag_or(options, "polite", true);
  rules.recall = flag_or(options, "recall", false);
  rules.max_file_bytes = static_cast<uint64_t>(number_or(options, "maxFileBytes", 0, 0, 9e15));
  rules.min_age_sec = static_cast<int64_t>(number_or(options, "minAgeSec", 60, -1, 1e12));
  rules.task_ms = static_cast<int64_t>(number_or(options, "taskMs", 50, 0, 60'000));
  return rules;
}

/** Shared memory is aligned, and lock-free atomics are plain memory. Null when it is not that long. */
std::atomic<int32_t>* word_of(const std::optional<std::string_view>& bytes, size_t index) {
  if (!bytes || bytes->size() < (index + 1) * sizeof(int32_t)) return nullptr;
  return reinterpret_cast<std::atomic<int32_t>*>(const_cast<char*>(bytes->data())) + index;
}

/** Piscina calls it with one argument, on a thread of its own. */
Napi::Value sweep_task(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object task = options_of(info[0]);
  const auto share = bytes_of(task.Get("share"));
  const auto before = bytes_of(task.Get("before"));
  const auto cancel = bytes_of(task.Get("cancel"));
  const auto pulse = bytes_of(task.Get("pulse"));
  TaskSigns signs;
  signs.cancelled = word_of(cancel, 0);
  signs.steps = word_of(pulse, 0);
  signs.recalls = word_of(pulse, 1);
  const auto result = run_sweep_task(share.value_or(""), before ? result_of(*before) : std::nullopt, signs);
  if (!result) {
    Napi::TypeError::New(env, "sweepTask({ share, before, cancel, pulse }): share is no share").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return buffer_of(env, to_bytes(*result));
}
static_assert(std::atomic<int32_t>::is_always_lock_free && sizeof(std::atomic<int32_t>) == sizeof(int32_t));

Napi::Value next_share(Napi::Env env, Sweep& sweep) {
  SweepOrder order;
  uint64_t missed = 0;
  const SweepNext kind = sweep.next(order, missed);
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", kind == SweepNext::share ? "share" : kind == SweepNext::end ? "end" : "unavailable");
  result.Set("missed", static_cast<double>(missed));
  if (kind != SweepNext::share) return result;
  result.Set("share", buffer_of(env, order.bytes));
  result.Set("device", static_cast<double>(order.dev));
  result.Set("looks", static_cast<double>(order.looks));
  result.Set("path", order.path);
  return result;
}

Napi::Value apply_result(const Napi::CallbackInfo& info, Sweep& sweep) {
  const Napi::Env env = info.Env();
  const SweepReport report = sweep.apply(bytes_of(info[0]).value_or(""), bytes_of(info[1]).value_or(""));
  if (!report.understood) {
    Napi::TypeError::New(env, "apply(share, result): these are no share and result").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("done", report.done);
  result.Set("rootGone", report.root_error != 0);
  result.Set("looks", static_cast<double>(report.looks));
  result.Set("missed", static_cast<double>(report.missed));
  result.Set("cpuMs", static_cast<double>(report.cpu_ns) / 1e6);
  result.Set("readBytes", static_cast<double>(report.read_bytes));
  Napi::Object verdicts = Napi::Object::New(env);
  for (size_t i = 0; i < kSweepVerdicts.size(); i++) verdicts.Set(kSweepVerdicts[i], static_cast<double>(report.verdicts[i]));
  result.Set("verdicts", verdicts);
  result.Set("corrupted", static_cast<double>(report.corrupted));
  Napi::Array paths = Napi::Array::New(env, report.corrupted_paths.size());
  for (uint32_t i = 0; i < report.corrupted_paths.size(); i++) paths.Set(i, report.corrupted_paths[i]);
  result.Set("corruptedPaths", paths);
  return result;
}

}  // namespace

Napi::Value open_sweep(Napi::Env env, Watcher& watcher, const Napi::Object& rules) {
  const std::shared_ptr<Sweep> sweep = watcher.open_sweep(rules_of(rules));
  Napi::Object object = Napi::Object::New(env);
  const auto define = [&](const char* name, auto body) { object.Set(name, Napi::Function::New(env, body, name)); };
  define("next", [sweep](const Napi::CallbackInfo& info) { return next_share(info.Env(), *sweep); });
  define("apply", [sweep](const Napi::CallbackInfo& info) { return apply_result(info, *sweep); });
  define("prune", [sweep](const Napi::CallbackInfo& info) -> Napi::Value { return Napi::Boolean::New(info.Env(), sweep->prune()); });
  define("digests", [sweep](const Napi::CallbackInfo& info) -> Napi::Value {
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("count", static_cast<double>(sweep->digests()));
    result.Set("bytes", static_cast<double>(sweep->digest_table_bytes()));
    return result;
  });
  return object;
}

void init_sweep(Napi::Env env, Napi::Object exports) {
  exports.Set("sweepTask", Napi::Function::New<sweep_task>(env, "sweepTask"));
}

}  // namespace fustor
