// On file systems that find a name under several spellings, a name counts only as a listing spells it: the name of an
// event may be another spelling of a known one, and so may a name that was known before it was renamed.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/spinning_mutex.h"
#include "watch/look/looker.h"
#include "watch/mounts/devices.h"
#include "watch/schedule/schedule.h"

namespace fustor {

class Respelling {
 public:
  Respelling(SpinningMutex& mutex, TreeTable& table, Devices& devices, Schedule& schedule, const Looker& looker)
      : mutex_(mutex), table_(table), devices_(devices), schedule_(schedule), looker_(looker) {}

  /**
   * By the directory's owner, after it looked at marked names. Names that no listing has do not exist: their
   * observations become "gone", and the names of which they are other spellings are looked at instead.
   */
  void correct(DirId id, int fd, const std::string& path, std::vector<Observation>& observations);

 private:
  bool may_be_respelled(int fd, uint64_t dev, const std::vector<Observation>& observations);
  std::vector<std::pair<std::string, uint16_t>> spelled_otherwise(DirId id,
                                                                  const std::vector<Observation>& observations);

  SpinningMutex& mutex_;
  TreeTable& table_;
  Devices& devices_;
  Schedule& schedule_;
  const Looker& looker_;
};

}  // namespace fustor
