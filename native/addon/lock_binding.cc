#include "lock_binding.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <memory>

#include "base/unique_fd.h"
#include "errors.h"

namespace fustor {

namespace {

// The lock belongs to the open file description: it goes with the process however that ends, and never passes to a child (O_CLOEXEC).
// A handle that was collected without unlock() keeps it until then, because losing a lock by surprise is worse than keeping it.
Napi::Value lock_file(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].ToString().Utf8Value();
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) {
    system_error(env, path, errno).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  int failed;
  do {
    failed = ::flock(file.get(), LOCK_EX | LOCK_NB);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0 && errno == EWOULDBLOCK) return env.Null();
  if (failed != 0) {
    system_error(env, path, errno).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto* held = new UniqueFd(std::move(file));
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("unlock", Napi::Function::New(env, [held](const Napi::CallbackInfo&) { held->reset(); }, "unlock"));
  return handle;
}

}  // namespace

void init_lock(Napi::Env env, Napi::Object exports) { exports.Set("lockFile", Napi::Function::New<lock_file>(env, "lockFile")); }

}  // namespace fustor
