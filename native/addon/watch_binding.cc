// The watch engine as a JavaScript object (src/native/addon.ts, NativeWatch). Engine threads only ring a Bell;
// JavaScript pulls all data, with one call for each batch.
#include "watch_binding.h"

#include <mutex>

#include "bell.h"
#include "bulk_binding.h"
#include "detached.h"
#include "fustor/watch.h"
#include "options.h"
#include "promise.h"
#include "sweep_binding.h"
#include "wire_names.h"

namespace fustor {

namespace {

constexpr double kMostMs = 24 * 3600 * 1000;

WatchConfig to_config(const std::string& root, const Napi::Object& options) {
  WatchConfig config;
  config.root = root;
  config.filter = filter_of(options);
  config.threads = threads_of(options);
  config.cross_mounts = flag_or(options, "crossMounts", true);
  config.settle_ms = static_cast<int64_t>(number_or(options, "settleMs", 2000, 0, kMostMs));
  config.throttle_ms = static_cast<int64_t>(number_or(options, "throttleMs", 1000, 0, kMostMs));
  config.politeness = politeness_of(options);
  if (options.Get("expectedRootIdentity").IsString()) config.expected_root = options.Get("expectedRootIdentity").ToString().Utf8Value();
  config.confirm_deletes_ms = static_cast<int64_t>(number_or(options, "confirmDeletesMs", 5000, 0, kMostMs));
  config.raw = flag_or(options, "raw", false);
  if (options.Get("canary").IsString()) config.canary = options.Get("canary").ToString().Utf8Value();
  const std::string mode = options.Get("mode").IsString() ? options.Get("mode").ToString().Utf8Value() : "inotify";
  if (mode == "auto") config.mode = WatchMode::automatic;
  if (mode == "fanotify") config.mode = WatchMode::fanotify;
  if (mode == "poll") config.mode = WatchMode::poll;
  config.max_watches = static_cast<uint64_t>(number_or(options, "maxWatches", 0, 0, 1e15));
  config.poll_ms = static_cast<int64_t>(number_or(options, "pollMs", 60'000, 100, kMostMs));
  config.elsewhere_poll_ms = static_cast<int64_t>(number_or(options, "elsewherePollMs", 10'000, 0, kMostMs));
  config.max_path_bytes = static_cast<size_t>(number_or(options, "maxPathBytes", 4096, 0, 1e9));
  config.hang_ms = static_cast<int64_t>(number_or(options, "hangMs", 5000, 500, kMostMs));
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

Napi::Array texts_of(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) array.Set(i, texts[i]);
  return array;
}

/**
 * JavaScript and the end of the environment may both close the watch at the same time; the second call waits for the
 * first.
 */
struct Closable {
  explicit Closable(std::shared_ptr<Watcher> watcher) : watcher(std::move(watcher)) {}
  const std::shared_ptr<Watcher> watcher;
  std::mutex mutex;

  void close() {
    std::lock_guard lock(mutex);
    watcher->close();
  }
};

class WatchObject final : public Napi::ObjectWrap<WatchObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeWatch",
                       {InstanceMethod<&WatchObject::start>("start"), InstanceMethod<&WatchObject::drain>("drain"),
                        InstanceMethod<&WatchObject::drain_raw>("drainRaw"), InstanceMethod<&WatchObject::recheck>("recheck"),
                        InstanceMethod<&WatchObject::resync>("resync"), InstanceMethod<&WatchObject::open_snapshot>("openSnapshot"),
                        InstanceMethod<&WatchObject::open_changed>("openChanged"),
                        InstanceMethod<&WatchObject::open_audit>("openAudit"),
                        InstanceMethod<&WatchObject::open_sweep>("openSweep"),
                        InstanceMethod<&WatchObject::status>("status"), InstanceMethod<&WatchObject::root_state>("rootState"),
                        InstanceMethod<&WatchObject::root_identity>("rootIdentity"),
                        InstanceMethod<&WatchObject::confirm_root>("confirmRoot"), InstanceMethod<&WatchObject::load_index>("loadIndex"),
                        InstanceMethod<&WatchObject::freeze>("freeze"), InstanceMethod<&WatchObject::save_index>("saveIndex"),
                        InstanceMethod<&WatchObject::close>("close")});
  }

  explicit WatchObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WatchObject>(info) {
    const Napi::Env env = info.Env();
    if (!info[2].IsFunction()) {
      left_ = true;  // there is no hook to remove
      Napi::TypeError::New(env, "createWatch(root, options, onReadable): onReadable is no function").ThrowAsJavaScriptException();
      return;
    }
    auto on_readable = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[2].As<Napi::Function>()));
    bell_ = Bell::create(env, "fustor watch", [on_readable](Napi::Env) { on_readable->Call({}); });
    bell_->hold(env, true);
    watcher_ = create_watcher(to_config(info[0].ToString().Utf8Value(), options_of(info[1])), [bell = bell_] { bell->ring(); });
    closable_ = std::make_shared<Closable>(watcher_);
    // When a worker thread ends, no JavaScript calls close(): the threads are joined before the environment ends.
    napi_add_env_cleanup_hook(env, &WatchObject::leave, this);
  }

