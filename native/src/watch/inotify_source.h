// The inotify file descriptor.
#pragma once

#include "base/unique_fd.h"
#include "watch/event_source.h"

namespace fustor {

class InotifySource final : public EventSource {
 public:
  int open() override;
  int poll_fd() const override { return fd_.get(); }
  int arm(int directory_fd, WatchId& id) override;
  void disarm(WatchId id) override;
  bool read(std::vector<KernelEvent>& events) override;
  uint32_t limit() const override { return limit_; }

 private:
  static constexpr size_t kBufferBytes = 256 * 1024;
  UniqueFd fd_;
  uint32_t limit_ = 0;
  std::vector<char> buffer_;
};

}  // namespace fustor
