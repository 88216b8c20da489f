// The watch ladder: for each file system the best engine that runs there. The ladder finds it by trying, never by
// version: it arms the first directory of a file system with fanotify, and if that is refused, the file system belongs
// to inotify.
//
// Threads as EventSource says; the decisions have a mutex of their own, which is never held while a file system is
// asked.
//
// The ids of the two sources differ: inotify's are positive, fanotify's below -1, 0 is kUnarmed.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"
#include "watch/source/event_source.h"
#include "watch/source/fanotify_source.h"
#include "watch/source/fs_probe.h"
#include "watch/source/inotify_source.h"

namespace fustor {

enum class EngineMode {
  automatic,
  fanotify,  // or nothing: what it refuses stays unwatched, and `arm` says why
  inotify,
};

enum class EngineKind { none, inotify, fanotify };

/** Which engine watches a file system, and why. */
struct EngineChoice {
  uint64_t dev = 0;
  std::string file_system;  // "ext4", "tmpfs", "0x..."
  EngineKind engine = EngineKind::none;
  std::string reason;  // a sentence for people
};

class LadderSource final : public EventSource {
 public:
  explicit LadderSource(EngineMode mode = EngineMode::automatic, FanotifyOptions options = {})
      : mode_(mode), fanotify_(options) {}

  /**
   * Opens both engines, or the one that was asked for by name: its error when it cannot run. In automatic mode only
   * errors of epoll; an engine that cannot run is then missing from the ladder.
   */
  int open() override;
  int poll_fd() const override { return epoll_.get(); }
  /**
   * Asks the file system who it is, and arms. In automatic mode it fails only for what is no property of the file
   * system: inotify's limit, memory, a directory that is gone, or no inotify at all.
   */
  int arm(int directory_fd, WatchId& id) override;
  void disarm(WatchId id) override;
  bool read(std::vector<KernelEvent>& events) override;
  size_t foreign_in_last_read() const override { return fanotify_.foreign_in_last_read(); }
  /** That of inotify, once inotify watches something. */
  uint32_t limit() const override;
  void tell_unarmed(bool wanted) override { fanotify_.tell_unarmed(wanted); }
  int open_unarmed(const HandleRef& handle, int on_mount, UniqueFd& out) override {
    return fanotify_.open_unarmed(handle, on_mount, out);
  }
  uint64_t device_of(const HandleRef& handle) const override { return fanotify_.device_of(handle); }
  void follow(uint64_t inode, bool wanted) override { fanotify_.follow(inode, wanted); }

  /** The decisions for file systems that are still mounted. Any thread; reads /proc/self/mountinfo. */
  std::vector<EngineChoice> choices() const;
  /** The same in words; file systems with the same words count as one. */
  std::vector<EngineFact> facts() const override;
  FanotifyStats fanotify_stats() const { return fanotify_.stats(); }

 private:
  struct Decision {
    FsIdentity fs;
    EngineKind engine;
    std::string reason;
    bool listed;  // the mounts showed it when the decision was made; subvolumes are never shown
  };

  int poll_both();
  int arm_first(const FsIdentity& fs, int directory_fd, WatchId& id);
  int arm_inotify(int directory_fd, WatchId& id);
  void decide(const FsIdentity& fs, EngineKind engine, std::string reason);
  EngineKind decided(const FsIdentity& fs) const;
  bool is_inotifys(uint64_t dev) const;

  const EngineMode mode_;
  InotifySource inotify_;
  FanotifySource fanotify_;
  UniqueFd epoll_;
  int inotify_error_ = 0;   // why inotify cannot be used at all
  int fanotify_error_ = 0;
  mutable std::mutex mutex_;
  std::vector<Decision> decisions_;
  std::unordered_map<uint64_t, size_t> by_dev_;  // where in decisions_
};

}  // namespace fustor
