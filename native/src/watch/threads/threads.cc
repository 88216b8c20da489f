#include "watch/threads/threads.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <unordered_map>
#include <utility>

#include "watch/monotonic.h"

namespace fustor {

namespace {
// When the engine closes, a thread that stands still for so long is left behind.
constexpr int64_t kLeaveNs = 1'000'000'000;
constexpr auto kLeaveTick = std::chrono::milliseconds(20);
}  // namespace

void Threads::start(const Locked&, bool takes_live, bool may_be_replaced, std::function<void()> loop) {
  const auto watch = std::make_shared<ThreadWatch>();
  watch->takes_live = takes_live;
  watch->may_be_replaced = may_be_replaced;
  watch->thread = std::thread([this, watch, loop = std::move(loop)] { run(*watch, loop); });
  crew_.threads.push_back(watch);
}

void Threads::run(ThreadWatch& watch, const std::function<void()>& loop) {
  this_worker.watch = &watch;
  watch.kernel_id = static_cast<int>(::syscall(SYS_gettid));
  this_worker.takes_live = watch.takes_live;
  loop();
  // The engine, when it has closed without this thread: it may be destroyed at the end of this function.
  std::shared_ptr<void> keeps;
  Locked lock(mutex_);
  watch.ended = true;
  keeps.swap(watch.keeps);
  crew_.thread_ended.notify_all();
  const bool last_behind = keeps != nullptr && --crew_.left_behind == 0;
  lock.unlock();
  if (last_behind) let_go_();
}

bool Threads::leave(const std::shared_ptr<void>& engine) {
  struct Last {
    uint32_t steps;
    int64_t since_ns;
  };
  std::unordered_map<ThreadWatch*, Last> last;
  Locked lock(mutex_);
  const auto may_still_end = [&] {
    bool any = false;
    const int64_t now = monotonic_ns();
    for (const auto& thread : crew_.threads) {
      if (thread->ended) continue;
      const uint32_t steps = thread->steps.load(std::memory_order_relaxed);
      const auto [found, fresh] = last.try_emplace(thread.get(), Last{steps, now});
      if (found->second.steps != steps) found->second = {steps, now};
      const bool at_work = engine == nullptr || thread->job == Job::none;
      const bool stands_still = !at_work && now - found->second.since_ns >= kLeaveNs;
      any = any || !stands_still;
    }
    return any;
  };
  while (may_still_end()) crew_.thread_ended.wait_for(lock, kLeaveTick);
  const std::vector<std::shared_ptr<ThreadWatch>> threads = std::exchange(crew_.threads, {});
  for (const auto& thread : threads) {
    if (thread->ended) continue;
    thread->keeps = engine;
    crew_.left_behind++;
    thread->thread.detach();
  }
  const bool all_ended = crew_.left_behind == 0;
  lock.unlock();
  for (const auto& thread : threads) {
    if (thread->thread.joinable()) thread->thread.join();
  }
  return all_ended;
}

}  // namespace fustor
