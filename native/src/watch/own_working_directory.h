// A working directory of one thread alone. inotify_add_watch takes a path; "." of such a thread names a directory that is open without the
// walk through /proc that is needed otherwise, which costs several times as much as the watch itself.
#pragma once

namespace fustor {

/** From now on the calling thread's working directory is nobody else's. Only for threads of our own; in vain where a sandbox forbids it. */
void take_own_working_directory();

/** Moves the calling thread into a directory for as long as it lives: a file system that somebody works in cannot be unmounted. */
class WorkingIn {
 public:
  explicit WorkingIn(int directory_fd);
  ~WorkingIn();
  WorkingIn(const WorkingIn&) = delete;
  WorkingIn& operator=(const WorkingIn&) = delete;
  /** False in a thread that shares its working directory, or without the permission to search the directory. */
  explicit operator bool() const { return inside_; }

 private:
  bool inside_;
};

}  // namespace fustor
