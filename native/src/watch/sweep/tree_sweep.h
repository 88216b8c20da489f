// A sweep over the tree table: directory by directory in the order of their ids, so that a directory that moves is
// neither missed nor taken twice. One that comes meanwhile was listed a moment ago and may be left out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fustor/sweep.h"
#include "sweep/share.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"

namespace fustor {

class WatchEngine;

class TreeSweep final : public Sweep {
 public:
  TreeSweep(std::shared_ptr<WatchEngine> engine, const SweepRules& rules) : engine_(std::move(engine)), rules_(rules) {}

  SweepNext next(SweepOrder& out, uint64_t& missed) override;
  SweepReport apply(std::string_view share, std::string_view result) override;
  bool prune() override;
  uint64_t digests() const override;
  uint64_t digest_table_bytes() const override;

 private:
  static constexpr size_t kLooks = 1024;  // of a share
  static constexpr size_t kPackEvery = 8;
  static constexpr size_t kIds = 4096;    // looked at with the mutex held once
  static constexpr size_t kKeptAtOnce = 8192;

  /** A place in the table. */
  struct Cursor {
    DirId next = kRootDir;
    size_t slot = 0;          // of `next`
    std::string before_slot;  // name of the entry ahead of it

    /** Goes on where it stopped; from the first entry on when slots moved meanwhile. */
    void resume_in(Directory& directory);
    void stop_in(Directory& directory) { before_slot = directory.name_of(directory.slots()[slot - 1]); }
  };

  /** False when the share is full, or the directory lies on another file system than the share. */
  bool add(const Locked& lock, DirId id, SweepShare& share, uint64_t& missed);
  void add_entries(Directory& directory, SweepPiece& piece, size_t room);
  uint8_t how_of(const Entry& entry, uint64_t dev) const;
  /** The states of some files, which the table of digests is to keep. */
  void keep_some(const Locked& lock);
  /** Those of a directory from `kept_until_` on; false when there was no room for all of them, or slots moved. */
  bool keep_open(Directory& directory, size_t& room);
  /** The same; the directory stays packed. */
  bool keep_packed(const Directory& directory, size_t& room);
  void keep_state(const Directory& directory, const Entry& entry);
  /** Its times may not show the last change in it: what happened within a tick of the clock before it was listed. */
  static bool is_racy(const Directory& directory, const Entry& own);
  std::string_view keep(std::string text);
  void apply_finding(const Locked& lock, const SweepPiece& piece, const SweepFinding& finding);
  void mark_own(const Locked& lock, DirId id, SweepVerdict verdict);
  /** Its times do not let it grow old: the next sweeps go by the engine's own clock. */
  void let_wait(const SweepPiece& piece, const SweepFinding& finding);
  void compare_digest(const SweepPiece& piece, const SweepFinding& finding, SweepReport& report);

  const std::shared_ptr<WatchEngine> engine_;
  const SweepRules rules_;
  // Guarded by the engine's mutex.
  Cursor cursor_;
  Cursor kept_until_;
  size_t segment_ = 0;  // of the table of digests
  std::vector<std::unique_ptr<std::string>> kept_;  // texts of the share that is being made
  size_t looks_ = 0;
};

}  // namespace fustor
