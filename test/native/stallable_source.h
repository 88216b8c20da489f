// Any event source whose reader can be held up by the test, as by a stopped process: meanwhile the kernel's queue fills.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "watch/source/event_source.h"

namespace watching {

class StallableSource final : public fustor::EventSource {
 public:
  explicit StallableSource(std::unique_ptr<fustor::EventSource> real) : real_(std::move(real)) {}

  int open() override { return real_->open(); }
  int poll_fd() const override { return real_->poll_fd(); }
  int arm(int directory_fd, fustor::WatchId& id) override { return real_->arm(directory_fd, id); }
  void disarm(fustor::WatchId id) override { real_->disarm(id); }
  bool read(std::vector<fustor::KernelEvent>& events) override {
    const std::lock_guard held(hold);
    return real_->read(events);
  }
  uint32_t limit() const override { return real_->limit(); }
  std::vector<fustor::EngineFact> facts() const override { return real_->facts(); }

  std::mutex hold;

 private:
  const std::unique_ptr<fustor::EventSource> real_;
};

}  // namespace watching
