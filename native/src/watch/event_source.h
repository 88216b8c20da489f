// Where hints of change come from: inotify in earnest, a script in race tests. Masks are inotify's (sys/inotify.h).
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "fustor/watch.h"

namespace fustor {

using WatchId = int32_t;

/** A directory in an event nobody armed: of a source that sees whole file systems, while it was asked to tell. */
constexpr WatchId kUnarmed = 0;

/** An event about a file by its inode number, without a directory or with one that is not armed. Never the id of a watch. */
constexpr WatchId kByInode = INT32_MIN;

/** A handle as name_to_handle_at gives it and as fanotify reports it, on the file system number `fs` (the source's own count). */
struct HandleRef {
  uint16_t fs = 0;
  uint8_t type = 0;
  std::string_view bytes = {};  // at most MAX_HANDLE_SZ = 128
};

struct KernelEvent {
  WatchId watch;  // -1 with IN_Q_OVERFLOW; kUnarmed with a handle
  uint32_t mask;
  uint32_t cookie;
  std::string_view name;  // empty when the event is about the directory itself; valid until the next read
  HandleRef handle = {};  // of a directory that is not armed; valid until the next read
  /** Of the file that was written or whose attributes changed, where the source knows it: the name may be another one's by now. */
  uint64_t inode = 0;
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
  /** Events that the last `read` took and did not hand out, because they are about nothing that is armed. The same thread. */
  virtual size_t foreign_in_last_read() const { return 0; }
  /** Whether events of directories that are not armed are read as well (kUnarmed) where that is possible. Any thread. */
  virtual void tell_unarmed(bool) {}
  /**
   * Opens (O_PATH) the directory behind a handle; `on_mount` is any descriptor, not O_PATH, on its file system. 0 or errno: ESTALE when it
   * is gone, EPERM without the capability. Any thread.
   */
  virtual int open_unarmed(const HandleRef&, int /* on_mount */, UniqueFd&) { return ENOTSUP; }
  /** The device number of a handle's file system, 0 when it is not known any more. Any thread. */
  virtual uint64_t device_of(const HandleRef&) const { return 0; }
  /** Whether events of a file are wanted (kByInode) that come through a directory which is not armed. Any thread. */
  virtual void follow(uint64_t /* inode */, bool /* wanted */) {}
  /** How many watches the kernel grants this user, 0 = unknown. */
  virtual uint32_t limit() const = 0;
  /** Per file system met so far. Any thread. */
  virtual std::vector<EngineFact> facts() const { return {}; }
};

}  // namespace fustor
