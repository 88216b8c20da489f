#include "process_binding.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "errors.h"

namespace fustor {

namespace {

// dup2(2) onto standard output and standard error; both stay open across an exec, as they have to.
Napi::Value redirect_output(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber()) {
    Napi::TypeError::New(env, "redirectOutput takes a descriptor").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const int descriptor = info[0].As<Napi::Number>().Int32Value();
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    int failed;
    do {
      failed = ::dup2(descriptor, stream);
    } while (failed < 0 && errno == EINTR);
    if (failed < 0) {
      system_error(env, "standard output", errno).ThrowAsJavaScriptException();
      break;
    }
  }
  return env.Undefined();
}

// _exit(2): Node's own exit waits for every name look-up and every file operation that a dead server holds.
Napi::Value exit_now(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber()) {
    Napi::TypeError::New(env, "exitNow takes an exit code").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  ::_exit(info[0].As<Napi::Number>().Int32Value());
}

// POLLERR: a pipe has no reader any more; POLLHUP: the other end of a socket is closed, or a terminal is gone. Files
// never report either.
Napi::Value is_hung_up(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber()) {
    Napi::TypeError::New(env, "isHungUp takes a descriptor").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  pollfd end{info[0].As<Napi::Number>().Int32Value(), 0, 0};
  return Napi::Boolean::New(env, ::poll(&end, 1, 0) > 0 && (end.revents & (POLLERR | POLLHUP)) != 0);
}

}  // namespace

void init_process(Napi::Env env, Napi::Object exports) {
  exports.Set("redirectOutput", Napi::Function::New<redirect_output>(env, "redirectOutput"));
  exports.Set("exitNow", Napi::Function::New<exit_now>(env, "exitNow"));
  exports.Set("isHungUp", Napi::Function::New<is_hung_up>(env, "isHungUp"));
}

}  // namespace fustor
