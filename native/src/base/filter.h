// One filter for every phase: the scan, the watch before it arms a directory, and each look at a name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file_stat.h"

namespace fustor {

struct FilterSpec {
  /** Shell pattern on the name of everything that is no directory. */
  std::string file_pattern = "*";
  /**
   * Without a slash: a name at any depth; with one: the path from the root; `**` spans directories; a trailing slash:
   * directories only. The engine treats what is excluded, and everything below it, as if it did not exist.
   */
  std::vector<std::string> exclude;
  /** Absolute paths, exactly, with everything below them. */
  std::vector<std::string> exclude_paths;
};

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
