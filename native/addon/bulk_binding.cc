#include "bulk_binding.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "bell.h"
#include "detached.h"
#include "errors.h"

namespace fustor {

namespace {

/** Owns the stream on behalf of the object and of every Buffer over its memory. */
struct StreamHold {
  std::shared_ptr<BulkStream> stream;

  ~StreamHold() {
    if (stream != nullptr) run_detached([stream = std::move(stream)]() mutable { stream.reset(); });
  }
};

struct Slot {
  Napi::Reference<Napi::Buffer<char>> buffer;
  /** What the Buffer is over, weak: a slice of the Buffer keeps this, and not the Buffer. */
  Napi::Reference<Napi::ArrayBuffer> memory;
  bool handed_out = false;
};

template <class Array, class Element>
Array copy_array(Napi::Env env, const std::vector<Element>& elements) {
  Array array = Array::New(env, elements.size());
  if (!elements.empty()) std::memcpy(array.Data(), elements.data(), elements.size() * sizeof(Element));
  return array;
}

Napi::Object to_object(Napi::Env env, const ScanSummary& summary) {
  Napi::Object result = Napi::Object::New(env);
  const std::pair<const char*, uint64_t> numbers[] = {
      {"directories", summary.directories}, {"files", summary.files},
      {"symlinks", summary.symlinks},       {"others", summary.others},
      {"rows", summary.rows},               {"bytes", summary.bytes},
      {"vanished", summary.vanished},       {"failedDirectories", summary.failed_directories},
  };
  for (const auto& [key, number] : numbers) result.Set(key, static_cast<double>(number));
  Napi::Object by_code = Napi::Object::New(env);
  for (const auto& [error, count] : summary.errors_by_errno) by_code.Set(errno_name(error), static_cast<double>(count));
  result.Set("errorsByCode", by_code);
  Napi::Array errors = Napi::Array::New(env, summary.errors.size());
  for (uint32_t i = 0; i < summary.errors.size(); i++) {
    const ScanError& error = summary.errors[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("path", error.path);
    entry.Set("code", errno_name(error.error));
    entry.Set("operation", error.operation);
    errors.Set(i, entry);
  }
  result.Set("errors", errors);
  result.Set("elapsedMs", summary.elapsed_ms);
  result.Set("complete", summary.complete);
  return result;
}

class BulkObject final : public Napi::ObjectWrap<BulkObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeScan",
                       {InstanceMethod<&BulkObject::next>("next"), InstanceMethod<&BulkObject::release>("release"),
                        InstanceMethod<&BulkObject::cancel>("cancel"), InstanceMethod<&BulkObject::summary>("summary"),
                        InstanceMethod<&BulkObject::close>("close")});
  }

  /** JavaScript that takes the class from an object and calls it has nothing to wrap. */
  explicit BulkObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BulkObject>(info), hold_(std::make_shared<StreamHold>()) {
    if (wrapping == nullptr) throw Napi::TypeError::New(info.Env(), "createScan and openSnapshot make these, nobody else");
    hold_->stream = std::move(*std::exchange(wrapping, nullptr));
    slots_.resize(hold_->stream->pool().size());
    bell_ = Bell::create(info.Env(), "fustor rows", [this](Napi::Env env) { answer(env); });
    // Registered after the bell, so it runs before Node takes the bell's function down.
    napi_add_env_cleanup_hook(info.Env(), &BulkObject::leave, this);
    hold_->stream->set_on_ready([bell = bell_] { bell->ring(); });
  }

  ~BulkObject() override {
    if (!left_) napi_remove_env_cleanup_hook(Env(), &BulkObject::leave, this);
    if (bell_ != nullptr) bell_->shut();
  }

  /** The stream for the next object: it never goes through JavaScript. */
  static thread_local std::shared_ptr<BulkStream>* wrapping;

 private:
  /** The environment ends: no JavaScript runs any more, so none reads the memory. */
  static void leave(void* data) {
    auto* self = static_cast<BulkObject*>(data);
    self->left_ = true;
    self->bell_->shut();
    if (self->hold_->stream == nullptr) return;
    self->hold_->stream->cancel();
    self->hold_->stream.reset();
  }

  Napi::Value next(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto deferred = Napi::Promise::Deferred::New(env);
    if (waiting_.has_value()) {
      deferred.Reject(Napi::Error::New(env, "next() is already waiting").Value());
    } else if (!settle(env, deferred)) {
      waiting_ = deferred;
      Ref();  // the promise alone does not keep the object
      bell_->hold(env, true);
    }
    return deferred.Promise();
  }

  void answer(Napi::Env env) {
    if (!waiting_.has_value()) return;
    const Napi::HandleScope scope(env);
    if (settle(env, *waiting_)) stop_waiting(env);
  }

  void stop_waiting(Napi::Env env) {
    waiting_.reset();
    bell_->hold(env, false);
    Unref();
  }

  /** False when there is no result yet. */
  bool settle(Napi::Env env, const Napi::Promise::Deferred& deferred) {
    Chunk* chunk = nullptr;
    const Poll poll = cancelled_ ? Poll::end : hold_->stream->poll_next(chunk);
    if (!cancelled_ && (poll == Poll::end || poll == Poll::failed)) ended_ = true;
    switch (poll) {
      case Poll::pending: return false;
      case Poll::chunk: deferred.Resolve(to_value(env, *chunk)); return true;
      case Poll::end:
        drop_buffers();
        deferred.Resolve(env.Null());
        return true;
      case Poll::failed:
        drop_buffers();
        deferred.Reject(system_error(env, "the root cannot be read", hold_->stream->root_error()).Value());
        return true;
    }
    return true;
  }

