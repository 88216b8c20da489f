#include "watch_options.h"

#include "options.h"

namespace fustor {

namespace {

constexpr double kMostMs = 24 * 3600 * 1000;

std::string text_or(const Napi::Object& options, const char* name, const char* otherwise) {
  const Napi::Value value = options.Get(name);
  return value.IsString() ? value.ToString().Utf8Value() : otherwise;
}

}  // namespace

WatchConfig watch_config_of(const std::string& root, const Napi::Object& options) {
  WatchConfig config;
  config.root = root;
  config.filter = filter_of(options);
  config.threads = threads_of(options);
  config.cross_mounts = flag_or(options, "crossMounts", true);
  config.settle_ms = static_cast<int64_t>(number_or(options, "settleMs", 2000, 0, kMostMs));
  config.throttle_ms = static_cast<int64_t>(number_or(options, "throttleMs", 1000, 0, kMostMs));
  config.politeness = politeness_of(options);
  config.expected_root = text_or(options, "expectedRootIdentity", "");
  config.confirm_deletes_ms = static_cast<int64_t>(number_or(options, "confirmDeletesMs", 5000, 0, kMostMs));
  config.raw = flag_or(options, "raw", false);
  config.canary = text_or(options, "canary", "");
  const std::string mode = text_or(options, "mode", "inotify");
  if (mode == "auto") config.mode = WatchMode::automatic;
  if (mode == "fanotify") config.mode = WatchMode::fanotify;
  if (mode == "poll") config.mode = WatchMode::poll;
  config.max_watches = static_cast<uint64_t>(number_or(options, "maxWatches", 0, 0, 1e15));
  config.poll_ms = static_cast<int64_t>(number_or(options, "pollMs", 60'000, 100, kMostMs));
  config.elsewhere_poll_ms = static_cast<int64_t>(number_or(options, "elsewherePollMs", 10'000, 0, kMostMs));
  config.max_path_bytes = static_cast<size_t>(number_or(options, "maxPathBytes", 4096, 0, 1e9));
  config.hang_ms = static_cast<int64_t>(number_or(options, "hangMs", 5000, 500, kMostMs));
  return config;
}

}  // namespace fustor
