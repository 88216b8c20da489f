// What the kernel's ABI of fanotify looks like: private to FanotifySource.
#pragma once

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "watch/source/fanotify_source.h"

namespace fustor {

// The kernel's ABI; headers of older distributions lack the newer ones.
inline constexpr uint64_t kRename = 0x10000000;
inline constexpr unsigned kReportTarget = FAN_REPORT_FID | 0x1000;  // with FAN_REPORT_TARGET_FID
inline constexpr uint8_t kInfoFile = 1;
inline constexpr uint8_t kInfoDirName = 2;
inline constexpr uint8_t kInfoOldDirName = 10;
inline constexpr uint8_t kInfoNewDirName = 12;

// Never FAN_OPEN or FAN_ACCESS: the engine's own listings would cause events.
inline constexpr uint64_t kMask =
    FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB | FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR;

/** Events about the file itself, under whatever name. */
inline constexpr uint64_t kContents = FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB;

struct EventBit {
  uint64_t from;
  uint32_t to;
};
inline constexpr EventBit kEventBits[] = {
    {FAN_CREATE, IN_CREATE},         {FAN_DELETE, IN_DELETE},           {FAN_MODIFY, IN_MODIFY},
    {FAN_CLOSE_WRITE, IN_CLOSE_WRITE}, {FAN_ATTRIB, IN_ATTRIB},         {FAN_MOVED_FROM, IN_MOVED_FROM},
    {FAN_MOVED_TO, IN_MOVED_TO},     {FAN_DELETE_SELF, IN_DELETE_SELF}, {FAN_MOVE_SELF, IN_MOVE_SELF},
    {FAN_ONDIR, IN_ISDIR},
};

inline uint32_t inotify_mask(uint64_t mask) {
  uint32_t out = 0;
  for (const EventBit& bit : kEventBits) {
    if (mask & bit.from) out |= bit.to;
  }
  return out;
}

/** Returns how many there were. Groups that report handles open no descriptors: there is nothing to close. */
template <class Visit>
size_t for_each_event(const char* data, size_t length, Visit visit) {
  size_t count = 0;
  for (size_t at = 0; at + sizeof(fanotify_event_metadata) <= length; count++) {
    fanotify_event_metadata event;
    std::memcpy(&event, data + at, sizeof(event));
    if (event.event_len < sizeof(event) || at + event.event_len > length) break;
    visit(data + at);
    at += event.event_len;
  }
  return count;
}

struct HandleBuffer {
  alignas(file_handle) char space[sizeof(file_handle) + MAX_HANDLE_SZ];
  int mount_id = 0;

  int read(int fd) {
    handle().handle_bytes = MAX_HANDLE_SZ;
    return ::name_to_handle_at(fd, "", &handle(), &mount_id, AT_EMPTY_PATH) == 0 ? 0 : errno;
  }
  file_handle& handle() { return *reinterpret_cast<file_handle*>(space); }
  HandleRef ref(uint16_t fs) {
    return {fs, static_cast<uint8_t>(handle().handle_type),
            {reinterpret_cast<const char*>(handle().f_handle), handle().handle_bytes}};
  }
};

/** An information record of an event: directory and name. */
struct FanotifySource::Record {
  uint8_t kind;
  uint64_t fsid;
  HandleRef handle;  // the file system's number is filled in when it is found
  std::string_view name;
};

}  // namespace fustor