  /** The Buffers that are still in use keep themselves; the others may be collected. `close` finds those that are left. */
  void drop_buffers() {
    if (std::exchange(dropped_, true)) return;
    for (Slot& slot : slots_) {
      if (!slot.buffer.IsEmpty()) slot.buffer.Unref();
    }
  }

  /** Whoever still has the Buffer or a slice of it finds it empty. False when there may be one over memory that a chunk had before it grew. */
  bool empty_buffer(const Chunk& chunk) {
    Slot& slot = slots_[chunk.slot];
    if (!slot.memory.IsEmpty()) {
      Napi::ArrayBuffer memory = slot.memory.Value();
      if (!memory.IsEmpty()) memory.Detach();
      slot.memory.Reset();
      slot.buffer.Reset();
    }
    return chunk.memory.size() <= 1;
  }

  Napi::Value to_value(Napi::Env env, const Chunk& chunk) {
    slots_[chunk.slot].handed_out = true;
    Napi::Object result = Napi::Object::New(env);
    result.Set("slot", chunk.slot);
    result.Set("buffer", buffer_of(env, chunk));
    result.Set("rowCount", chunk.rows);
    result.Set("rowOffsets", copy_array<Napi::Uint32Array>(env, chunk.row_offsets));
    result.Set("rowFlags", copy_array<Napi::Uint8Array>(env, chunk.row_flags));
    result.Set("groupFirstRow", copy_array<Napi::Uint32Array>(env, chunk.group_first_row));
    result.Set("groupSequence", copy_array<Napi::Float64Array>(env, chunk.group_sequence));
    result.Set("groupDirs", Napi::Buffer<char>::Copy(env, chunk.group_dirs.data(), chunk.group_dirs.size()));
    result.Set("groupDirEnds", copy_array<Napi::Uint32Array>(env, chunk.group_dir_ends));
    return result;
  }

  Napi::Value buffer_of(Napi::Env env, const Chunk& chunk) {
    Slot& slot = slots_[chunk.slot];
    // A chunk that has grown has other memory; the old memory stays for consumers that still read it.
    if (!slot.buffer.IsEmpty() && slot.buffer.Value().Data() == chunk.data) return slot.buffer.Value();
    using Kept = std::shared_ptr<StreamHold>;
    const auto let_go = [](Napi::Env, char*, Kept* kept) { delete kept; };
    auto kept = std::make_unique<Kept>(hold_);
    auto buffer = Napi::Buffer<char>::New(env, chunk.data, chunk.capacity, let_go, kept.get());
    kept.release();
    slot.memory = Napi::Reference<Napi::ArrayBuffer>::New(buffer.ArrayBuffer(), 0);
    slot.buffer = Napi::Reference<Napi::Buffer<char>>::New(buffer, 1);
    return buffer;
  }

  /** Ignores a slot that is not handed out, so a consumer may release on every way out. */
  Napi::Value release(const Napi::CallbackInfo& info) {
    const uint32_t slot = info[0].ToNumber().Uint32Value();
    if (slot < slots_.size() && slots_[slot].handed_out && !closed_.has_value()) {
      slots_[slot].handed_out = false;
      hold_->stream->release(slot);
    }
    return info.Env().Undefined();
  }

  /** A next() that waits ends now, however long the threads take to come back from their system calls. */
  Napi::Value cancel(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    cancelled_ = true;
    if (!closed_.has_value()) hold_->stream->cancel();
    if (waiting_.has_value() && settle(env, *waiting_)) stop_waiting(env);
    return env.Undefined();
  }

  Napi::Value summary(const Napi::CallbackInfo& info) {
    return to_object(info.Env(), closed_.has_value() ? *closed_ : hold_->stream->summary());
  }

  /**
   * The pool's memory does not wait for the collector, which knows little of it and lets many ended streams gather. The
   * threads of a stream that was cancelled may still write into it: there the collector decides.
   */
  Napi::Value close(const Napi::CallbackInfo& info) {
    if (closed_.has_value()) return info.Env().Undefined();
    const bool ended = ended_;
    cancel(info);
    closed_ = hold_->stream->summary();
    bool all = ended;
    for (uint32_t slot = 0; ended && slot < slots_.size(); slot++) all = empty_buffer(hold_->stream->pool().at(slot)) && all;
    // What else holds the stream are Buffers that are empty now.
    if (all) run_detached([stream = std::exchange(hold_->stream, nullptr)]() mutable { stream.reset(); });
    return info.Env().Undefined();
  }

  const std::shared_ptr<StreamHold> hold_;
  std::shared_ptr<Bell> bell_;
  std::vector<Slot> slots_;
  std::optional<Napi::Promise::Deferred> waiting_;
  std::optional<ScanSummary> closed_;  // the last summary, once `close` was called
  bool ended_ = false;
  bool dropped_ = false;
  bool cancelled_ = false;
  bool left_ = false;
};

thread_local std::shared_ptr<BulkStream>* BulkObject::wrapping = nullptr;

}  // namespace

void init_bulk(Napi::Env env) { env.SetInstanceData(new Napi::FunctionReference(Napi::Persistent(BulkObject::define(env)))); }

Napi::Object wrap_bulk_stream(Napi::Env env, std::shared_ptr<BulkStream> stream) {
  auto* constructor = env.GetInstanceData<Napi::FunctionReference>();
  BulkObject::wrapping = &stream;
  try {
    return constructor->New({});
  } catch (const Napi::Error&) {
    BulkObject::wrapping = nullptr;  // as the constructor leaves it, if it was not even called
    throw;
  }
}

}  // namespace fustor
