#include "watch/coverage/polls.h"

#include <algorithm>

#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr int64_t kTickNs = 1'000'000'000;
// Directories a second, so that a large tree on a server takes longer instead of wearing it out.
constexpr size_t kMostElsewhere = 200;
}  // namespace

void Polls::add_unwatched(const Locked&, DirId id, bool elsewhere) {
  unwatched_.members.insert(id);
  if (elsewhere) elsewhere_.members.insert(id);
  want(elsewhere ? std::min(config_.poll_ms, config_.elsewhere_poll_ms) : config_.poll_ms);
}

void Polls::add_elsewhere(const Locked&, DirId id) {
  elsewhere_.members.insert(id);
  want(config_.elsewhere_poll_ms);
}

void Polls::forget(const Locked&, DirId id) {
  unwatched_.members.erase(id);
  elsewhere_.members.erase(id);
}

void Polls::want(int64_t interval_ms) {
  const int64_t at = monotonic_ns() + std::min(kTickNs, interval_ms * 1'000'000);
  if (next_ns_ <= at) return;
  next_ns_ = at;
  crew_.wake_reader();
}

void Polls::poll_some(const Locked& lock, bool root_is_there, int64_t now_ns) {
  if (now_ns < next_ns_) return;
  int64_t tick = INT64_MAX;
  if (!unwatched_.members.empty()) tick = std::min(kTickNs, config_.poll_ms * 1'000'000);
  if (!elsewhere_.members.empty()) tick = std::min({tick, kTickNs, config_.elsewhere_poll_ms * 1'000'000});
  next_ns_ = tick == INT64_MAX ? INT64_MAX : now_ns + tick;
  if (!root_is_there) return;
  poll_share(lock, unwatched_, config_.poll_ms, SIZE_MAX, now_ns);
  poll_share(lock, elsewhere_, config_.elsewhere_poll_ms, kMostElsewhere, now_ns);
}

void Polls::poll_share(const Locked& lock, Round& round, int64_t interval_ms, size_t most, int64_t now_ns) {
  if (round.members.empty()) return;
  if (round.left.empty()) {
    if (now_ns < round.begun_ns + interval_ms * 1'000'000) return;
    round.begun_ns = now_ns;
    round.left.assign(round.members.begin(), round.members.end());
    const auto ticks = static_cast<size_t>(std::max<int64_t>(1, interval_ms * 1'000'000 / kTickNs));
    round.share = std::min(most, (round.left.size() + ticks - 1) / ticks);
  }
  for (size_t i = 0; i < round.share && !round.left.empty(); i++) {
    const DirId id = round.left.back();
    round.left.pop_back();
    if (!round.members.contains(id) || !table_.valid(id)) continue;
    if (table_.at(id).attached && table_.at(id).listed) schedule_.list(lock, id);
  }
}

void Polls::release(const Locked&) {
  unwatched_ = {};
  elsewhere_ = {};
}

}  // namespace fustor
