#include "watch_status_object.h"

#include <map>
#include <string>
#include <vector>

namespace fustor {

namespace {

Napi::Array texts_of(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) array.Set(i, texts[i]);
  return array;
}

Napi::Object unwatched_of(Napi::Env env, const std::map<std::string, Unwatched>& by_cause) {
  Napi::Object result = Napi::Object::New(env);
  for (const auto& [cause, line] : by_cause) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("count", static_cast<double>(line.count));
    entry.Set("staleMs", static_cast<double>(line.stale_ms));
    entry.Set("examples", texts_of(env, line.examples));
    result.Set(cause, entry);
  }
  return result;
}

Napi::Object unreadable_of(Napi::Env env, const std::map<std::string, Unreadable>& by_reason) {
  Napi::Object result = Napi::Object::New(env);
  for (const auto& [reason, line] : by_reason) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("count", static_cast<double>(line.count));
    entry.Set("examples", texts_of(env, line.examples));
    result.Set(reason, entry);
  }
  return result;
}

Napi::Array unanswered_of(Napi::Env env, const std::vector<Unanswered>& places) {
  Napi::Array result = Napi::Array::New(env, places.size());
  for (uint32_t i = 0; i < places.size(); i++) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("path", places[i].path);
    entry.Set("forMs", static_cast<double>(places[i].for_ms));
    result.Set(i, entry);
  }
  return result;
}

Napi::Object collapses_of(Napi::Env env, const WatchStatus& status) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("directories", static_cast<double>(status.collapsed_directories));
  result.Set("root", static_cast<double>(status.collapsed_root));
  return result;
}

Napi::Array engines_of(Napi::Env env, const std::vector<EngineFact>& engines) {
  Napi::Array result = Napi::Array::New(env, engines.size());
  for (uint32_t i = 0; i < engines.size(); i++) {
    Napi::Object fact = Napi::Object::New(env);
    fact.Set("fileSystem", engines[i].file_system);
    fact.Set("engine", engines[i].engine);
    fact.Set("reason", engines[i].reason);
    fact.Set("count", static_cast<double>(engines[i].count));
    result.Set(i, fact);
  }
  return result;
}

Napi::Object events_of(Napi::Env env, const std::map<std::string, uint64_t>& by_kind) {
  Napi::Object result = Napi::Object::New(env);
  for (const auto& [kind, count] : by_kind) result.Set(kind, static_cast<double>(count));
  return result;
}

Napi::Array lag_of(Napi::Env env, const WatchStatus& status) {
  constexpr auto& kLimits = WatchStatus::kLagLimitsMs;
  Napi::Array result = Napi::Array::New(env, status.lag_histogram.size());
  for (uint32_t i = 0; i < status.lag_histogram.size(); i++) {
    Napi::Object bucket = Napi::Object::New(env);
    bucket.Set("atMostMs", i < kLimits.size() ? Napi::Number::New(env, kLimits[i]) : env.Null());
    bucket.Set("batches", static_cast<double>(status.lag_histogram[i]));
    result.Set(i, bucket);
  }
  return result;
}

Napi::Value ms_or_null(Napi::Env env, double ms) { return ms < 0 ? env.Null() : Napi::Number::New(env, ms); }

Napi::Object setup_of(Napi::Env env, const WatchStatus& status) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("markMs", ms_or_null(env, status.mark_ms));
  result.Set("primedMs", ms_or_null(env, status.primed_ms));
  return result;
}

}  // namespace

const char* root_state_name(RootState state) {
  switch (state) {
    case RootState::starting: return "starting";
    case RootState::available: return "available";
    case RootState::unavailable: return "unavailable";
  }
  return "unavailable";
}

Napi::Object watch_status_object(Napi::Env env, const WatchStatus& status) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("root", root_state_name(status.root));
  result.Set("reason", status.reason);
#define FUSTOR_SET(member, name) result.Set(name, static_cast<double>(status.member));
  FUSTOR_WATCH_NUMBERS(FUSTOR_SET)
#undef FUSTOR_SET
  result.Set("unwatched", unwatched_of(env, status.unwatched));
  result.Set("unreadableBy", unreadable_of(env, status.unreadable_by));
  result.Set("unanswered", unanswered_of(env, status.unanswered));
  result.Set("collapses", collapses_of(env, status));
  result.Set("engines", engines_of(env, status.engines));
  result.Set("eventsByKind", events_of(env, status.events_by_kind));
  result.Set("lagHistogram", lag_of(env, status));
  result.Set("setup", setup_of(env, status));
  result.Set("lostMounts", texts_of(env, status.lost_mounts));
  result.Set("lastResyncReason", status.last_resync_reason);
  result.Set("lastError", status.last_error);
  return result;
}

}  // namespace fustor
