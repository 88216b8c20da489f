// The inotify file descriptor. Threads and errors as EventSource says.
#pragma once

#include "base/unique_fd.h"
#include "watch/source/event_source.h"

namespace fustor {

class InotifySource final : public EventSource {
 public:
  /**
   * EMFILE when the user has as many inotify instances as fs.inotify.max_user_instances allows, or too many files are
   * open.
   */
  int open() override;
  int poll_fd() const override { return fd_.get(); }
  /** By descriptor, so PATH_MAX and renames do not matter. ENOSPC when fs.inotify.max_user_watches is reached. */
  int arm(int directory_fd, WatchId& id) override;
  void disarm(WatchId id) override;
  bool read(std::vector<KernelEvent>& events) override;
  /** fs.inotify.max_user_watches as it was at `open`. */
  uint32_t limit() const override { return limit_; }

 private:
  static constexpr size_t kBufferBytes = 256 * 1024;
  UniqueFd fd_;
  uint32_t limit_ = 0;
  std::vector<char> buffer_;
};

}  // namespace fustor
