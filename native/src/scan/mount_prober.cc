#include "scan/mount_prober.h"

#include <fcntl.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/unique_fd.h"

namespace fustor {

namespace {
int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Look {
  UniqueFd directory;
  std::string name;
  bool done = false;
  bool late = false;  // the thread that asked does not wait any more
  int error = 0;
  FileStat stat{};
};
}  // namespace

struct MountProber::State {
  std::mutex mutex;
  std::condition_variable answer;
  std::map<std::string, int64_t> waiting;
  std::function<void(const std::string&)> answered;
};

MountProber::MountProber(int64_t patience_ms, std::function<void(const std::string& place)> answered)
    : patience_ms_(patience_ms), state_(std::make_shared<State>()) {
  state_->answered = std::move(answered);
}

int MountProber::stat(int directory_fd, const std::string& name, const std::string& place, FileStat& out) {
  const auto look = std::make_shared<Look>();
  look->directory.reset(::fcntl(directory_fd, F_DUPFD_CLOEXEC, 0));
  look->name = name;
  if (!look->directory) return errno;
  std::unique_lock lock(state_->mutex);
  // Another thread's look at the same place may be about to come back.
  if (const auto other = state_->waiting.find(place); other != state_->waiting.end()) {
    const int64_t left_ms = patience_ms_ - (now_ns() - other->second) / 1'000'000;
    const auto is_free = [&] { return !state_->waiting.contains(place); };
    if (left_ms <= 0 || !state_->answer.wait_for(lock, std::chrono::milliseconds(left_ms), is_free)) return ETIMEDOUT;
  }
  state_->waiting.emplace(place, now_ns());
  try {
    std::thread([state = state_, look, place] {
      FileStat stat;
      const int error = stat_at(look->directory.get(), look->name.c_str(), stat);
      look->directory.reset();
      std::unique_lock lock(state->mutex);
      look->error = error;
      look->stat = stat;
      look->done = true;
      state->waiting.erase(place);
      state->answer.notify_all();
      const bool late = look->late;
      lock.unlock();
      if (late) state->answered(place);
    }).detach();
  } catch (const std::system_error&) {
    state_->waiting.erase(place);
    return EAGAIN;
  }
  if (!state_->answer.wait_for(lock, std::chrono::milliseconds(patience_ms_), [&] { return look->done; })) {
    look->late = true;
    return ETIMEDOUT;
  }
  out = look->stat;
  return look->error;
}

std::vector<std::pair<std::string, int64_t>> MountProber::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->waiting.begin(), state_->waiting.end()};
}

}  // namespace fustor
