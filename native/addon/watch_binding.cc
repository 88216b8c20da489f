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
#include "watch_options.h"
#include "watch_status_object.h"
#include "wire_names.h"

namespace fustor {

namespace {

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
                        InstanceMethod<&WatchObject::write_checkpoint>("writeCheckpoint"),
                        InstanceMethod<&WatchObject::keep_checkpoint>("keepCheckpoint"),
                        InstanceMethod<&WatchObject::drop_checkpoints>("dropCheckpoints"),
                        InstanceMethod<&WatchObject::journal_status>("journalStatus"),
                        InstanceMethod<&WatchObject::close>("close")});
  }

  explicit WatchObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WatchObject>(info) {
    const Napi::Env env = info.Env();
    if (!info[2].IsFunction()) throw Napi::TypeError::New(env, "createWatch(root, options, onReadable): onReadable is no function");
    // Before the bell, which holds the process: what JavaScript gives may fail.
    const WatchConfig config = watch_config_of(info[0].ToString().Utf8Value(), options_of(info[1]));
    auto on_readable = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[2].As<Napi::Function>()));
    bell_ = Bell::create(env, "fustor watch", [on_readable](Napi::Env) { on_readable->Call({}); });
    bell_->hold(env, true);
    watcher_ = create_watcher(config, [bell = bell_] { bell->ring(); });
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
    if (!batch.mark.empty()) result.Set("mark", batch.mark);
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
    result.Set("root", root_state_name(watcher_->root_state(reason)));
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

  Napi::Value status(const Napi::CallbackInfo& info) { return watch_status_object(info.Env(), watcher_->status()); }

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

  Napi::Value write_checkpoint(const Napi::CallbackInfo& info) {
    const std::string path = info[0].ToString();
    const std::string generation = info[1].ToString();
    const int64_t patience_ms = info[2].ToNumber().Int64Value();
    const auto write = [watcher = watcher_, path, generation, patience_ms] {
      return watcher->write_checkpoint(path, generation, patience_ms);
    };
    return promise_of<IndexOutcome>(info.Env(), "fustor checkpoint", write, outcome_of);
  }

  Napi::Value keep_checkpoint(const Napi::CallbackInfo& info) {
    const std::string generation = info[0].ToString();
    const auto keep = [watcher = watcher_, generation] { return watcher->keep_checkpoint(generation); };
    return promise_of<std::string>(info.Env(), "fustor checkpoint", keep, text_of);
  }

  Napi::Value drop_checkpoints(const Napi::CallbackInfo& info) {
    const std::string reason = info[0].ToString();
    const auto drop = [watcher = watcher_, reason] {
      watcher->drop_checkpoints(reason);
      return reason;
    };
    return promise_of<std::string>(info.Env(), "fustor checkpoint", drop, text_of);
  }

  Napi::Value journal_status(const Napi::CallbackInfo& info) {
    const JournalStatus status = watcher_->journal_status();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("kept", status.kept);
    result.Set("next", status.next);
    result.Set("trouble", status.trouble);
    result.Set("bytes", static_cast<double>(status.bytes));
    return result;
  }

  static Napi::Value text_of(Napi::Env env, const std::string& text) { return Napi::String::New(env, text); }

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
