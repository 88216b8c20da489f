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
  ready_.notify_one();
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
  DirId id;
  bool whole = true;
  while (whole && next_directory(id)) whole = copy_directory(id);
  {
    std::unique_lock lock(engine_->mutex_);
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

bool SnapshotStream::next_directory(DirId& id) {
  std::unique_lock lock(engine_->mutex_);
  ready_.wait(lock, [this] { return cancelled_ || !pending_.empty() || pass_ended_; });
  if (cancelled_ || pending_.empty()) return false;
  id = pending_.front();
  pending_.pop_front();
  return true;
}

/** False when cancelled. Rows of a directory that moved meanwhile go out under the name it has at that moment. */
bool SnapshotStream::copy_directory(DirId id) {
  std::string rows;
  std::vector<uint32_t> ends;
  std::unique_lock lock(engine_->mutex_);
  TreeTable& table = engine_->table_;
  // What waits for the other half of a rename has no path; once it is found, its rows come as changes.
  if (!table.valid(id) || !table.at(id).listed || !table.reachable(id)) return true;
  table.at(id).readers++;
  bool alive = true;
  bool fits = true;
  size_t slot = 0;
  do {
    rows.clear();
    ends.clear();
    const uint64_t sequence = next_sequence();
    if (id == kRootDir && !root_sent_) {
      append_root_row(rows, table.root_entry().to_stat());
      ends.push_back(static_cast<uint32_t>(rows.size()));
      root_sent_ = true;
      summary_.directories++;
    }
    slot = copy_slice(id, slot, rows, ends);
    summary_.rows += ends.size();
    summary_.bytes += rows.size() + ends.size();
    lock.unlock();
    fits = write_rows(rows, ends, sequence);
    lock.lock();
    alive = table.valid(id) && table.reachable(id);
  } while (alive && fits && slot < table.at(id).slots().size());
  Directory& directory = table.at(id);
  directory.readers--;
  if (!directory.alive && !directory.busy && directory.readers == 0) table.recycle(id);
  if (alive && fits) visit_children(id);
  return fits && !cancelled_;
}

size_t SnapshotStream::copy_slice(DirId id, size_t slot, std::string& rows, std::vector<uint32_t>& ends) {
  const Directory& directory = engine_->table_.at(id);
  const std::vector<Entry>& slots = directory.slots();
  const std::string& json_dir = engine_->json_dir(id);
  for (; slot < slots.size() && ends.size() < kSliceRows; slot++) {
    const Entry& entry = slots[slot];
    if (entry.flags & kDead) continue;
    append_fs_row(rows, json_dir, directory.name_of(entry), entry.to_stat(), AtomicFlag::absent);
    ends.push_back(static_cast<uint32_t>(rows.size()));
    if (entry.kind == EntryKind::directory) {
      summary_.directories++;
    } else if (entry.kind == EntryKind::file) {
      summary_.files++;
    } else if (entry.kind == EntryKind::symlink) {
      summary_.symlinks++;
    } else {
      summary_.others++;
    }
  }
  return slot;
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
bool SnapshotStream::write_rows(const std::string& rows, const std::vector<uint32_t>& ends, uint64_t sequence) {
  uint32_t begin = 0;
  bool new_group = true;
  for (const uint32_t end : ends) {
    const std::string_view row(rows.data() + begin, end - begin);
    begin = end;
    if (chunk_ != nullptr && !chunk_->fits(row.size())) hand_over();
    if (chunk_ == nullptr) {
      chunk_ = pool_.acquire();
      if (chunk_ == nullptr) return false;
      new_group = true;
    }
    if (new_group) chunk_->begin_group(sequence);
    new_group = false;
    chunk_->append(row);
  }
  return !cancelled_;
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
