// A FUSE file system that can stop answering, served by a thread of the test over the kernel's own protocol: a mirror of a folder, without any
// caching, so that every look has to be answered.
//
// `stall` lets requests wait unread, as a daemon does that is stopped; `resume` answers them all. Whoever waits can be killed meanwhile.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

class StallingFuse {
 public:
  /** Mounts `mirrored` at `place`; `mounted()` says whether that was possible. `user` may look at it, and nobody else unless `others`. */
  StallingFuse(std::string mirrored, std::string place, bool others = true, unsigned user = 0) : place_(std::move(place)) {
    paths_[FUSE_ROOT_ID] = std::move(mirrored);
    fd_.reset(::open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd_) return;
    const std::string options = "fd=" + std::to_string(fd_.get()) + ",rootmode=40000,user_id=" + std::to_string(user) +
                                ",group_id=0" + (others ? ",allow_other" : "");
    mounted_ = ::mount("mirror", place_.c_str(), "fuse.mirror", 0, options.c_str()) == 0;
    if (mounted_) server_ = std::thread([this] { serve(); });
  }
  ~StallingFuse() {
    if (!mounted_) return;
    ::umount2(place_.c_str(), MNT_DETACH);
    ending_ = true;
    ring();
    server_.join();
    fd_.reset();  // aborts what still waits
  }
  StallingFuse(const StallingFuse&) = delete;
  StallingFuse& operator=(const StallingFuse&) = delete;

  bool mounted() const { return mounted_; }
  void stall() {
    stalled_ = true;
    ring();
    while (!resting_) std::this_thread::yield();
  }
  void resume() {
    stalled_ = false;
    ring();
  }
  /** Files take no blocks from now on; where the file system has none either, that says nothing. */
  void hide_blocks(bool of_the_system) { hides_ = of_the_system ? Hides::all : Hides::of_files; }
  /** Requests answered so far. */
  uint64_t answered() const { return answered_; }

