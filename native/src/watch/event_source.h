// Where hints of change come from: inotify in earnest, a script in race tests. Masks are inotify's (sys/inotify.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fustor/watch.h"

namespace fustor {

using WatchId = int32_t;

struct KernelEvent {
  WatchId watch;  // -1 with IN_Q_OVERFLOW
  uint32_t mask;
  uint32_t cookie;
  std::string_view name;  // empty when the event is about the directory itself; valid until the next read
};

class EventSource {
 public:
  virtual ~EventSource() = default;
  /** 0 or errno. */
  virtual int open() = 0;
  /** Readable when `read` has something. */
  virtual int poll_fd() const = 0;
  /** Watches the directory behind an open descriptor; the same directory always gives the same id. 0 or errno. Any thread. */
  virtual int arm(int directory_fd, WatchId& id) = 0;
  virtual void disarm(WatchId id) = 0;
  /** Appends what is queued, without waiting; false when there was nothing. One thread. */
  virtual bool read(std::vector<KernelEvent>& events) = 0;
  /** How many watches the kernel grants this user, 0 = unknown. */
  virtual uint32_t limit() const = 0;
  /** Per file system met so far. Any thread. */
  virtual std::vector<EngineFact> facts() const { return {}; }
};

}  // namespace fustor
