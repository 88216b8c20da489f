// Work that may wait for a disk or for threads, as a promise of JavaScript.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <utility>

#include "bell.h"
#include "detached.h"

namespace fustor {

/**
 * Runs `work` on a thread of its own; the promise resolves with what `answer` makes of its result. The process does not
 * end by itself before that.
 */
template <class Result>
Napi::Value promise_of(Napi::Env env, const char* name, std::function<Result()> work,
                       std::function<Napi::Value(Napi::Env, const Result&)> answer) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  const auto result = std::make_shared<Result>();
  const auto done = std::make_shared<std::shared_ptr<Bell>>();
  *done = Bell::create(env, name, [deferred, done, result, answer = std::move(answer)](Napi::Env env) {
    const Napi::HandleScope scope(env);
    deferred.Resolve(answer(env, *result));
    (*done)->shut();
  });
  (*done)->hold(env, true);
  run_detached([work = std::move(work), result, bell = *done] {
    *result = work();
    bell->ring();
  });
  return deferred.Promise();
}

}  // namespace fustor