 private:
  void ring() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t done = ::write(wake_.get(), &one, sizeof(one));
  }

  void serve() {
    std::vector<char> request(1 << 20);
    while (!ending_) {
      resting_ = stalled_.load();
      pollfd fds[2] = {{stalled_ ? -1 : fd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
      ::poll(fds, 2, -1);
      uint64_t rung;
      if ((fds[1].revents & POLLIN) && ::read(wake_.get(), &rung, sizeof(rung)) < 0) continue;
      if (stalled_ || !(fds[0].revents & (POLLIN | POLLERR | POLLHUP))) continue;
      const ssize_t got = ::read(fd_.get(), request.data(), request.size());
      if (got < 0 && errno == ENODEV) return;  // unmounted
      if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) continue;
      answer(request.data());
      answered_++;
    }
  }

  void reply(const fuse_in_header& in, int error, const void* data = nullptr, size_t size = 0) {
    std::vector<char> out(sizeof(fuse_out_header) + size);
    const fuse_out_header head{static_cast<uint32_t>(out.size()), -error, in.unique};
    std::memcpy(out.data(), &head, sizeof(head));
    if (size > 0) std::memcpy(out.data() + sizeof(head), data, size);
    [[maybe_unused]] const ssize_t done = ::write(fd_.get(), out.data(), out.size());
  }

  bool attributes(uint64_t node, fuse_attr& out) const {
    struct stat info;
    const auto found = paths_.find(node);
    if (found == paths_.end() || ::lstat(found->second.c_str(), &info) != 0) return false;
    out = {};
    out.ino = info.st_ino;
    out.size = static_cast<uint64_t>(info.st_size);
    out.blocks = hides_ == Hides::nothing ? static_cast<uint64_t>(info.st_blocks) : 0;
    out.mtime = out.atime = static_cast<uint64_t>(info.st_mtim.tv_sec);
    out.ctime = static_cast<uint64_t>(info.st_ctim.tv_sec);
    out.mtimensec = out.atimensec = static_cast<uint32_t>(info.st_mtim.tv_nsec);
    out.ctimensec = static_cast<uint32_t>(info.st_ctim.tv_nsec);
    out.mode = info.st_mode;
    out.nlink = static_cast<uint32_t>(info.st_nlink);
    out.blksize = 4096;
    return true;
  }

  void answer(const char* request) {
    fuse_in_header in;
    std::memcpy(&in, request, sizeof(in));
    const char* body = request + sizeof(in);
    switch (in.opcode) {
      case FUSE_INIT: {
        fuse_init_out out{};
        out.major = FUSE_KERNEL_VERSION;
        out.minor = 31;
        out.max_write = 4096;
        return reply(in, 0, &out, sizeof(out));
      }
      case FUSE_LOOKUP: {
        const std::string path = paths_[in.nodeid] + "/" + body;
        fuse_entry_out out{};
        out.nodeid = node_of(path);
        if (!attributes(out.nodeid, out.attr)) return reply(in, ENOENT);
        return reply(in, 0, &out, sizeof(out));
      }
      case FUSE_GETATTR: {
        fuse_attr_out out{};
        if (!attributes(in.nodeid, out.attr)) return reply(in, ENOENT);
        return reply(in, 0, &out, sizeof(out));
      }
      case FUSE_OPENDIR: {
        const fuse_open_out out{};
        return reply(in, 0, &out, sizeof(out));
      }
      case FUSE_READDIR: return read_directory(in, body);
      case FUSE_STATFS: {
        fuse_statfs_out out{};
        out.st.namelen = 255;
        out.st.bsize = 4096;
        out.st.blocks = hides_ == Hides::all ? 0 : 1000;
        return reply(in, 0, &out, sizeof(out));
      }
      case FUSE_READ: return read_file(in, body);
      case FUSE_RELEASEDIR: return reply(in, 0);
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT: return;  // none has an answer
      default: return reply(in, ENOSYS);
    }
  }

  /** Nodes are known by their path and are never forgotten: a test makes few. */
  uint64_t node_of(const std::string& path) {
    for (const auto& [node, known] : paths_) {
      if (known == path) return node;
    }
    const uint64_t node = paths_.rbegin()->first + 1;
    paths_[node] = path;
    return node;
  }

  /** The kernel does without FUSE_OPEN where it is not there. */
  void read_file(const fuse_in_header& in, const char* body) {
    fuse_read_in asked;
    std::memcpy(&asked, body, sizeof(asked));
    std::vector<char> out(asked.size);
    const fustor::UniqueFd file(::open(paths_[in.nodeid].c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t got = ::pread(file.get(), out.data(), out.size(), static_cast<off_t>(asked.offset));
    if (got < 0) return reply(in, errno);
    reply(in, 0, out.data(), static_cast<size_t>(got));
  }

  void read_directory(const fuse_in_header& in, const char* body) {
    fuse_read_in asked;
    std::memcpy(&asked, body, sizeof(asked));
    std::vector<char> out;
    DIR* directory = ::opendir(paths_[in.nodeid].c_str());
    if (directory == nullptr) return reply(in, errno);
    uint64_t offset = 0;
    while (const dirent* entry = ::readdir(directory)) {
      if (offset++ < asked.offset) continue;
      const size_t length = std::strlen(entry->d_name);
      const size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
      if (out.size() + size > asked.size) break;
      fuse_dirent head{};
      head.ino = entry->d_ino;
      head.off = offset;
      head.namelen = static_cast<uint32_t>(length);
      head.type = entry->d_type;
      const size_t at = out.size();
      out.resize(at + size);
      std::memcpy(out.data() + at, &head, FUSE_NAME_OFFSET);
      std::memcpy(out.data() + at + FUSE_NAME_OFFSET, entry->d_name, length);
    }
    ::closedir(directory);
    reply(in, 0, out.data(), out.size());
  }

  enum class Hides : int { nothing, of_files, all };
  std::atomic<Hides> hides_{Hides::nothing};
  const std::string place_;
  fustor::UniqueFd fd_;
  fustor::UniqueFd wake_;
  bool mounted_ = false;
  std::map<uint64_t, std::string> paths_;  // by node
  std::atomic<bool> stalled_{false};
  std::atomic<bool> resting_{false};
  std::atomic<bool> ending_{false};
  std::atomic<uint64_t> answered_{0};
  std::thread server_;
};
