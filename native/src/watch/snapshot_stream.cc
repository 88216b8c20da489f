#include "watch/snapshot_stream.h"

#include <cerrno>

#include "base/json_row.h"
#include "fustor/clock.h"
#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

SnapshotStream::SnapshotStream(std::shared_ptr<WatchEngine> engine, size_t chunk_bytes, uint32_t pool_chunks)
    : engine_(std::move(engine)), pool_(chunk_bytes, pool_chunks), begun_ns_(monotonic_ns()) {}

SnapshotStream::~SnapshotStream() {
  cancel();
  {
    std::unique_lock lock(engine_->mutex_);
    std::erase(engine_->snapshots_, this);
  }
  if (thread_.joinable()) thread_.join();
}

// ---- for the engine -------------------------------------------------------------------------------------------------------------

void SnapshotStream::begin(uint32_t pass, bool pass_has_ended) {
  pass_ = pass;
  pass_ended_ = pass_has_ended;
  if (engine_->table_.at(kRootDir).listed && (pass_has_ended || engine_->table_.at(kRootDir).pass >= pass)) offer(kRootDir);
}

void SnapshotStream::run() {
  thread_ = std::thread([this] { produce(); });
}

// A directory listed before the cursor passed its parent is offered by that passing; later ones offer themselves.
void SnapshotStream::directory_listed(DirId id) {
  if (error_ != 0 || !engine_->table_.valid(id)) return;
  const Directory& directory = engine_->table_.at(id);
  const bool parent_passed = id == kRootDir || (directory.parent < visited_.size() && visited_[directory.parent]);
  if (parent_passed) offer(id);
}

void SnapshotStream::offer(DirId id) {
  if (offered_.size() <= id) offered_.resize(id + 1024);
  if (offered_[id]) return;
  offered_[id] = true;
  pending_.push_back(id);
  if (pending_.size() == 1 || pending_.size() == kWorthWaking) ready_.notify_one();
}

// The id is given out again: the directory that gets it has been neither offered nor visited.
void SnapshotStream::forget(DirId id) {
  if (id < offered_.size()) offered_[id] = false;
  if (id < visited_.size()) visited_[id] = false;
}

