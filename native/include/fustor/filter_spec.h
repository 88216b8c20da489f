// What scans and watches leave out.
#pragma once

#include <string>
#include <vector>

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

}  // namespace fustor
