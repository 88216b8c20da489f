// One filter for every phase: the scan, the watch before it arms a directory, and each look at a name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file_stat.h"
#include "fustor/filter_spec.h"

namespace fustor {

/** Never changes after its construction: any thread may ask it. It asks no file system. */
class Filter {
 public:
  Filter(const FilterSpec& spec, std::string_view absolute_root);

  /**
   * `directory` is raw and relative ("" = the root). Judges the entry itself alone: a walk must not enter what is not
   * wanted. With kind `unknown` it applies only the rules that hold for every kind.
   */
  bool wants(std::string_view directory, std::string_view name, EntryKind kind) const;
  /** False when an excluded path is the root or above it. */
  bool wants_root() const { return !root_excluded_; }

 private:
  struct Exclude {
    std::string pattern;
    bool anchored;
    bool directories_only;
  };
  std::string file_pattern_;
  std::vector<Exclude> excludes_;
  std::vector<std::string> exact_;  // relative paths
  bool every_name_ = true;
  bool needs_path_ = false;
  bool root_excluded_ = false;
};

}  // namespace fustor
