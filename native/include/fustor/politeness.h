// How scans and tree walks step back behind other work.
#pragma once

namespace fustor {

struct Politeness {
  int nice = 0;                    // 1..19 = weaker than other threads; 0 = as the process
  int io_priority = 0;             // class << 13 | level as of ioprio_set(2); 0 = as the process
  double entries_per_second = 0;   // 0 = no limit

  bool operator==(const Politeness&) const = default;
  bool asks_for_anything() const { return *this != Politeness{}; }
};

}  // namespace fustor
