// Tests that run once for each engine of the real kernel:
//
//   EACH_ENGINE("a directory that moves in is listed") { Place place; Watch watch(place.config(engine)); ... }
//
// becomes `... [inotify]`, `... [fanotify]` and `... [poll]`. With an engine that cannot run here the test is reported as skipped.
// EVENT_ENGINES leaves polling out: for what only a kernel event can tell.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "check.h"
#include "fustor/watch.h"
#include "watch/source/fanotify_source.h"

namespace watching {

struct Engine {
  std::string name;
  fustor::WatchMode mode;
  std::string skipped;  // why it cannot run here, "" when it can

  bool polls() const { return mode == fustor::WatchMode::poll; }
};

/** "" when fanotify can watch the temporary files. */
inline std::string why_no_fanotify() {
  fustor::FanotifySource source;
  if (const int error = source.open(); error != 0) {
    return error == EPERM ? "needs CAP_SYS_ADMIN" : std::string("has no group: ") + std::strerror(error);
  }
  const fustor::UniqueFd fd(::open(std::filesystem::temp_directory_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  fustor::WatchId id;
  const int refused = source.arm(fd.get(), id);
  return refused == 0 ? "" : std::string("is refused by the file system of the temporary files: ") + std::strerror(refused);
}

inline const std::vector<Engine>& all_engines() {
  static const std::vector<Engine> engines{{"inotify", fustor::WatchMode::inotify, ""},
                                           {"fanotify", fustor::WatchMode::fanotify, why_no_fanotify()},
                                           {"poll", fustor::WatchMode::poll, ""}};
  return engines;
}

struct EngineRegistration {
  EngineRegistration(const std::string& name, bool polling, void (*body)(const Engine&)) {
    for (const Engine& engine : all_engines()) {
      if (engine.polls() && !polling) continue;
      const check::Registration registered(name + " [" + engine.name + "]", [&engine, body] {
        if (engine.skipped.empty()) return body(engine);
        check::skipped(engine.name + " " + engine.skipped);
      });
    }
  }
};

}  // namespace watching

#define ENGINE_TESTS_(name, polling)                                                                                        \
  static void CHECK_JOIN(test_, __LINE__)(const watching::Engine&);                                                         \
  static const watching::EngineRegistration CHECK_JOIN(registration_, __LINE__)(name, polling, &CHECK_JOIN(test_, __LINE__)); \
  static void CHECK_JOIN(test_, __LINE__)([[maybe_unused]] const watching::Engine& engine)
#define EACH_ENGINE(name) ENGINE_TESTS_(name, true)
#define EVENT_ENGINES(name) ENGINE_TESTS_(name, false)
