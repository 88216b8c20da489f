#include "base/own_working_directory.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace fustor {

namespace {
/**
 * "/", where a thread stays between two directories. Not open: this thread shares its working directory with others.
 */
thread_local UniqueFd outside;
}  // namespace

void take_own_working_directory() {
  if (outside) return;
  UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root && ::unshare(CLONE_FS) == 0 && ::fchdir(root.get()) == 0) outside = std::move(root);
}

WorkingIn::WorkingIn(int directory_fd) : inside_(outside && ::fchdir(directory_fd) == 0) {}

WorkingIn::~WorkingIn() {
  if (inside_ && ::fchdir(outside.get()) != 0) outside.reset();  // "/" is always there; otherwise the thread does not try again
}

}  // namespace fustor
