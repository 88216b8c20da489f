#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.h"

namespace fustor {

/** A name of this run of the machine; "" when the kernel does not say. Any thread. */
inline std::string boot_id() {
  const UniqueFd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  char text[64];
  const ssize_t size = fd ? ::read(fd.get(), text, sizeof(text)) : -1;
  return size < 36 ? std::string() : std::string(text, 36);
}

}  // namespace fustor
