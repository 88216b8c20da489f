#include "watch/threads/watchdog.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr int64_t kLookNs = 100'000'000;
constexpr int64_t kStuckNs = 250'000'000;

/**
 * Whether the thread sleeps. One that only waits for the processor, on a busy machine, does not. Asks no file system
 * but /proc.
 */
bool is_asleep(const ThreadWatch& thread) {
  char text[256];
  const std::string path = "/proc/self/task/" + std::to_string(thread.kernel_id) + "/stat";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd ? ::read(fd.get(), text, sizeof(text)) : -1;
  if (got <= 0) return true;
  const std::string_view said(text, static_cast<size_t>(got));
  const size_t end_of_name = said.rfind(") ");
  return end_of_name == std::string_view::npos || said.substr(end_of_name + 2, 1) != "R";
}
}  // namespace

int64_t Watchdog::next_ns(const Locked&) const {
  if (crew_.has_come_back) return 0;
  return crew_.busy_workers > 0 || root_.is_being_checked || dirty_.queued() ? next_ns_ : INT64_MAX;
}

bool Watchdog::is_stuck(ThreadWatch& thread, int64_t now) const {
  if (thread.ended || thread.job == Job::none || !thread.has_room) return false;
  const uint32_t steps = thread.steps.load(std::memory_order_relaxed);
  if (thread.seen_ns == 0 || thread.seen_steps != steps) {
    thread.seen_steps = steps;
    thread.seen_ns = now;
  }
  if (now - thread.seen_ns < kStuckNs) return false;
  if (thread.stuck || is_asleep(thread)) return true;
  thread.seen_ns = now;
  return false;
}

Watchdog::Stuck Watchdog::look(const Locked& lock, int64_t now) {
  next_ns_ = now + kLookNs;
  crew_.has_come_back = false;
  Stuck stuck{};
  regions_.begin_round(lock);
  for (size_t i = 0; i < crew_.threads.size(); i++) {
    ThreadWatch& thread = *crew_.threads[i];
    thread.stuck = is_stuck(thread, now);
    if (!thread.stuck) continue;
    if (thread.may_be_replaced) stuck[thread.takes_live ? 0 : 1]++;
    judge_stuck(lock, thread, now - thread.seen_ns >= hang_ns_);
  }
  for (const DirId id : regions_.end_round(lock)) {
    if (table_.valid(id) && table_.at(id).unreadable != ETIMEDOUT) passes_.go_on_without(lock, id, ETIMEDOUT);
  }
  return stuck;
}

void Watchdog::judge_stuck(const Locked& lock, ThreadWatch& thread, bool hung) {
  if (thread.job == Job::root) {
    constexpr const char* kSilent = "the root does not answer: its server, its daemon or its disk has to come back";
    if (hung) root_keeper_.lose(lock, kSilent, "");
    return;
  }
  if (thread.job != Job::directory) return;
  regions_.note_stuck(lock, thread.region, hung);
  if (!hung || root_.is_unavailable()) return;
  give_up(lock, thread);
  // A later tree walk asks for the same directory, which the stuck thread still owns.
  const DirId id = thread.directory;
  if (dirty_.has(id) && dirty_.of(id, 0).pass != 0) passes_.go_on_without(lock, id, ETIMEDOUT);
}

void Watchdog::give_up(const Locked& lock, ThreadWatch& thread) {
  if (thread.given_up) return;
  thread.given_up = true;
  walk_.count_out(thread.pass);
  thread.pass = 0;
  passes_.go_on_without(lock, thread.directory, ETIMEDOUT);
}

std::vector<Hang> Watchdog::hangs(const Locked&, int64_t now) const {
  const int64_t latest = now - hang_ns_;
  std::unordered_map<std::string, int64_t> since;
  const auto add = [&](const std::string& path, int64_t from) {
    if (from > latest) return;
    const auto [found, fresh] = since.try_emplace(path, from);
    if (!fresh) found->second = std::min(found->second, from);
  };
  for (const auto& thread : crew_.threads) {
    if (!thread->stuck || thread->job == Job::adoption) continue;
    const DirId place = thread->region == kRootDir ? thread->directory : thread->region;
    const DirId id = thread->job == Job::root ? kRootDir : place;
    if (table_.valid(id) && table_.reachable(id)) add(table_.path_of(id), thread->seen_ns);
  }
  if (const MountProber* prober = looker_.prober(); prober != nullptr) {
    for (const auto& [place, from] : prober->waiting()) add(place, from);
  }
  std::vector<Hang> hangs;
  for (const auto& [path, from] : since) hangs.push_back({path, from});
  std::sort(hangs.begin(), hangs.end(), [](const Hang& a, const Hang& b) {
    return std::tie(a.since_ns, a.path) < std::tie(b.since_ns, b.path);
  });
  return hangs;
}

void Watchdog::note_hangs(const Locked& lock, int64_t now) {
  std::vector<std::string> places;
  for (const Hang& hang : hangs(lock, now)) places.push_back(hang.path);
  std::sort(places.begin(), places.end());
  if (places == told_) return;
  told_ = std::move(places);
  changes_++;
  signal_.state(lock);
}

}  // namespace fustor
