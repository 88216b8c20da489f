#include "watch/snapshot_stream.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/json_row.h"
#include "fustor/clock.h"
#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
bool test(const std::vector<bool>& bits, DirId id) { return id < bits.size() && bits[id]; }

void set(std::vector<bool>& bits, DirId id) {
  if (bits.size() <= id) bits.resize(id + 1024);
  bits[id] = true;
}

void clear(std::vector<bool>& bits, DirId id) {
  if (id < bits.size()) bits[id] = false;
}

/** As a rename, a restore or a new mode leaves it: a write sets both times to the same moment. */
bool is_changed_after_mtime(const Entry& entry) {
  return std::pair(entry.mtime_sec, entry.mtime_nsec) < std::pair(entry.ctime_sec, entry.ctime_nsec);
}
}  // namespace

SnapshotStream::SnapshotStream(std::shared_ptr<WatchEngine> engine, RowsFor purpose, const RowsOptions& options)
    : engine_(std::move(engine)),
      purpose_(purpose),
      strong_since_(options.strong_since),
      pool_(options.chunk_bytes, options.pool_chunks),
      begun_ns_(monotonic_ns()) {}

SnapshotStream::~SnapshotStream() {
  cancel();
  {
    std::unique_lock<std::mutex> lock(engine_->mutex_);
    engine_->state_.streams.remove(Locked(), this);
  }
  if (thread_.joinable()) thread_.join();
}

// ---- for the engine -------------------------------------------------------------------------------------------------------------

void SnapshotStream::begin(uint32_t pass, bool pass_has_ended) {
  begun_ = true;
  pass_ = pass;
  pass_ended_ = pass_has_ended;
  if (purpose_ == RowsFor::audit) return;  // an audit counts only what is listed from now on
  if (engine_->table_.at(kRootDir).listed && (pass_has_ended || engine_->table_.at(kRootDir).pass >= pass)) offer(kRootDir);
}

void SnapshotStream::run() {
  thread_ = std::thread([this] { produce(); });
}

// A directory that was listed before the stream copied its parent is offered by visit_children; one that is listed
// later is offered here.
void SnapshotStream::directory_listed(DirId id) {
  if (!begun_ || error_ != 0 || !engine_->table_.valid(id)) return;
  if (purpose_ == RowsFor::audit) set(settled_, id);
  if (id == kRootDir || test(visited_, engine_->table_.at(id).parent)) offer(id);
}

void SnapshotStream::offer(DirId id) {
  if (test(offered_, id)) return;
  set(offered_, id);
  pending_.push_back(id);
  if (pending_.size() == 1 || pending_.size() == kWorthWaking) ready_.notify_one();
}

// The id may be given to another directory, which was neither offered nor visited.
void SnapshotStream::forget(DirId id) {
  clear(offered_, id);
  clear(visited_, id);
  clear(settled_, id);
  clear(strong_, id);
}

void SnapshotStream::slots_move(DirId id) {
  if (reading_ != id) return;
  const std::vector<Entry>& slots = engine_->table_.at(id).slots();
  const auto end = slots.begin() + static_cast<ptrdiff_t>(std::min(slot_, slots.size()));
  slot_ = static_cast<size_t>(std::count_if(slots.begin(), end, [](const Entry& entry) { return !(entry.flags & kDead); }));
}

void SnapshotStream::pass_ended() {
  if (!begun_) return;
  pass_ended_ = true;
  ready_.notify_one();
}

void SnapshotStream::fail(int error) {
  if (error_ == 0) error_ = error;
  failure_ = error_;
  cancelled_ = true;
  pool_.cancel();
  ready_.notify_one();
}

void SnapshotStream::leave_table() {
  reading_ = kNoDir;
  pending_.clear();
}

// ---- the copying thread ---------------------------------------------------------------------------------------------------------

void SnapshotStream::produce() {
  Slice slice;
  bool whole = true;
  while (whole && gather(slice)) whole = write_rows(slice);
  {
    std::unique_lock<std::mutex> lock(engine_->mutex_);
    count(slice);
    if (reading_ != kNoDir) stop_reading();
    summary_.complete = whole && error_ == 0 && !cancelled_;
    ended_ns_ = monotonic_ns();
  }
  if (chunk_ != nullptr) hand_over();
  std::function<void()> on_ready;
  {
    std::lock_guard lock(chunks_mutex_);
    finished_ = true;
    on_ready = on_ready_;
  }
  if (on_ready) on_ready();
}

