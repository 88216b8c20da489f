#include "watch/source/ladder_source.h"

#include <sys/epoll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/descriptors.h"
#include "base/mount_table.h"

namespace fustor {

namespace {
/** An error that says nothing about the file system: the next directory may work. */
bool is_passing(int error) {
  return error == ENOMEM || error == EMFILE || error == ENFILE || error == EINTR || error == EAGAIN || error == EBADF || error == ENOENT ||
         error == ESTALE || error == EACCES || error == EIO;
}

const char* engine_name(EngineKind engine) {
  switch (engine) {
    case EngineKind::fanotify: return "fanotify";
    case EngineKind::inotify: return "inotify";
    case EngineKind::none: break;
  }
  return "none";
}

std::string refusal(int error) {
  switch (error) {
    case EPERM: return "fanotify needs CAP_SYS_ADMIN";
    case ENOSYS: return "the kernel is built without fanotify";
    case EINVAL: return "the kernel's fanotify cannot report names";
    case EMFILE: return "fanotify: too many groups (fs.fanotify.max_user_groups) or open files";
    case EOPNOTSUPP: return "fanotify: the file system has no file handles";
    case ENODEV: return "fanotify: the file system has no id";
    case EXDEV: return "fanotify: the id is not that of the whole file system (a subvolume)";
    case EEXIST: return "fanotify: another file system with the same id is watched already";
    default: return std::string("fanotify: ") + std::strerror(error);
  }
}
}  // namespace

int LadderSource::open() {
  fanotify_error_ = mode_ == EngineMode::inotify ? ENOSYS : fanotify_.open();
  if (mode_ == EngineMode::fanotify && fanotify_error_ != 0) return fanotify_error_;
  inotify_error_ = mode_ == EngineMode::fanotify ? ENOSYS : inotify_.open();
  // Without descriptors neither engine can run, and nothing can be polled: this says nothing of the engines.
  for (const int error : {fanotify_error_, inotify_error_}) {
    if ((error == EMFILE || error == ENFILE) && is_out_of_descriptors()) return error;
  }
  // No engine runs. When one was asked for by name, that is an error. Otherwise `arm` refuses every directory, and the
  // engine polls them.
  if (mode_ != EngineMode::automatic && inotify_error_ != 0 && fanotify_error_ != 0) return inotify_error_;
  return poll_both();
}

int LadderSource::poll_both() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return errno;
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (inotify_error_ == 0 && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, inotify_.poll_fd(), &wanted) != 0) return errno;
  if (fanotify_error_ == 0 && ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fanotify_.poll_fd(), &wanted) != 0) return errno;
  return 0;
}

int LadderSource::arm(int directory_fd, WatchId& id) {
  struct stat stat;
  if (::fstat(directory_fd, &stat) != 0) return errno;
  // Asking a file system for its identity costs a good part of a watch. With inotify it does not matter when another
  // one has got its number.
  if (is_inotifys(stat.st_dev)) return arm_inotify(directory_fd, id);
  FsIdentity fs;
  if (const int error = identify_fs(directory_fd, fs); error != 0) return error;
  const EngineKind engine = decided(fs);
  if (engine == EngineKind::none) return arm_first(fs, directory_fd, id);
  if (engine == EngineKind::inotify) return arm_inotify(directory_fd, id);
  const int error = fanotify_.arm_on(fs, directory_fd, id);
  if (error == 0 || is_passing(error)) return error;
  // It worked before, but marking a file system again can fail.
  return arm_first(fs, directory_fd, id);
}

/**
 * Without the mutex, because a file system may not answer. Threads that do this for the same file system at the same
 * time come to the same decision.
 */