  ~WatchObject() override {
    if (left_) return;
    napi_remove_env_cleanup_hook(Env(), &WatchObject::leave, this);
    bell_->shut();
    run_detached([closable = closable_] { closable->close(); });
  }

 private:
  static void leave(void* data) {
    auto* self = static_cast<WatchObject*>(data);
    self->left_ = true;
    self->bell_->shut();
    self->closable_->close();
  }

  Napi::Value start(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), watcher_->start());
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
    if (!raw_of(info[0].ToString(), raw)) {
      Napi::Error::New(info.Env(), "the path is not a wire path").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    if (raw.starts_with('/')) raw.erase(0, 1);
    watcher_->recheck(raw, info[1].ToBoolean(), info[2].ToBoolean());
    return info.Env().Undefined();
  }

  Napi::Value resync(const Napi::CallbackInfo& info) {
    watcher_->resync(info[0].ToString().Utf8Value());
    return info.Env().Undefined();
  }

  Napi::Value open_snapshot(const Napi::CallbackInfo& info) {
    return wrap_bulk_stream(info.Env(), watcher_->open_snapshot(rows_options_of(options_of(info[0]))));
  }

  Napi::Value open_changed(const Napi::CallbackInfo& info) {
    return wrap_bulk_stream(info.Env(), watcher_->open_changed(rows_options_of(options_of(info[0]))));
  }

  Napi::Value open_audit(const Napi::CallbackInfo& info) {
    return wrap_bulk_stream(info.Env(), watcher_->open_audit(rows_options_of(options_of(info[0]))));
  }

  Napi::Value open_sweep(const Napi::CallbackInfo& info) {
    return fustor::open_sweep(info.Env(), *watcher_, options_of(info[0]));
  }

  Napi::Value root_state(const Napi::CallbackInfo& info) {
    Napi::Object result = Napi::Object::New(info.Env());
    std::string reason;
    result.Set("root", state_name(watcher_->root_state(reason)));
    result.Set("reason", reason);
    result.Set("canaryEvents", static_cast<double>(watcher_->canary_events()));
    result.Set("hangChanges", static_cast<double>(watcher_->hang_changes()));
    return result;
  }

  Napi::Value root_identity(const Napi::CallbackInfo& info) {
    const std::string text = watcher_->root_identity();
    return text.empty() ? info.Env().Null() : Napi::String::New(info.Env(), text);
  }

