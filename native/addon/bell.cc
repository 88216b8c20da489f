#include "bell.h"

namespace fustor {

std::shared_ptr<Bell> Bell::create(Napi::Env env, const char* name, std::function<void(Napi::Env)> answer) {
  auto bell = std::make_shared<Bell>();
  bell->answer_ = std::make_shared<std::function<void(Napi::Env)>>(std::move(answer));
  // A ring that is on its way when the bell is shut still finds it: the function keeps the bell until Node has taken
  // the function down.
  auto kept = std::make_unique<std::shared_ptr<Bell>>(bell);
  bell->function_ = Function::New(
      env, name, 0, 1, bell.get(), [](Napi::Env, std::shared_ptr<Bell>* kept, Bell*) { delete kept; }, kept.get());
  kept.release();
  bell->function_.Unref(env);
  bell->open_ = true;
  bell->env_ = env;
  // Hooks run in reverse order: this one before Node takes the function down, which would not wait for a thread that is
  // ringing.
  napi_add_env_cleanup_hook(env, &Bell::leave, bell.get());
  return bell;
}

void Bell::leave(void* bell) { static_cast<Bell*>(bell)->shut(); }

void Bell::call(Napi::Env env, Napi::Function, Bell* bell, void*) {
  if (env == nullptr) return;  // the environment is being taken down
  bell->rung_ = false;         // before looking, so that what comes later rings again
  const auto answer = bell->answer_;  // stays alive even when the answer shuts the bell
  if (answer != nullptr) (*answer)(env);
}

void Bell::ring() {
  if (rung_.exchange(true)) return;
  std::lock_guard lock(mutex_);
  if (open_) function_.NonBlockingCall();
}

void Bell::hold(Napi::Env env, bool held) {
  if (!open_ || held == held_) return;
  held_ = held;
  if (held) {
    function_.Ref(env);
  } else {
    function_.Unref(env);
  }
}

void Bell::shut() {
  {
    std::lock_guard lock(mutex_);
    if (!open_) return;
    open_ = false;
  }
  napi_remove_env_cleanup_hook(env_, &Bell::leave, this);
  function_.Abort();
  answer_.reset();
}

}  // namespace fustor