int LadderSource::arm_first(const FsIdentity& fs, int directory_fd, WatchId& id) {
  if (mode_ == EngineMode::inotify) {
    decide(fs, EngineKind::inotify, "asked for by configuration");
    return arm_inotify(directory_fd, id);
  }
  const int error = fanotify_error_ != 0 ? fanotify_error_ : fanotify_.arm_on(fs, directory_fd, id);
  if (error == 0) {
    decide(fs, EngineKind::fanotify, mode_ == EngineMode::fanotify ? "asked for by configuration" : "one mark covers the file system");
    return 0;
  }
  if (fanotify_error_ == 0 && is_passing(error)) return error;
  if (mode_ == EngineMode::fanotify) {
    decide(fs, EngineKind::none, refusal(error));
    return error;
  }
  if (inotify_error_ != 0) {
    const char* cure = inotify_error_ == EMFILE ? " (raise fs.inotify.max_user_instances)" : "";
    decide(fs, EngineKind::none, refusal(error) + "; inotify: " + std::strerror(inotify_error_) + cure);
    return inotify_error_;
  }
  decide(fs, EngineKind::inotify, refusal(error));
  return arm_inotify(directory_fd, id);
}

int LadderSource::arm_inotify(int directory_fd, WatchId& id) {
  return inotify_error_ != 0 ? inotify_error_ : inotify_.arm(directory_fd, id);
}

bool LadderSource::is_inotifys(uint64_t dev) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_dev_.find(dev);
  return found != by_dev_.end() && decisions_[found->second].engine == EngineKind::inotify;
}

/** `none` also when it was refused: the next directory may succeed. */
EngineKind LadderSource::decided(const FsIdentity& fs) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_dev_.find(fs.dev);
  return found == by_dev_.end() || !(decisions_[found->second].fs == fs) ? EngineKind::none : decisions_[found->second].engine;
}

void LadderSource::decide(const FsIdentity& fs, EngineKind engine, std::string reason) {
  const bool listed = current_mounts()->by_dev(fs.dev) != nullptr;
  const std::lock_guard lock(mutex_);
  const auto [found, fresh] = by_dev_.try_emplace(fs.dev, decisions_.size());
  if (fresh) decisions_.emplace_back();
  decisions_[found->second] = {fs, engine, std::move(reason), listed};
}

void LadderSource::disarm(WatchId id) {
  if (id < -1) {
    fanotify_.disarm(id);
  } else if (inotify_error_ == 0) {
    inotify_.disarm(id);
  }
}

bool LadderSource::read(std::vector<KernelEvent>& events) {
  const bool first = inotify_error_ == 0 && inotify_.read(events);
  const bool second = fanotify_error_ == 0 && fanotify_.read(events);
  return first || second;
}

uint32_t LadderSource::limit() const {
  const std::lock_guard lock(mutex_);
  const bool used = fanotify_error_ != 0 || std::any_of(decisions_.begin(), decisions_.end(), [](const Decision& decision) {
    return decision.engine == EngineKind::inotify;
  });
  return used && inotify_error_ == 0 ? inotify_.limit() : 0;
}

std::vector<EngineChoice> LadderSource::choices() const {
  const std::shared_ptr<const MountTable> mounts = current_mounts();
  const std::lock_guard lock(mutex_);
  std::vector<EngineChoice> choices;
  for (const Decision& decision : decisions_) {
    if (decision.listed && mounts->by_dev(decision.fs.dev) == nullptr) continue;
    choices.push_back({decision.fs.dev, fs_name(decision.fs.magic), decision.engine, decision.reason});
  }
  return choices;
}

std::vector<EngineFact> LadderSource::facts() const {
  std::vector<EngineFact> facts;
  for (const EngineChoice& choice : choices()) {
    const EngineFact fact{choice.file_system, engine_name(choice.engine), choice.reason, 1};
    const auto same = std::find_if(facts.begin(), facts.end(), [&](const EngineFact& other) { return other.says_the_same(fact); });
    if (same == facts.end()) {
      facts.push_back(fact);
    } else {
      same->count++;
    }
  }
  return facts;
}

}  // namespace fustor
