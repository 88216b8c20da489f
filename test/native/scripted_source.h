// An event source played by the test: it watches directories as inotify does (one id for one inode, a new one after each removal) but
// says only what the test tells it to say, in the reads the test cuts. So every interleaving of hints can be made on purpose.
#pragma once

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "watch/source/event_source.h"

namespace watching {

struct ScriptedEvent {
  fustor::WatchId watch;
  uint32_t mask;
  std::string name = {};
  uint32_t cookie = 0;
};

/** The test keeps a pointer to it and the engine owns it. The test's methods may be called from any thread. */
class ScriptedSource final : public fustor::EventSource {
 public:
  using Inode = std::pair<dev_t, ino_t>;

  // ---- the test's side

  /** The id under which the directory at `path` is watched, -1 when it is not. */
  fustor::WatchId watch_of(const std::string& path) const {
    struct stat info;
    if (::lstat(path.c_str(), &info) != 0) return -1;
    std::lock_guard lock(mutex_);
    const auto found = watches_.find({info.st_dev, info.st_ino});
    return found == watches_.end() ? -1 : found->second;
  }

  /** One read of the engine: these events, together and in this order. */
  void tell(std::vector<ScriptedEvent> events) {
    std::lock_guard lock(mutex_);
    queue(std::move(events));
  }
  /** Each event in a read of its own. */
  void tell_apart(const std::vector<ScriptedEvent>& events) {
    for (const ScriptedEvent& event : events) tell({event});
  }
  void tell_twice(const std::vector<ScriptedEvent>& events) {
    tell(events);
    tell(events);
  }
  void overflow() { tell({{-1, IN_Q_OVERFLOW}}); }

  /** The inode behind the watch died: the kernel forgets the id before it says so. */
  void die(fustor::WatchId watch) {
    std::lock_guard lock(mutex_);
    forget(watch);
    queue({{watch, IN_DELETE_SELF}, {watch, IN_IGNORED}});
  }
  /** The same, but what the kernel says comes only with a later `tell`. */
  void die_silently(fustor::WatchId watch) {
    std::lock_guard lock(mutex_);
    forget(watch);
  }

  /** Asked for each directory before it is watched: an errno refuses. */
  void refuse(std::function<int(Inode)> judge) {
    std::lock_guard lock(mutex_);
    refuse_ = std::move(judge);
  }
  /** Runs in the engine's worker right after a directory was armed and before it is listed. */
  void after_arm(std::function<void(Inode)> hook) {
    std::lock_guard lock(mutex_);
    after_arm_ = std::move(hook);
  }

  /** The next watch gets this id, as when the kernel's numbers have gone round. */
  void next_id(fustor::WatchId id) {
    std::lock_guard lock(mutex_);
    next_ = id;
  }

  size_t watched() const {
    std::lock_guard lock(mutex_);
    return watches_.size();
  }
  uint64_t arms() const {
    std::lock_guard lock(mutex_);
    return arms_;
  }

  // ---- the engine's side

  int open() override {
    ready_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE));
    return ready_.get() < 0 ? errno : 0;
  }
  int poll_fd() const override { return ready_.get(); }
  uint32_t limit() const override { return 0; }

  int arm(int directory_fd, fustor::WatchId& id) override {
    struct stat info;
    if (::fstat(directory_fd, &info) != 0) return errno;
    const Inode inode{info.st_dev, info.st_ino};
    std::function<void(Inode)> hook;
    {
      std::lock_guard lock(mutex_);
      arms_++;
      const int refused = refuse_ ? refuse_(inode) : 0;
      if (refused != 0) return refused;
      const auto [place, added] = watches_.try_emplace(inode, next_);
      if (added) next_++;
      id = place->second;
      hook = after_arm_;
    }
    if (hook) hook(inode);
    return 0;
  }

  void disarm(fustor::WatchId id) override {
    std::lock_guard lock(mutex_);
    if (forget(id)) queue({{id, IN_IGNORED}});
  }

  bool read(std::vector<fustor::KernelEvent>& events) override {
    std::lock_guard lock(mutex_);
    uint64_t one;
    if (reads_.empty() || ::read(ready_.get(), &one, sizeof(one)) < 0) return false;
    current_ = std::move(reads_.front());
    reads_.pop_front();
    for (const ScriptedEvent& event : current_) events.push_back({event.watch, event.mask, event.cookie, event.name});
    return true;
  }

 private:
  bool forget(fustor::WatchId id) {
    for (auto at = watches_.begin(); at != watches_.end(); ++at) {
      if (at->second != id) continue;
      watches_.erase(at);
      return true;
    }
    return false;
  }
  void queue(std::vector<ScriptedEvent> events) {
    reads_.push_back(std::move(events));
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(ready_.get(), &one, sizeof(one));
  }

  fustor::UniqueFd ready_;
  mutable std::mutex mutex_;
  std::map<Inode, fustor::WatchId> watches_;
  std::deque<std::vector<ScriptedEvent>> reads_;
  std::vector<ScriptedEvent> current_;  // names of the last read live here
  std::function<int(Inode)> refuse_;
  std::function<void(Inode)> after_arm_;
  fustor::WatchId next_ = 1;
  uint64_t arms_ = 0;
};

}  // namespace watching
