#include "base/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"

namespace fustor {

namespace {
std::string limit_text() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "";
  return " (limit " + std::to_string(limit.rlim_cur) + ")";
}
}  // namespace

bool is_out_of_descriptors() {
  const UniqueFd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return !probe && (errno == EMFILE || errno == ENFILE);
}

std::string why_no_instance(int error, const char* own_limit) {
  if (error == ENFILE) return "no file descriptor is left on this machine: raise fs.file-max";
  if (error != EMFILE) return std::strerror(error);
  if (is_out_of_descriptors()) return "no file descriptor is left" + limit_text() + ": raise ulimit -n, LimitNOFILE= of a unit";
  return std::string(std::strerror(error)) + " (raise " + own_limit + ")";
}

}  // namespace fustor
