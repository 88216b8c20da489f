// Tests that mount: in a child process with a mount namespace of its own, so that whatever they leave behind ends with it.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "check.h"
#include "in_child.h"

namespace watching {

inline bool is_root(const char* what) {
  if (::geteuid() == 0) return true;
  check::skipped(std::string(what) + " needs root");
  return false;
}

/** Mounts of our own, seen by nobody else. */
inline bool own_mounts() {
  if (::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) return true;
  check::skipped(std::string("no mount namespace: ") + std::strerror(errno));
  return false;
}

/** Runs a program to its end with its output thrown away; its exit code, 127 when there is none of that name. */
inline int run_program(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) ::dup2(null, fd);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/** A test's own mounts, on which `what` can be had: root, a mount namespace, and each of these programs. Else the test is skipped. */
inline bool may_mount(const std::vector<std::string>& programs = {}) {
  if (!is_root("mounting") || !own_mounts()) return false;
  for (const std::string& program : programs) {
    if (run_program({"sh", "-c", "command -v " + program}) == 0) continue;
    check::skipped("there is no program " + program);
    return false;
  }
  return true;
}

/** A disk in a file, made by `make` (the program and its options); false, and the test skipped, when it cannot be mounted. */
inline bool mount_disk(std::vector<std::string> make, const std::string& image, size_t megabytes, const std::string& where) {
  if (!std::filesystem::exists(image)) {
    const fustor::UniqueFd fd(::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(fd && ::ftruncate(fd.get(), static_cast<off_t>(megabytes) << 20) == 0);
    make.push_back(image);
    REQUIRE_EQ(run_program(make), 0);
  }
  if (run_program({"mount", "-o", "loop", image, where}) == 0) return true;
  check::skipped("cannot mount a disk in a file (" + make.front() + ", loop device)");
  return false;
}

}  // namespace watching
