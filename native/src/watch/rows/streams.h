// The snapshots and audits that are being written.
//
// The engine's mutex guards it. No method waits or fails.
#pragma once

#include <cstdint>
#include <vector>

#include "watch/locked.h"
#include "watch/model/tree_table.h"

namespace fustor {

class SnapshotStream;

/** Tells each stream what happens to the directories that it copies: see SnapshotStream. */
class Streams {
 public:
  void add(const Locked&, SnapshotStream* stream) { streams_.push_back(stream); }
  /** By each stream's destructor. */
  void remove(const Locked&, SnapshotStream* stream) { std::erase(streams_, stream); }

  void directory_listed(const Locked& lock, DirId id);
  void forget(const Locked& lock, DirId id);
  /** Drops removed entries that piled up: a stream whose consumer waits may stay inside a directory for hours. */
  void make_room_in(const Locked& lock, TreeTable& table, DirId id);
  void pass_ended(const Locked& lock);
  void fail(const Locked& lock, int error);
  void fail_audits(const Locked& lock, int error);
  void leave_table(const Locked& lock);

  /** Whether an audit waits for a tree walk of its own. */
  bool wants_walk(const Locked& lock) const;
  void begin_waiting(const Locked& lock, uint32_t pass);

 private:
  std::vector<SnapshotStream*> streams_;
};

}  // namespace fustor
