// One fanotify group, one mark per file system: set up in microseconds whatever the size of the tree, and no limit on
// directories.
//
// A mark reports the whole file system. Every event names a directory by its file handle. `arm` remembers the handles
// of the directories that were listed. Events of any other directory (outside the root, filtered, not yet listed) are
// dropped here after one lookup, or handed out with their handle while `tell_unarmed` asks for them. A handle belongs
// to one directory for ever (inode number and generation), so ids survive renames, and a new directory with an old
// inode number gets another id.
//
// What the kernel sends (observed on 6.18: ext4, xfs, btrfs, tmpfs alike; D/n = handle of directory D and name n):
//
//   operation                          event                              becomes (inotify's bits)
//   create, mkdir, link, symlink, ...  CREATE D/n                         IN_CREATE n
//   write, truncate, fallocate         MODIFY D/n                         IN_MODIFY n
//   write through mmap                 nothing                            -
//   close after writing                CLOSE_WRITE D/n                    IN_CLOSE_WRITE n
//   chmod, utimens, setxattr: file     ATTRIB D/n                         IN_ATTRIB n
//   ... of a directory S               ATTRIB S/.                         IN_ATTRIB of S, nameless; inotify also
//                                                                         reports it for the parent
//   rename                             RENAME old D/n, new E/m            IN_MOVED_FROM n, IN_MOVED_TO m with one
//                                                                         cookie; a half whose directory is unknown is
//                                                                         left out
//   ... of a directory S               and MOVE_SELF S/.                  IN_MOVE_SELF
//   rename exchange                    RENAME twice                       two pairs
//   rename over something              RENAME; DELETE_SELF of a directory as above
//   unlink, rmdir                      DELETE D/n                         IN_DELETE n
//   ... of a directory S               and DELETE_SELF S/., late when     IN_DELETE_SELF, IN_IGNORED
//                                      a process has it open
//   write and close after unlink       MODIFY, CLOSE_WRITE with old name  as such: the name may be another file's by
//                                                                         now
//   O_TMPFILE: write, close            MODIFY, CLOSE_WRITE D/#inode       as such: no such name
//
// Behind each record of a directory and a name the kernel puts one with the handle of the file itself, since 5.17.
// Events with that record alone, or with one of a directory that is not armed:
//
//   write, close, utimens by handle    MODIFY, CLOSE_WRITE, ATTRIB F      kByInode, with the inode number in the handle
//                                                                         of F
//   link, unlink (another count of     ATTRIB F ahead of CREATE, DELETE   kByInode IN_ATTRIB, taken back (IN_DELETE) by
//   links)                             of D/n                             the DELETE, or by a CREATE in an armed
//                                                                         directory: those name the place themselves
//   last name gone, or moved           DELETE_SELF, MOVE_SELF F           -
//   anything through a directory that  as above                           kByInode for files that are followed (a link
//   is not armed                                                          of theirs lies outside), else nothing
//
// While they wait, the kernel merges events of one name by one process into one mask, whatever lay between them:
// CREATE|DELETE says that something happened, not what is there. So they are hints for an lstat. Kernels without RENAME
// (before 5.17) send MOVED_FROM and MOVED_TO, without a cookie.
//
// Unreadable directories: the parent gets no event of their chmod, so they must be armed as well; a descriptor opened
// with O_PATH is enough.
//
// Memory. The kernel's queue has no limit of its own (with one, a burst of 16,384 would overflow it), so max_queued is
// the limit. Whenever a read came back full, and again after every kCheckEvery events without the end of the queue,
// `read` asks the kernel how many events wait. Above max_queued it removes every mark, which stops the queue from
// growing at once and for certain, throws away what waits and reports IN_Q_OVERFLOW. The next `arm` on a file system
// marks it again: an engine that lists everything after an overflow, and arms before it lists, misses nothing. A slow
// reader that keeps the queue below the limit loses nothing, however long it lasts.
//
// Unmounting ends a mark silently. A change of /proc/self/mountinfo therefore makes `read` compare the marks that exist
// with those that should; every id of a file system that is gone gets IN_UNMOUNT and IN_IGNORED.
//
// Threads and errors as EventSource says. The mutex here guards table and marks; it is never held while a file system
// is asked.
#pragma once

#include <sys/fanotify.h>

#include <array>
#include <atomic>
#include <mutex>
#include <unordered_set>

#include "base/name_hash.h"
#include "base/unique_fd.h"
#include "watch/source/event_source.h"
#include "watch/source/fs_probe.h"
#include "watch/source/handle_table.h"

