// What the journal of the index is to hold next: the names that came into the tree table or left it, in the order in
// which that happened.
//
// The engine's mutex guards it; no method waits or fails. Diff and Missing call it where they change the table, so that
// whatever a stream of rows or a change can tell the receiver is in here before it is handed over (LiveIndex::flush).
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "watch/changes/name_record.h"
#include "watch/changes/reporter.h"
#include "watch/locked.h"
#include "watch/model/tree_table.h"

namespace fustor {

class NewNames {
 public:
  NewNames(const TreeTable& table, const Reporter& reporter) : table_(table), reporter_(reporter) {}

  /** Until then, and after `stop`, nothing is noted. */
  void begin(const Locked&) { is_on_ = true; }
  void stop(const Locked&) {
    is_on_ = false;
    bytes_ = {};
    has_any_ = false;
  }

  /** A name that is no directory came into this directory. */
  void file(const Locked&, DirId directory, std::string_view name) { note(directory, {NameKind::file, name}); }
  void made(const Locked&, DirId directory, std::string_view name, uint64_t inode) {
    note(directory, {NameKind::made, name, inode});
  }
  /** A node that had left came back with what it holds. */
  void moved(const Locked&, DirId directory, std::string_view name, uint64_t inode, DirId node) {
    note(directory, {NameKind::moved, name, inode, node});
  }
  void gone(const Locked&, DirId directory, std::string_view name) { note(directory, {NameKind::gone, name}); }
  void left(const Locked&, DirId directory, std::string_view name, DirId node) {
    note(directory, {NameKind::left, name, 0, node});
  }
  /** The receiver may lose this name, and what lies below it, although it stays in the table. */
  void doubted(const Locked&, DirId directory, std::string_view name) { note(directory, {NameKind::doubted, name}); }

  /** Whether `take` would have something. Takes no mutex. */
  bool has_any() const { return has_any_.load(std::memory_order_acquire); }
  /** What was noted since the last call, as the payload of a frame. */
  std::string take(const Locked&) {
    std::string bytes = std::exchange(bytes_, {});
    directory_ = kNoDir;
    has_any_.store(false, std::memory_order_release);
    return bytes;
  }

 private:
  void note(DirId directory, const NameRecord& record) {
    if (!is_on_) return;
    if (directory_ != directory || spelling_ != reporter_.spelling()) {
      append_record(bytes_, {NameKind::directory, table_.path_of(directory)});
      directory_ = directory;
      spelling_ = reporter_.spelling();
    }
    append_record(bytes_, record);
    has_any_.store(true, std::memory_order_release);
  }

  const TreeTable& table_;
  const Reporter& reporter_;
  bool is_on_ = false;
  std::string bytes_;
  DirId directory_ = kNoDir;  // the records that follow lie in it
  uint64_t spelling_ = 0;     // of the paths then
  std::atomic<bool> has_any_{false};
};

}  // namespace fustor