/** Copies entries of the next directories; false at the end. write_rows writes their JSON later, without the mutex. */
bool SnapshotStream::gather(Slice& slice) {
  std::unique_lock<std::mutex> lock(engine_->mutex_);
  count(slice);
  slice.clear();
  if (reading_ == kNoDir) {
    do wait_for_directories(lock);
    while (!cancelled_ && pending_.empty() && purpose_ == RowsFor::audit && offer_rest(lock));
  }
  if (cancelled_ || (reading_ == kNoDir && pending_.empty())) return false;
  const auto has_room = [&slice] {
    return slice.entries.size() + slice.pieces.size() < kSliceRows && slice.looks < kSliceLooks;
  };
  while (has_room() && (reading_ != kNoDir || !pending_.empty())) {
    if (reading_ == kNoDir) {
      begin_reading(pending_.front());
      pending_.pop_front();
    }
    if (reading_ != kNoDir) copy_piece(slice);
  }
  return true;
}

// A wake-up for each directory would cost more than copying it, so the thread waits for a few of them.
void SnapshotStream::wait_for_directories(std::unique_lock<std::mutex>& lock) {
  ready_.wait(lock, [this] { return cancelled_ || !pending_.empty() || pass_ended_; });
  ready_.wait_for(lock, kPatience, [this] { return cancelled_ || pending_.size() >= kWorthWaking || pass_ended_; });
}

/**
 * The tree walk of an audit is over. Directories that appeared meanwhile will be listed in a moment, and the stream
 * waits for that; then it copies what is left, as not listed. False when nothing is left.
 */
bool SnapshotStream::offer_rest(std::unique_lock<std::mutex>& lock) {
  const TreeTable& table = engine_->table_;
  bool any = false;
  for (DirId id = 0; id < table.capacity(); id++) {
    if (!table.valid(id) || test(offered_, id) || !table.reachable(id)) continue;
    if (id != kRootDir && !test(visited_, table.at(id).parent)) continue;
    any = true;
    if (test(settled_, id) || waited_for_late_ns_ >= kLatePatienceNs) offer(id);
  }
  if (!any || !pending_.empty()) return any;
  const int64_t begun = monotonic_ns();
  ready_.wait_for(lock, kLatePause, [this] { return cancelled_ || !pending_.empty(); });
  waited_for_late_ns_ += monotonic_ns() - begun;
  return true;
}

void SnapshotStream::begin_reading(DirId id) {
  TreeTable& table = engine_->table_;
  // A directory that waits for the other half of a rename has no path. When it turns up, its rows come as changes.
  if (!table.valid(id) || !table.reachable(id)) return;
  if (!table.at(id).listed && purpose_ != RowsFor::audit) return;
  // It may have come after the directory above it was copied.
  if (id != kRootDir && test(strong_, table.at(id).parent)) set(strong_, id);
  table.at(id).readers++;
  reading_ = id;
  slot_ = 0;
}

void SnapshotStream::stop_reading() {
  engine_->table_.leave_reader(reading_);
  reading_ = kNoDir;
}

/** Rows of a directory that moved meanwhile get the path that it has at this moment. */
void SnapshotStream::copy_piece(Slice& slice) {
  TreeTable& table = engine_->table_;
  const DirId id = reading_;
  if (slot_ > 0 && !(table.valid(id) && table.reachable(id))) return stop_reading();
  Piece piece{{}, next_sequence(), {}, 0, {}};
  if (slot_ == 0) piece.own = own_row(id);
  if (purpose_ == RowsFor::audit) {
    const FileStat own = engine_->own_entry(id).to_stat();
    piece.listed_at = own.mtime;
  }
  const std::vector<Entry>& slots = table.at(id).slots();
  const size_t begin = slice.entries.size();
  for (; slot_ < slots.size() && slice.entries.size() < kSliceRows && slice.looks < kSliceLooks; slot_++) {
    copy_entry(slice, id, slots[slot_]);
    slice.looks++;
  }
  slice.looks++;
  piece.end = slice.entries.size();
  if (piece.own.wanted || piece.end > begin) {
    piece.json_dir = engine_->json_dir(id);
    slice.pieces.push_back(std::move(piece));
  }
  if (slot_ < slots.size()) return;
  stop_reading();
  visit_children(id);
}

void SnapshotStream::copy_entry(Slice& slice, DirId id, const Entry& entry) {
  if (entry.flags & kDead) return;
  // A directory's row comes before its own children instead. An entry that the walk missed has no row: the second look
  // will report its delete.
  if (purpose_ == RowsFor::audit && (entry.child != kNoDir || (entry.flags & kMissing))) return;
  const bool strong = is_strong(id, entry);
  if (purpose_ == RowsFor::restatement && !strong) return;
  Entry& copy = slice.entries.emplace_back(entry);
  copy.flags = strong ? kStrongRow : 0;
  copy.name_offset = slice.names.size() & Entry::kMostOffset;
  slice.names.append(engine_->table_.at(id).name_of(entry));
}

bool SnapshotStream::is_strong(DirId id, const Entry& entry) {
  if (strong_since_ == RowsOptions::kNothing) return false;
  const bool counts = purpose_ != RowsFor::audit || is_changed_after_mtime(entry);
  const bool changed = counts && entry.ctime_sec >= strong_since_;
  const bool moved = entry.child != kNoDir && engine_->table_.at(entry.child).moved_second >= strong_since_;
  const bool strong = changed || moved || test(strong_, id);
  if (strong && entry.child != kNoDir) set(strong_, entry.child);
  return strong;
}

