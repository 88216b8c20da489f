#include "watch/rows/row_writer.h"

#include <utility>

#include "base/json_row.h"

namespace fustor {

bool RowWriter::write(RowSlice& slice) {
  size_t at = 0;
  for (const RowPiece& piece : slice.pieces) {
    if (piece.own.wanted && !write_own(slice, piece)) return false;
    bool new_group = true;
    for (; at < piece.end; at++) {
      const Entry& entry = slice.entries[at];
      row_.clear();
      const std::string_view name(slice.names.data() + entry.name_offset, entry.name_length);
      append_fs_row(row_, piece.json_dir, name, entry.to_stat(), AtomicFlag::absent);
      if (with_listed_in_) append_listed_in(row_, piece.json_dir, piece.listed_at);
      if (!append(slice, piece.sequence, piece.json_dir, entry.flags, new_group)) return false;
      new_group = false;
    }
  }
  return true;
}

bool RowWriter::write_own(RowSlice& slice, const RowPiece& piece) {
  const OwnRow& own = piece.own;
  row_.clear();
  if (own.name.empty()) {
    append_root_row(row_, own.stat);
  } else {
    append_fs_row(row_, own.json_dir, own.name, own.stat, AtomicFlag::absent);
  }
  if (own.skipped) append_audit_skipped(row_);
  return append(slice, piece.sequence, own.json_dir, own.flags, true);
}

bool RowWriter::append(RowSlice& slice, uint64_t sequence, std::string_view json_dir, uint8_t flags, bool new_group) {
  if (chunk_ != nullptr && !chunk_->fits(row_.size())) hand_over();
  if (chunk_ == nullptr) {
    chunk_ = pool_.acquire();
    if (chunk_ == nullptr) return false;
    new_group = true;
  }
  if (new_group) chunk_->begin_group(sequence, json_dir);
  chunk_->append(row_, flags);
  slice.written_rows++;
  slice.written_bytes += row_.size() + 1;
  return true;
}

void RowWriter::finish() {
  if (chunk_ != nullptr) hand_over();
  queue_.finish();
}

void RowWriter::hand_over() { queue_.push(std::exchange(chunk_, nullptr)); }

}  // namespace fustor
