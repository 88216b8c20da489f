// The watch engine as a JavaScript object (src/native/addon.ts, NativeWatch). Engine threads only ever ring a bell through a
// ThreadSafeFunction; everything that carries data is pulled by JavaScript, one crossing a batch.
#include "watch_binding.h"

#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "base/name_codec.h"
#include "bulk_binding.h"
#include "fustor/watch.h"

namespace fustor {

namespace {

std::vector<std::string> to_strings(const Napi::Value& value) {
  std::vector<std::string> texts;
  if (!value.IsArray()) return texts;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) texts.push_back(array.Get(i).ToString().Utf8Value());
  return texts;
}

double number_or(const Napi::Object& options, const char* key, double fallback) {
  const Napi::Value value = options.Get(key);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : fallback;
}

bool flag_or(const Napi::Object& options, const char* key, bool fallback) {
  const Napi::Value value = options.Get(key);
  return value.IsBoolean() ? value.As<Napi::Boolean>().Value() : fallback;
}

WatchConfig to_config(const std::string& root, const Napi::Object& options) {
  WatchConfig config;
  config.root = root;
  if (options.Get("filePattern").IsString()) config.filter.file_pattern = options.Get("filePattern").ToString().Utf8Value();
  config.filter.exclude = to_strings(options.Get("exclude"));
  config.filter.exclude_paths = to_strings(options.Get("excludePaths"));
  config.threads = static_cast<unsigned>(number_or(options, "threads", 0));
  config.cross_mounts = flag_or(options, "crossMounts", true);
  config.settle_ms = static_cast<int64_t>(number_or(options, "settleMs", 2000));
  config.throttle_ms = static_cast<int64_t>(number_or(options, "throttleMs", 1000));
  config.raw = flag_or(options, "raw", false);
  return config;
}

const char* state_name(RootState state) {
  switch (state) {
    case RootState::starting: return "starting";
    case RootState::available: return "available";
    case RootState::unavailable: return "unavailable";
  }
  return "unavailable";
}

/** The bell between engine threads and the event loop; outlives the JavaScript object until the last thread is gone. */
struct Bell {
  std::mutex mutex;
  Napi::ThreadSafeFunction function;
  bool open = false;

