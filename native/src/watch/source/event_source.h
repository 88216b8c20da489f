// Where kernel events come from: inotify and fanotify, and a script in race tests. Masks are inotify's (sys/inotify.h).
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "fustor/watch_status.h"

namespace fustor {

using WatchId = int32_t;

/**
 * In an event: a directory that is not armed. Only of a source that sees whole file systems, and after
 * `tell_unarmed(true)`.
 */
constexpr WatchId kUnarmed = 0;

/**
 * In an event: a file by its inode number, without a directory or with one that is not armed. Never the id of a watch.
 */
constexpr WatchId kByInode = INT32_MIN;

/**
 * A handle as name_to_handle_at gives it and as fanotify reports it, on the file system number `fs` (the source's own
 * count).
 */
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
  /**
   * Inode of the file that was written or whose attributes changed, if the source knows it: the name may belong to
   * another file by now.
   */
  uint64_t inode = 0;
};

/**
 * `open` comes first, by one thread. Then any thread may arm, disarm, follow and open handles, while one thread, the
 * reader, calls `read`. The engine calls `disarm`, `follow`, `tell_unarmed`, `limit` and `facts` with its mutex held,
 * so these must not ask a file system other than /proc. Errors are errno, 0 = none.
 */
class EventSource {
 public:
  virtual ~EventSource() = default;
  /** Prepares the source; it watches nothing yet. */
  virtual int open() = 0;
  /** A descriptor for poll(2) that is readable when `read` has something. */
  virtual int poll_fd() const = 0;
  /**
   * Watches the directory behind an open descriptor; the same directory always gives the same id. It may wait for the
   * file system. ENOSPC when the kernel grants no more watches, otherwise what the kernel says.
   */
  virtual int arm(int directory_fd, WatchId& id) = 0;
  /** Ends a watch. Events that were queued before may still come. */
  virtual void disarm(WatchId id) = 0;
  /**
   * Appends what is queued, without waiting; false when there was nothing. Only the reader. Names and handles stay
   * valid until the next read.
   */
  virtual bool read(std::vector<KernelEvent>& events) = 0;
  /**
   * How many events the last `read` took and did not hand out, because they are about nothing that is armed. Only the
   * reader.
   */
  virtual size_t foreign_in_last_read() const { return 0; }
  /** Whether `read` hands out events of directories that are not armed, too (kUnarmed), if the source can. */
  virtual void tell_unarmed(bool) {}
  /**
   * Opens (O_PATH) the directory behind a handle; `on_mount` is any descriptor, not O_PATH, on its file system, which
   * may be waited for. ESTALE when the directory is gone, EPERM without the capability, ENOTSUP when the source has no
   * handles.
   */
  virtual int open_unarmed(const HandleRef&, int /* on_mount */, UniqueFd&) { return ENOTSUP; }
  /** The device number of a handle's file system, 0 when the source does not know it any more. */
  virtual uint64_t device_of(const HandleRef&) const { return 0; }
  /** Whether `read` hands out events of this file (kByInode) that come through a directory which is not armed. */
  virtual void follow(uint64_t /* inode */, bool /* wanted */) {}
  /** How many watches the kernel grants this user, 0 = unknown or without a limit. */
  virtual uint32_t limit() const = 0;
  /** Which engine watches each file system that was met so far. */
  virtual std::vector<EngineFact> facts() const { return {}; }
};

}  // namespace fustor