void SnapshotStream::pass_ended() {
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

// ---- the copying thread ---------------------------------------------------------------------------------------------------------

void SnapshotStream::produce() {
  Slice slice;
  bool whole = true;
  while (whole && gather(slice)) whole = write_rows(slice);
  {
    std::unique_lock lock(engine_->mutex_);
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

/** Copies entries of the next directories; false at the end. Their JSON is written later, without the mutex. */
bool SnapshotStream::gather(Slice& slice) {
  std::unique_lock lock(engine_->mutex_);
  count(slice);
  slice.clear();
  if (reading_ == kNoDir) wait_for_directories(lock);
  if (cancelled_ || (reading_ == kNoDir && pending_.empty())) return false;
  while (slice.entries.size() < kSliceRows && (reading_ != kNoDir || !pending_.empty())) {
    if (reading_ == kNoDir) {
      begin_reading(pending_.front());
      pending_.pop_front();
    }
    if (reading_ != kNoDir) copy_piece(slice);
  }
  return true;
}

// A wake-up for each directory would cost more than copying it, so a few of them are waited for.
void SnapshotStream::wait_for_directories(std::unique_lock<std::mutex>& lock) {
  ready_.wait(lock, [this] { return cancelled_ || !pending_.empty() || pass_ended_; });
  ready_.wait_for(lock, kPatience, [this] { return cancelled_ || pending_.size() >= kWorthWaking || pass_ended_; });
}

void SnapshotStream::begin_reading(DirId id) {
  TreeTable& table = engine_->table_;
  // What waits for the other half of a rename has no path; once it is found, its rows come as changes.
  if (!table.valid(id) || !table.at(id).listed || !table.reachable(id)) return;
  table.at(id).readers++;
  reading_ = id;
  slot_ = 0;
}

void SnapshotStream::stop_reading() {
  TreeTable& table = engine_->table_;
  Directory& directory = table.at(reading_);
  directory.readers--;
  if (!directory.alive && !directory.busy && directory.readers == 0) table.recycle(reading_);
  reading_ = kNoDir;
}

/** Rows of a directory that moved meanwhile go out under the name it has at that moment. */
void SnapshotStream::copy_piece(Slice& slice) {
  TreeTable& table = engine_->table_;
  const DirId id = reading_;
  if (slot_ > 0 && !(table.valid(id) && table.reachable(id))) return stop_reading();
  const bool with_root = id == kRootDir && !root_sent_;
  Piece piece{engine_->json_dir(id), next_sequence(), slice.entries.size(), with_root, table.root_entry().to_stat()};
  root_sent_ = root_sent_ || with_root;
  const Directory& directory = table.at(id);
  const std::vector<Entry>& slots = directory.slots();
  for (; slot_ < slots.size() && slice.entries.size() < kSliceRows; slot_++) {
    if (slots[slot_].flags & kDead) continue;
    slice.entries.push_back(slots[slot_]);
    slice.entries.back().name_offset = static_cast<uint32_t>(slice.names.size());
    slice.names.append(directory.name_of(slots[slot_]));
  }
  piece.end = slice.entries.size();
  slice.pieces.push_back(std::move(piece));
  if (slot_ < slots.size()) return;
  stop_reading();
  visit_children(id);
}

/** What was written of it, for the summary; with the engine's mutex held. */
void SnapshotStream::count(const Slice& slice) {
  summary_.rows += slice.written_rows;
  summary_.bytes += slice.written_bytes;
  for (const Piece& piece : slice.pieces) summary_.directories += piece.with_root ? 1 : 0;
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
  if (visited_.size() <= id) visited_.resize(id + 1024);
  visited_[id] = true;
  const TreeTable& table = engine_->table_;
  for (const Entry& entry : table.at(id).slots()) {
    if ((entry.flags & kDead) || entry.child == kNoDir || !table.valid(entry.child)) continue;
    const Directory& child = table.at(entry.child);
    if (child.listed && (pass_ended_ || child.pass >= pass_ || child.barred || child.unreadable != 0)) offer(entry.child);
  }
}

// ---- chunks ---------------------------------------------------------------------------------------------------------------------

/** Waits for a free chunk when there is none; false when cancelled. */
bool SnapshotStream::write_rows(Slice& slice) {
  size_t at = 0;
  for (const Piece& piece : slice.pieces) {
    bool new_group = true;
    if (piece.with_root) {
      row_.clear();
      append_root_row(row_, piece.root);
      if (!append_row(slice, piece.sequence, new_group)) return false;
      new_group = false;
    }
    for (; at < piece.end; at++) {
      const Entry& entry = slice.entries[at];
      row_.clear();
      append_fs_row(row_, piece.json_dir, {slice.names.data() + entry.name_offset, entry.name_length}, entry.to_stat(), AtomicFlag::absent);
      if (!append_row(slice, piece.sequence, new_group)) return false;
      new_group = false;
    }
  }
  return !cancelled_;
}

bool SnapshotStream::append_row(Slice& slice, uint64_t sequence, bool new_group) {
  if (chunk_ != nullptr && !chunk_->fits(row_.size())) hand_over();
  if (chunk_ == nullptr) {
    chunk_ = pool_.acquire();
    if (chunk_ == nullptr) return false;
    new_group = true;
  }
  if (new_group) chunk_->begin_group(sequence);
  chunk_->append(row_);
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
  std::unique_lock lock(engine_->mutex_);
  cancelled_ = true;
  pool_.cancel();
  ready_.notify_one();
}

ScanSummary SnapshotStream::summary() const {
  std::unique_lock lock(engine_->mutex_);
  ScanSummary summary = summary_;
  summary.elapsed_ms = static_cast<double>((ended_ns_ != 0 ? ended_ns_ : monotonic_ns()) - begun_ns_) / 1e6;
  return summary;
}

int SnapshotStream::root_error() const { return failure_; }

}  // namespace fustor
