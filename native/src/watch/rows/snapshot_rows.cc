// What a stream copies out of the table, with the mutex held; row_writer.h writes it afterwards.
#include <utility>

#include "fustor/clock.h"
#include "watch/model/directory_bits.h"
#include "watch/rows/snapshot_stream.h"

namespace fustor {

namespace {
/** As a rename, a restore or a new mode leaves it: a write sets both times to the same moment. */
bool is_changed_after_mtime(const Entry& entry) {
  return std::pair(entry.mtime_sec, entry.mtime_nsec) < std::pair(entry.ctime_sec, entry.ctime_nsec);
}
}  // namespace

void SnapshotStream::begin_reading(const Locked&, DirId id) {
  TreeTable& table = view_->table;
  // A directory that waits for the other half of a rename has no path. When it turns up, its rows come as changes.
  if (!table.valid(id) || !table.reachable(id)) return;
  if (!table.at(id).listed && purpose_ != RowsFor::audit) return;
  // It may have come after the directory above it was copied.
  if (id != kRootDir && test(strong_, table.at(id).parent)) set(strong_, id);
  table.at(id).readers++;
  reading_ = id;
  slot_ = 0;
}

void SnapshotStream::stop_reading(const Locked&) {
  view_->table.leave_reader(reading_);
  reading_ = kNoDir;
}

/** Rows of a directory that moved meanwhile get the path that it has at this moment. */
void SnapshotStream::copy_piece(const Locked& lock, RowSlice& slice) {
  TreeTable& table = view_->table;
  const DirId id = reading_;
  if (slot_ > 0 && !(table.valid(id) && table.reachable(id))) return stop_reading(lock);
  RowPiece piece{{}, next_sequence(), {}, 0, {}};
  if (slot_ == 0) piece.own = own_row(lock, id);
  if (purpose_ == RowsFor::audit) {
    const FileStat own = view_->table.own_entry(id).to_stat();
    piece.listed_at = own.mtime;
  }
  const size_t begin = slice.entries.size();
  const bool whole = table.at(id).each_from(slot_, kSliceRows, [&](const Entry& entry, std::string_view name) {
    copy_entry(lock, slice, entry, name);
    slice.looks++;
    return slice.entries.size() < kSliceRows && slice.looks < kSliceLooks;
  });
  slice.looks++;
  piece.end = slice.entries.size();
  if (piece.own.wanted || piece.end > begin) {
    piece.json_dir = view_->reporter.json_dir(lock, id);
    slice.pieces.push_back(std::move(piece));
  }
  if (!whole) return;
  stop_reading(lock);
  visit_children(lock, id);
}

void SnapshotStream::copy_entry(const Locked& lock, RowSlice& slice, const Entry& entry, std::string_view name) {
  // A directory's row comes before its own children instead. An entry that the walk missed has no row: the second look
  // will report its delete.
  if (purpose_ == RowsFor::audit && (entry.child != kNoDir || (entry.flags & kMissing))) return;
  const bool strong = is_strong(lock, reading_, entry);
  if (purpose_ == RowsFor::restatement && !strong) return;
  Entry& copy = slice.entries.emplace_back(entry);
  copy.flags = strong ? kStrongRow : 0;
  copy.name_offset = slice.names.size() & Entry::kMostOffset;
  copy.name_length = static_cast<uint16_t>(name.size());
  slice.names.append(name);
}

bool SnapshotStream::is_strong(const Locked&, DirId id, const Entry& entry) {
  if (strong_since_ == RowsOptions::kNothing) return false;
  const bool counts = purpose_ != RowsFor::audit || is_changed_after_mtime(entry);
  const bool changed = counts && entry.ctime_sec >= strong_since_;
  const bool moved = entry.child != kNoDir && view_->table.at(entry.child).moved_second >= strong_since_;
  const bool strong = changed || moved || test(strong_, id);
  if (strong && entry.child != kNoDir) set(strong_, entry.child);
  return strong;
}

OwnRow SnapshotStream::own_row(const Locked& lock, DirId id) {
  OwnRow own;
  own.wanted = purpose_ == RowsFor::audit || (purpose_ == RowsFor::snapshot && id == kRootDir);
  if (!own.wanted) return own;
  const Directory& directory = view_->table.at(id);
  const Entry& entry = view_->table.own_entry(id);
  own.stat = entry.to_stat();
  const bool strong = id != kRootDir && entry.child == id && is_strong(lock, directory.parent, entry);
  if (id != kRootDir) {
    own.json_dir = view_->reporter.json_dir(lock, directory.parent);
    own.name = directory.name;
  }
  own.skipped = purpose_ == RowsFor::audit && (directory.unreadable != 0 || !test(settled_, id));
  own.flags = own.skipped ? kSkippedRow : strong ? kStrongRow : 0;
  return own;
}

/** Adds what was written of the slice to the summary; with the engine's mutex held. */
void SnapshotStream::count(const Locked&, const RowSlice& slice) {
  summary_.rows += slice.written_rows;
  summary_.bytes += slice.written_bytes;
  for (const RowPiece& piece : slice.pieces) {
    summary_.directories += piece.own.wanted ? 1 : 0;
    summary_.failed_directories += piece.own.skipped ? 1 : 0;
  }
  for (const Entry& entry : slice.entries) {
    switch (entry.kind) {
      case EntryKind::directory: summary_.directories++; break;
      case EntryKind::file: summary_.files++; break;
      case EntryKind::symlink: summary_.symlinks++; break;
      default: summary_.others++;
    }
  }
}

void SnapshotStream::visit_children(const Locked& lock, DirId id) {
  set(visited_, id);
  const TreeTable& table = view_->table;
  table.at(id).each([&](const Entry& entry, std::string_view) {
    if (entry.child == kNoDir || !table.valid(entry.child)) return;
    const Directory& child = table.at(entry.child);
    const bool listed = child.listed && (pass_ended_ || child.pass >= pass_ || child.barred || child.unreadable != 0);
    if (purpose_ == RowsFor::audit ? test(settled_, entry.child) : listed) offer(lock, entry.child);
  });
}

}  // namespace fustor