  Napi::Value confirm_root(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), watcher_->confirm_root()); }

  Napi::Value status(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const WatchStatus status = watcher_->status();
    Napi::Object result = Napi::Object::New(env);
    result.Set("root", state_name(status.root));
    result.Set("reason", status.reason);
#define FUSTOR_SET(member, name) result.Set(name, static_cast<double>(status.member));
    FUSTOR_WATCH_NUMBERS(FUSTOR_SET)
#undef FUSTOR_SET
    Napi::Object unwatched = Napi::Object::New(env);
    for (const auto& [cause, line] : status.unwatched) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("count", static_cast<double>(line.count));
      entry.Set("staleMs", static_cast<double>(line.stale_ms));
      entry.Set("examples", texts_of(env, line.examples));
      unwatched.Set(cause, entry);
    }
    result.Set("unwatched", unwatched);
    Napi::Object unreadable = Napi::Object::New(env);
    for (const auto& [reason, line] : status.unreadable_by) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("count", static_cast<double>(line.count));
      entry.Set("examples", texts_of(env, line.examples));
      unreadable.Set(reason, entry);
    }
    result.Set("unreadableBy", unreadable);
    Napi::Array unanswered = Napi::Array::New(env, status.unanswered.size());
    for (uint32_t i = 0; i < status.unanswered.size(); i++) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("path", status.unanswered[i].path);
      entry.Set("forMs", static_cast<double>(status.unanswered[i].for_ms));
      unanswered.Set(i, entry);
    }
    result.Set("unanswered", unanswered);
    Napi::Object collapses = Napi::Object::New(env);
    collapses.Set("directories", static_cast<double>(status.collapsed_directories));
    collapses.Set("root", static_cast<double>(status.collapsed_root));
    result.Set("collapses", collapses);
    Napi::Array engines = Napi::Array::New(env, status.engines.size());
    for (uint32_t i = 0; i < status.engines.size(); i++) {
      Napi::Object fact = Napi::Object::New(env);
      fact.Set("fileSystem", status.engines[i].file_system);
      fact.Set("engine", status.engines[i].engine);
      fact.Set("reason", status.engines[i].reason);
      fact.Set("count", static_cast<double>(status.engines[i].count));
      engines.Set(i, fact);
    }
    result.Set("engines", engines);
    Napi::Object kinds = Napi::Object::New(env);
    for (const auto& [kind, count] : status.events_by_kind) kinds.Set(kind, static_cast<double>(count));
    result.Set("eventsByKind", kinds);
    Napi::Array lag = Napi::Array::New(env, status.lag_histogram.size());
    for (uint32_t i = 0; i < status.lag_histogram.size(); i++) {
      Napi::Object bucket = Napi::Object::New(env);
      bucket.Set("atMostMs", i < WatchStatus::kLagLimitsMs.size() ? Napi::Number::New(env, WatchStatus::kLagLimitsMs[i]) : env.Null());
      bucket.Set("batches", static_cast<double>(status.lag_histogram[i]));
      lag.Set(i, bucket);
    }
    result.Set("lagHistogram", lag);
    Napi::Object setup = Napi::Object::New(env);
    setup.Set("markMs", status.mark_ms < 0 ? env.Null() : Napi::Number::New(env, status.mark_ms));
    setup.Set("primedMs", status.primed_ms < 0 ? env.Null() : Napi::Number::New(env, status.primed_ms));
    result.Set("setup", setup);
    result.Set("lostMounts", texts_of(env, status.lost_mounts));
    result.Set("lastResyncReason", status.last_resync_reason);
    result.Set("lastError", status.last_error);
    return result;
  }

  Napi::Value load_index(const Napi::CallbackInfo& info) {
    const std::string path = info[0].ToString();
    return promise_of<IndexOutcome>(
        info.Env(), "fustor index", [watcher = watcher_, path] { return watcher->load_index(path); }, outcome_of);
  }

  Napi::Value freeze(const Napi::CallbackInfo& info) {
    const int64_t patience_ms = info[0].ToNumber().Int64Value();
    return promise_of<bool>(
        info.Env(), "fustor freeze", [watcher = watcher_, patience_ms] { return watcher->freeze(patience_ms); },
        [](Napi::Env env, const bool& rests) -> Napi::Value { return Napi::Boolean::New(env, rests); });
  }

  Napi::Value save_index(const Napi::CallbackInfo& info) {
    const std::string path = info[0].ToString();
    const std::string generation = info[1].ToString();
    const int64_t patience_ms = info[2].ToNumber().Int64Value();
    const auto save = [watcher = watcher_, path, generation, patience_ms] {
      return watcher->save_index(path, generation, patience_ms);
    };
    return promise_of<IndexOutcome>(info.Env(), "fustor index", save, outcome_of);
  }

  static Napi::Value outcome_of(Napi::Env env, const IndexOutcome& outcome) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("reason", outcome.reason);
    result.Set("generation", outcome.generation);
    result.Set("entries", static_cast<double>(outcome.entries));
    result.Set("bytes", static_cast<double>(outcome.bytes));
    return result;
  }

  // Closing gives threads a second to come back from their system calls, so it runs on a thread of its own.
  Napi::Value close(const Napi::CallbackInfo& info) {
    bell_->shut();
    const auto end = [closable = closable_] {
      closable->close();
      return true;
    };
    return promise_of<bool>(info.Env(), "fustor watch close", end,
                            [](Napi::Env env, const bool&) -> Napi::Value { return env.Undefined(); });
  }

  std::shared_ptr<Bell> bell_;
  std::shared_ptr<Watcher> watcher_;
  std::shared_ptr<Closable> closable_;
  bool left_ = false;
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
