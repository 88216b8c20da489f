// What the reader reads while other threads hold the engine's mutex.
#include "watch/event_batch.h"

#include <sys/inotify.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

#include "check.h"
#include "patience.h"

using namespace fustor;

namespace {

/** Two events a read, all of them in one buffer, which the next read overwrites. */
class Numbers final : public EventSource {
 public:
  int open() override { return 0; }
  int poll_fd() const override { return -1; }
  int arm(int, WatchId&) override { return ENOSPC; }
  void disarm(WatchId) override {}
  uint32_t limit() const override { return 0; }
  bool read(std::vector<KernelEvent>& events) override {
    const std::string number = std::to_string(reads);
    std::memset(buffer_, 0, sizeof(buffer_));
    std::memcpy(buffer_, number.data(), number.size());
    std::memcpy(buffer_ + 200, number.data(), number.size());
    const std::string_view name(buffer_, 100);
    events.push_back({1, IN_CREATE, 0, name});
    events.push_back({kUnarmed, IN_CREATE, 0, {buffer_, number.size()}, {0, 1, {buffer_ + 200, number.size()}}});
    reads++;
    return true;
  }
  std::atomic<int> reads{0};

 private:
  char buffer_[256] = {};
};

}  // namespace

TEST("while others hold the mutex the reader reads on, and every name and handle stays as it was read") {
  SpinningMutex mutex;
  Numbers source;
  EventBatch batch(mutex, source);
  for (const int wanted : {5, 50}) {
    const int first = source.reads;
    std::unique_lock held(static_cast<std::mutex&>(mutex));
    size_t read = 0;
    std::thread reader([&] {
      const Locked lock = batch.read_and_lock(true, read);
      CHECK(lock.owns_lock());
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20) * watching::patience_factor();
    while (source.reads < first + wanted && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    held.unlock();
    reader.join();
    CHECK(source.reads >= first + wanted);
    CHECK_EQ(read, batch.events().size());
    CHECK_EQ(batch.events().size(), 2 * static_cast<size_t>(source.reads - first));
    for (size_t i = 0; i < batch.events().size(); i++) {
      const KernelEvent& event = batch.events()[i];
      const std::string number = std::to_string(first + static_cast<int>(i / 2));
      CHECK(event.name.starts_with(number));
      CHECK_EQ(event.name.size(), i % 2 == 0 ? size_t{100} : number.size());
      if (i % 2 == 1) CHECK_EQ(std::string(event.handle.bytes), number);
    }
  }
  size_t none = 0;
  CHECK(batch.read_and_lock(false, none).owns_lock());
  CHECK_EQ(batch.events().size(), size_t{0});
}
