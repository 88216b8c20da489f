// Looks at names in an open directory. Any thread that holds no lock: each look may wait for the file system.
#pragma once

#include <memory>
#include <string>

#include "base/filter.h"
#include "scan/mount_prober.h"
#include "watch/model/observation.h"
#include "watch/schedule/dirty_set.h"

namespace fustor {

class Looker {
 public:
  explicit Looker(const WatchConfig& config) : filter_(config.filter, config.root) {}

  const Filter& filter() const { return filter_; }
  /** Before the first look. */
  void set_prober(std::unique_ptr<MountProber> prober) { prober_ = std::move(prober); }
  /** Null before the engine started. */
  MountProber* prober() const { return prober_.get(); }

  /** Stats one name. `error`: of statx, or ENOENT for what the filter leaves out. */
  Observation look(int fd, const std::string& path, std::string name, Mark mark) const;
  /** Stats the open directory itself; `seen` = false when that failed. */
  OwnObservation look_at_own(int fd) const;

 private:
  /** A name that is a mount: waits a quarter of a second for it at most. */
  void look_at_mount(int fd, const std::string& path, uint64_t dev, Observation& observation) const;

  const Filter filter_;
  std::unique_ptr<MountProber> prober_;
};

}  // namespace fustor