namespace fustor {

struct FanotifyOptions {
  /**
   * How many events may wait in the kernel (140 bytes of its memory each) before they are thrown away; as many as fit
   * one read always may.
   */
  size_t max_queued = 1'000'000;
  /** False: MOVED_FROM and MOVED_TO even where RENAME is known. */
  bool rename_events = true;
};

struct FanotifyStats {
  uint64_t events = 0;     // read, as the kernel counts them
  uint64_t foreign = 0;    // of these, about directories that are not armed
  uint64_t discarded = 0;  // of these, thrown away because too many waited
  uint64_t directories = 0;
  uint64_t table_bytes = 0;
  uint32_t file_systems = 0;
};

/**
 * Needs CAP_SYS_ADMIN. Ids are below -1, count downwards and are never used again; after 2^31 of them `arm` returns
 * ENOSPC.
 */
class FanotifySource final : public EventSource {
 public:
  explicit FanotifySource(FanotifyOptions options = {}) : options_(options) {}

  /** EPERM without the capability, ENOSYS or EINVAL where the kernel cannot (names with handles: 5.9). */
  int open() override;
  int poll_fd() const override { return epoll_.get(); }
  /**
   * EOPNOTSUPP, ENODEV or EXDEV where the file system has no handles, no id or several ids (btrfs subvolumes); EEXIST
   * when another file system with the same id (a copied disk) is marked already.
   */
  int arm(int directory_fd, WatchId& id) override;
  /** The same for a caller that has identified the file system already. */
  int arm_on(const FsIdentity& fs, int directory_fd, WatchId& id);
  void disarm(WatchId id) override;
  bool read(std::vector<KernelEvent>& events) override;
  size_t foreign_in_last_read() const override { return foreign_in_last_read_; }
  uint32_t limit() const override { return 0; }
  void tell_unarmed(bool wanted) override { tell_unarmed_ = wanted; }
  int open_unarmed(const HandleRef& handle, int on_mount, UniqueFd& out) override;
  uint64_t device_of(const HandleRef& handle) const override;
  void follow(uint64_t inode, bool wanted) override;
  /** Any thread. */
  FanotifyStats stats() const;

 private:
  static constexpr size_t kBufferBytes = 256 * 1024;
  static constexpr size_t kLargestEvent = 1024;  // two handles of 128 bytes, two names of 255
  static constexpr size_t kCheckEvery = 128 * 1024;
  static constexpr int kReadsAtOnce = 16;
  enum class MarkState { none, marked, ended };
  struct FileSystem {
    FsIdentity identity;
    uint32_t superblock = 0;
    MarkState state = MarkState::none;
  };
  struct Record;

  // With mutex_ held. file_system_of and add_mark release it while the kernel marks the file system, and hold it when
  // they return.

  /**
   * The number of a file system that is marked, marking it when it is not. ENODEV without an id, or what slot_of or
   * fanotify_mark say.
   */
  int file_system_of(std::unique_lock<std::mutex>& lock, const FsIdentity& identity, int mount_id, int directory_fd,
                     uint16_t& number);
  /** EEXIST when another file system with the same id is marked. */
  int slot_of(const FsIdentity& identity, size_t& slot);
  int add_mark(std::unique_lock<std::mutex>& lock, FileSystem& fs, int mount_id, int directory_fd);
  void end_file_system(size_t number);
  void find_ended();
  void report_ended(std::vector<KernelEvent>& events);
  void translate(const char* event, std::vector<KernelEvent>& events);
  bool find_file_system(Record& record) const;
  uint64_t inode_of(Record& record) const;
  void emit_by_inode(uint64_t inode, uint64_t mask, bool from_armed, bool has_directory,
                     std::vector<KernelEvent>& events);
  bool take_back(uint64_t inode, std::vector<KernelEvent>& events);
  void emit(Record& record, uint32_t mask, uint32_t cookie, std::vector<KernelEvent>& events);

  // Only by the thread that reads, without mutex_.

  bool mounts_changed() const;
  ssize_t read_buffer();
  size_t parse(size_t length, std::vector<KernelEvent>& events);
  bool too_many_wait(size_t count, bool full);
  /** Removes every mark, throws away what waits and reports an overflow. */
  void give_up(std::vector<KernelEvent>& events);

  const FanotifyOptions options_;
  UniqueFd fd_;
  UniqueFd epoll_;
  UniqueFd mounts_wake_;  // in the epoll set; polling it consumes its state, so `read` polls another one
  UniqueFd mounts_ask_;
  std::vector<char> buffer_;
  size_t unrested_ = 0;  // events since the queue was last seen empty
  size_t next_check_ = 0;
  size_t foreign_in_last_read_ = 0;
  uint32_t cookie_ = 0;
  std::atomic<bool> tell_unarmed_{false};

  mutable std::mutex mutex_;
  HandleTable table_;
  std::vector<FileSystem> file_systems_;
  std::vector<WatchId> ended_;
  WatchId next_id_ = -2;
  uint64_t move_mask_ = 0;
  uint64_t flushes_ = 0;  // how often all marks were removed
  FanotifyStats counts_;
  std::unordered_set<uint64_t, InodeHash> followed_;
  std::array<uint64_t, 64> attribs_{};  // inodes of the last events that an unlink may take back, 0 = none
  size_t next_attrib_ = 0;
  size_t waiting_attribs_ = 0;
};

}  // namespace fustor
