// A working directory for one thread alone. inotify_add_watch takes a path. In such a thread "." names a directory that
// is open; without it the path has to lead through /proc, which costs several times as much as the watch itself.
#pragma once

namespace fustor {

/**
 * From now on no other thread shares the calling thread's working directory. Only for threads of the engine, because it
 * cannot be undone. Without effect where a sandbox forbids unshare(2).
 */
void take_own_working_directory();

/**
 * Keeps the calling thread in a directory for as long as this object lives, which must be short: nobody can unmount a
 * file system in which a thread has its working directory. It waits for no file system but the directory's own.
 */
class WorkingIn {
 public:
  explicit WorkingIn(int directory_fd);
  ~WorkingIn();
  WorkingIn(const WorkingIn&) = delete;
  WorkingIn& operator=(const WorkingIn&) = delete;
  /** False in a thread that shares its working directory, or when it may not search the directory. */
  explicit operator bool() const { return inside_; }

 private:
  bool inside_;
};

}  // namespace fustor