SnapshotStream::OwnRow SnapshotStream::own_row(DirId id) {
  OwnRow own;
  own.wanted = purpose_ == RowsFor::audit || (purpose_ == RowsFor::snapshot && id == kRootDir);
  if (!own.wanted) return own;
  const Directory& directory = engine_->table_.at(id);
  const Entry& entry = engine_->own_entry(id);
  own.stat = entry.to_stat();
  const bool strong = id != kRootDir && entry.child == id && is_strong(directory.parent, entry);
  if (id != kRootDir) {
    own.json_dir = engine_->json_dir(directory.parent);
    own.name = directory.name;
  }
  own.skipped = purpose_ == RowsFor::audit && (directory.unreadable != 0 || !test(settled_, id));
  own.flags = own.skipped ? kSkippedRow : strong ? kStrongRow : 0;
  return own;
}

/** Adds what was written of the slice to the summary; with the engine's mutex held. */
void SnapshotStream::count(const Slice& slice) {
  summary_.rows += slice.written_rows;
  summary_.bytes += slice.written_bytes;
  for (const Piece& piece : slice.pieces) {
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

void SnapshotStream::visit_children(DirId id) {
  set(visited_, id);
  const TreeTable& table = engine_->table_;
  for (const Entry& entry : table.at(id).slots()) {
    if ((entry.flags & kDead) || entry.child == kNoDir || !table.valid(entry.child)) continue;
    const Directory& child = table.at(entry.child);
    const bool listed = child.listed && (pass_ended_ || child.pass >= pass_ || child.barred || child.unreadable != 0);
    if (purpose_ == RowsFor::audit ? test(settled_, entry.child) : listed) offer(entry.child);
  }
}

// ---- chunks ---------------------------------------------------------------------------------------------------------------------

/** Waits for a free chunk when there is none; false when cancelled. */
bool SnapshotStream::write_rows(Slice& slice) {
  size_t at = 0;
  for (const Piece& piece : slice.pieces) {
    if (piece.own.wanted) {
      row_.clear();
      if (piece.own.name.empty()) {
        append_root_row(row_, piece.own.stat);
      } else {
        append_fs_row(row_, piece.own.json_dir, piece.own.name, piece.own.stat, AtomicFlag::absent);
      }
      if (piece.own.skipped) append_audit_skipped(row_);
      if (!append_row(slice, piece.sequence, piece.own.json_dir, piece.own.flags, true)) return false;
    }
    bool new_group = true;
    for (; at < piece.end; at++) {
      const Entry& entry = slice.entries[at];
      row_.clear();
      append_fs_row(row_, piece.json_dir, {slice.names.data() + entry.name_offset, entry.name_length}, entry.to_stat(), AtomicFlag::absent);
      if (purpose_ == RowsFor::audit) append_listed_in(row_, piece.json_dir, piece.listed_at);
      if (!append_row(slice, piece.sequence, piece.json_dir, entry.flags, new_group)) return false;
      new_group = false;
    }
  }
  return !cancelled_;
}

bool SnapshotStream::append_row(Slice& slice, uint64_t sequence, std::string_view json_dir, uint8_t flags,
                                bool new_group) {
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

void SnapshotStream::hand_over() {
  std::function<void()> on_ready;
  {
    std::lock_guard lock(chunks_mutex_);
    chunks_.push_back(chunk_);
    chunk_ = nullptr;
    on_ready = on_ready_;
  }
  if (on_ready) on_ready();
}

Poll SnapshotStream::poll_next(Chunk*& out) {
  std::lock_guard lock(chunks_mutex_);
  if (!chunks_.empty()) {
    out = chunks_.front();
    chunks_.pop_front();
    return Poll::chunk;
  }
  if (!finished_) return Poll::pending;
  return root_error() != 0 ? Poll::failed : Poll::end;
}

void SnapshotStream::set_on_ready(std::function<void()> on_ready) {
  std::lock_guard lock(chunks_mutex_);
  on_ready_ = std::move(on_ready);
}

void SnapshotStream::release(uint32_t slot) { pool_.release(slot); }

void SnapshotStream::cancel() {
  std::unique_lock<std::mutex> lock(engine_->mutex_);
  cancelled_ = true;
  pool_.cancel();
  ready_.notify_one();
}

ScanSummary SnapshotStream::summary() const {
  std::unique_lock<std::mutex> lock(engine_->mutex_);
  ScanSummary summary = summary_;
  summary.elapsed_ms = static_cast<double>((ended_ns_ != 0 ? ended_ns_ : monotonic_ns()) - begun_ns_) / 1e6;
  return summary;
}

int SnapshotStream::root_error() const { return failure_; }

}  // namespace fustor
