// Tests that do something to their process that must not outlast them (another user, limits, mounts): in a child process.
#pragma once

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>

#include "check.h"
#include "patience.h"

namespace watching {

/** The child runs `body`, then ends; it ends with its parent, too. Wait for it with end_child(). */
inline pid_t start_child(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(120u * static_cast<unsigned>(patience_factor()));
  check::failures() = 0;
  try {
    body();
  } catch (const check::Abandoned&) {
  }
  std::fflush(nullptr);
  ::_exit(check::failures() == 0 ? 0 : 1);
}

/** What failed in the child counts here. */
inline void end_child(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

inline void in_child(const std::function<void()>& body) { end_child(start_child(body)); }

}  // namespace watching
