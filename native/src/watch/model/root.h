// What is known of the root: which directory it is, and whether it is there.
//
// The engine's mutex guards it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "fustor/watch_status.h"
#include "watch/model/tree_table.h"

namespace fustor {

struct Root {
  RootState state = RootState::starting;
  std::string reason;     // why it is unavailable
  Identity identity;
  std::string place;      // its absolute path without links, as the mounts below it are spelled
  std::string text;       // its identity as text: place_identity.h
  std::string standing;   // the identity of another directory at the root, which waits for a confirmation
  std::string confirmed;
  bool is_being_checked = false;
  std::shared_ptr<UniqueFd> fd;  // open only while there is work: otherwise nobody could unmount the file system
  int64_t fd_used_ns = 0;

  bool is_unavailable() const { return state == RootState::unavailable; }
  bool is_available() const { return state == RootState::available; }
};

}  // namespace fustor