  void ring() {
    std::lock_guard lock(mutex);
    if (open) function.NonBlockingCall();
  }
  void shut() {
    std::lock_guard lock(mutex);
    if (!open) return;
    open = false;
    function.Abort();
  }
};

class WatchObject final : public Napi::ObjectWrap<WatchObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeWatch",
                       {InstanceMethod<&WatchObject::start>("start"), InstanceMethod<&WatchObject::drain>("drain"),
                        InstanceMethod<&WatchObject::drain_raw>("drainRaw"), InstanceMethod<&WatchObject::recheck>("recheck"),
                        InstanceMethod<&WatchObject::resync>("resync"), InstanceMethod<&WatchObject::open_snapshot>("openSnapshot"),
                        InstanceMethod<&WatchObject::status>("status"), InstanceMethod<&WatchObject::root_state>("rootState"),
                        InstanceMethod<&WatchObject::close>("close")});
  }

  explicit WatchObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WatchObject>(info), bell_(std::make_shared<Bell>()) {
    const Napi::Env env = info.Env();
    bell_->function = Napi::ThreadSafeFunction::New(env, info[2].As<Napi::Function>(), "fustor watch", 0, 1);
    bell_->open = true;
    watcher_ = create_watcher(to_config(info[0].ToString().Utf8Value(), info[1].As<Napi::Object>()), [bell = bell_] { bell->ring(); });
    // At process.exit and when a worker thread ends nobody calls close(): join the threads before the environment goes.
    napi_add_env_cleanup_hook(env, &WatchObject::leave, this);
    hooked_ = true;
  }

  ~WatchObject() override { shut_down(); }

 private:
  static void leave(void* data) {
    auto* self = static_cast<WatchObject*>(data);
    self->hooked_ = false;
    self->shut_down();
  }

  void shut_down() {
    if (hooked_) {
      napi_remove_env_cleanup_hook(Env(), &WatchObject::leave, this);
      hooked_ = false;
    }
    if (watcher_ != nullptr) watcher_->close();
    bell_->shut();
  }

  Napi::Value start(const Napi::CallbackInfo& info) {
    watcher_->start();
    return info.Env().Undefined();
  }

  Napi::Value drain(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    LiveBatch batch;
    if (!watcher_->drain(batch)) return env.Null();
    Napi::Object result = Napi::Object::New(env);
    result.Set("json", Napi::Buffer<char>::Copy(env, batch.json.data(), batch.json.size()));
    result.Set("count", batch.count);
    result.Set("lagMs", batch.lag_ms);
    return result;
  }

  Napi::Value drain_raw(const Napi::CallbackInfo& info) {
    const std::string lines = watcher_->drain_raw();
    if (lines.empty()) return info.Env().Null();
    return Napi::Buffer<char>::Copy(info.Env(), lines.data(), lines.size());
  }

  Napi::Value recheck(const Napi::CallbackInfo& info) {
    std::string raw;
    std::string wire = info[0].ToString().Utf8Value();
    if (wire.starts_with('/')) wire.erase(0, 1);
    if (!decode_wire(wire, raw)) {
      Napi::Error::New(info.Env(), "the path is not a wire path").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    watcher_->recheck(raw, info[1].ToBoolean());
    return info.Env().Undefined();
  }

  Napi::Value resync(const Napi::CallbackInfo& info) {
    watcher_->resync(info[0].ToString().Utf8Value());
    return info.Env().Undefined();
  }

  Napi::Value open_snapshot(const Napi::CallbackInfo& info) {
    const Napi::Object options = info[0].As<Napi::Object>();
    const auto chunk_bytes = static_cast<size_t>(number_or(options, "chunkBytes", 512 << 10));
    const auto pool_chunks = static_cast<uint32_t>(number_or(options, "poolChunks", 8));
    return wrap_bulk_stream(info.Env(), watcher_->open_snapshot(chunk_bytes, pool_chunks));
  }

  Napi::Value root_state(const Napi::CallbackInfo& info) {
    Napi::Object result = Napi::Object::New(info.Env());
    std::string reason;
    result.Set("root", state_name(watcher_->root_state(reason)));
    result.Set("reason", reason);
    return result;
  }

  Napi::Value status(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const WatchStatus status = watcher_->status();
    Napi::Object result = Napi::Object::New(env);
    result.Set("root", state_name(status.root));
    result.Set("reason", status.reason);
    const std::pair<const char*, uint64_t> numbers[] = {
        {"entries", status.entries},         {"directories", status.directories},     {"tableBytes", status.table_bytes},
        {"watchesUsed", status.watches_used}, {"watchesLimit", status.watches_limit}, {"unreadable", status.unreadable},
        {"rawEvents", status.raw_events},    {"changes", status.changes},             {"overflows", status.overflows},
        {"resyncs", status.resyncs},         {"queueDepth", status.queue_depth},
    };
    for (const auto& [key, number] : numbers) result.Set(key, static_cast<double>(number));
    Napi::Object unwatched = Napi::Object::New(env);
    for (const auto& [cause, count] : status.unwatched) unwatched.Set(cause, static_cast<double>(count));
    result.Set("unwatched", unwatched);
    result.Set("lastResyncReason", status.last_resync_reason);
    result.Set("lastError", status.last_error);
    return result;
  }

  // Joining may take as long as the system call a worker is in, so it happens on a thread of its own.
  Napi::Value close(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto deferred = std::make_shared<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env));
    auto done = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "fustor watch close", 0, 1);
    bell_->shut();
    std::thread([watcher = watcher_, deferred, done]() mutable {
      watcher->close();
      done.BlockingCall([deferred](Napi::Env env, Napi::Function) { deferred->Resolve(env.Undefined()); });
      done.Release();
    }).detach();
    return deferred->Promise();
  }

  std::shared_ptr<Bell> bell_;
  std::shared_ptr<Watcher> watcher_;
  bool hooked_ = false;
};

Napi::Value create_watch(const Napi::CallbackInfo& info) {
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  return constructor->New({info[0], info[1], info[2]});
}

}  // namespace

void init_watch(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(WatchObject::define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* reference) { delete reference; }, constructor);
  exports.Set("createWatch", Napi::Function::New(env, create_watch, "createWatch", constructor));
}

}  // namespace fustor
