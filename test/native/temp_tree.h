// A directory of its own for a test, gone afterwards; and the odd things to put into it.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "check.h"

class TempTree {
 public:
  TempTree() {
    std::string pattern = "/tmp/fustor-native-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TempTree(const TempTree&) = delete;
  // rm walks by file descriptors: trees deeper than PATH_MAX go too.
  ~TempTree() {
    const pid_t child = ::fork();
    if (child == 0) {
      ::execlp("rm", "rm", "-rf", "--", path_.c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::waitpid(child, nullptr, 0);
  }

  const std::string& path() const { return path_; }
  std::string at(const std::string& relative) const { return path_ + '/' + relative; }

  void directory(const std::string& relative) { REQUIRE(::mkdir(at(relative).c_str(), 0755) == 0); }
  void file(const std::string& relative, const std::string& content = "") {
    const fustor::UniqueFd fd(::open(at(relative).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    REQUIRE(fd && ::write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  void link(const std::string& target, const std::string& relative) { REQUIRE(::symlink(target.c_str(), at(relative).c_str()) == 0); }
  void fifo(const std::string& relative) { REQUIRE(::mkfifo(at(relative).c_str(), 0644) == 0); }
  void socket(const std::string& relative) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(at(relative).size() < sizeof(address.sun_path));
    std::strcpy(address.sun_path, at(relative).c_str());
    const fustor::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  }

  /** `levels` directories of this name inside one another; the relative path of the innermost. */
  std::string deep(const std::string& name, int levels) {
    fustor::UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    std::string relative;
    for (int level = 0; level < levels; level++) {
      REQUIRE(::mkdirat(fd.get(), name.c_str(), 0755) == 0);
      fd.reset(::openat(fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      REQUIRE(fd);
      relative += (level == 0 ? "" : "/") + name;
    }
    return relative;
  }

 private:
  std::string path_;
};
