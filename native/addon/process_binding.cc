#include "process_binding.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

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

// sd_notify(3) without its library. An address that begins with @ is an abstract one: its first byte is NUL, and no NUL
// ends it.
int send_datagram(std::string address, const std::string& text) {
  sockaddr_un to{};
  if (address.empty() || address.size() >= sizeof(to.sun_path)) return EINVAL;
  if (address[0] == '@') address[0] = '\0';
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address.data(), address.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return errno;
  const ssize_t sent =
      ::sendto(socket, text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length);
  const int error = sent < 0 ? errno : 0;
  ::close(socket);
  return error;
}

Napi::Value notify_socket(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) {
    Napi::TypeError::New(env, "notifySocket takes an address and a text").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const int error = send_datagram(info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::String>().Utf8Value());
  if (error != 0) system_error(env, "the notification socket", error).ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace

void init_process(Napi::Env env, Napi::Object exports) {
  exports.Set("redirectOutput", Napi::Function::New<redirect_output>(env, "redirectOutput"));
  exports.Set("exitNow", Napi::Function::New<exit_now>(env, "exitNow"));
  exports.Set("isHungUp", Napi::Function::New<is_hung_up>(env, "isHungUp"));
  exports.Set("notifySocket", Napi::Function::New<notify_socket>(env, "notifySocket"));
}

}  // namespace fustor
