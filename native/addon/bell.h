// How engine threads wake the event loop: they ring, and JavaScript pulls. No data crosses here, and several rings
// become one.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace fustor {

/**
 * Any thread may call `ring` at any time, also after the environment is gone. Everything else is for the JavaScript
 * thread.
 */
class Bell {
 public:
  /**
   * `answer` runs on the JavaScript thread after one or more rings, until `shut`. A new bell does not keep the process
   * alive.
   */
  static std::shared_ptr<Bell> create(Napi::Env env, const char* name, std::function<void(Napi::Env)> answer);

  void ring();
  /** While `hold` is true, the process does not end by itself. */
  void hold(Napi::Env env, bool held);
  /** No answer runs after this. Idempotent; the end of the environment does it too. */
  void shut();

 private:
  static void leave(void* bell);
  static void call(Napi::Env env, Napi::Function, Bell* bell, void*);
  using Function = Napi::TypedThreadSafeFunction<Bell, void, &Bell::call>;

  napi_env env_ = nullptr;
  std::mutex mutex_;  // guards ring against shut: the function must not be called once Node destroys it
  Function function_;
  std::shared_ptr<std::function<void(Napi::Env)>> answer_;  // JavaScript thread only
  std::atomic<bool> rung_{false};
  bool open_ = false;
  bool held_ = false;
};

}  // namespace fustor
