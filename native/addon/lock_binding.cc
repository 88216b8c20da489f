#include "lock_binding.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "errors.h"

namespace fustor {

namespace {

constexpr int TRIES = 20;

int flock_uninterrupted(int fd, int how) {
  int result;
  do {
    result = ::flock(fd, how);
  } while (result != 0 && errno == EINTR);
  return result;
}

// Whether the path still leads to the open file: the lock on a file that was removed or replaced since keeps no other
// process out.
bool is_current(int fd, const std::string& path) {
  struct stat open_file, named;
  if (::fstat(fd, &open_file) != 0 || ::lstat(path.c_str(), &named) != 0) return false;
  return open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

struct HeldLock {
  UniqueFd file;
  std::string path;
};

Napi::Object handle_of(Napi::Env env, HeldLock* held) {
  Napi::Object handle = Napi::Object::New(env);
  handle.Set("unlock", Napi::Function::New(env, [held](const Napi::CallbackInfo&) { held->file.reset(); }, "unlock"));
  handle.Set("isCurrent", Napi::Function::New(
                              env,
                              [held](const Napi::CallbackInfo& info) {
                                const bool current = held->file && is_current(held->file.get(), held->path);
                                return Napi::Boolean::New(info.Env(), current);
                              },
                              "isCurrent"));
  return handle;
}

// The lock belongs to the open file description: it ends with the process, however that ends, and never passes to a
// child (O_CLOEXEC). A handle that was collected without unlock() keeps it until then, because losing a lock by
// surprise is worse than keeping it.
Napi::Value lock_file(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].ToString().Utf8Value();
  const auto failed = [&](int error) {
    system_error(env, path, error).ThrowAsJavaScriptException();
    return env.Undefined();
  };
  for (int attempt = 0; attempt < TRIES; attempt++) {
    UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!file) return failed(errno);
    if (flock_uninterrupted(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return env.Null();
      return failed(errno);
    }
    // Another process may have removed it between open and flock.
    if (!is_current(file.get(), path)) continue;
    auto held = std::make_unique<HeldLock>(HeldLock{std::move(file), path});
    const Napi::Object handle = handle_of(env, held.get());
    held.release();
    return handle;
  }
  return failed(ESTALE);
}

// Tries a shared lock for a moment: "held", "free", or "missing" when there is no file.
Napi::Value probe_lock(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].ToString().Utf8Value();
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return Napi::String::New(env, "missing");
  if (file && flock_uninterrupted(file.get(), LOCK_SH | LOCK_NB) == 0) return Napi::String::New(env, "free");
  if (file && errno == EWOULDBLOCK) return Napi::String::New(env, "held");
  system_error(env, path, errno).ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace

void init_lock(Napi::Env env, Napi::Object exports) {
  exports.Set("lockFile", Napi::Function::New<lock_file>(env, "lockFile"));
  exports.Set("probeLock", Napi::Function::New<probe_lock>(env, "probeLock"));
}

}  // namespace fustor
