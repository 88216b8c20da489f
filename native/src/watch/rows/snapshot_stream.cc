#include "watch/rows/snapshot_stream.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "fustor/clock.h"
#include "watch/model/directory_bits.h"
#include "watch/monotonic.h"

namespace fustor {

SnapshotStream::SnapshotStream(std::shared_ptr<RowsView> view, RowsFor purpose, const RowsOptions& options)
    : view_(std::move(view)),
      purpose_(purpose),
      strong_since_(options.strong_since),
      writer_(options, purpose == RowsFor::audit),
      begun_ns_(monotonic_ns()) {}

SnapshotStream::~SnapshotStream() {
  cancel();
  {
    Locked lock(view_->mutex);
    view_->streams.remove(lock, this);
  }
  if (thread_.joinable()) thread_.join();
}

// ---- for the engine -----------------------------------------------------------------------------------------------

void SnapshotStream::begin(const Locked& lock, uint32_t pass, bool pass_has_ended) {
  begun_ = true;
  pass_ = pass;
  pass_ended_ = pass_has_ended;
  if (purpose_ == RowsFor::audit) return;  // an audit counts only what is listed from now on
  const Directory& root = view_->table.at(kRootDir);
  if (root.listed && (pass_has_ended || root.pass >= pass)) offer(lock, kRootDir);
}

void SnapshotStream::run() {
  thread_ = std::thread([this] { produce(); });
}

// A directory that was listed before the stream copied its parent is offered by visit_children; one that is listed
// later is offered here.
void SnapshotStream::directory_listed(const Locked& lock, DirId id) {
  if (!begun_ || error_ != 0 || !view_->table.valid(id)) return;
  if (purpose_ == RowsFor::audit) set(settled_, id);
  if (id == kRootDir || test(visited_, view_->table.at(id).parent)) offer(lock, id);
}

void SnapshotStream::offer(const Locked&, DirId id) {
  if (test(offered_, id)) return;
  set(offered_, id);
  if (test(queued_, id)) return;  // for the directory that had this id before
  set(queued_, id);
  pending_.push_back(id);
  if (pending_.size() == 1 || pending_.size() == kWorthWaking) ready_.notify_one();
}

// The id may be given to another directory, which was neither offered nor visited.
void SnapshotStream::forget(const Locked&, DirId id) {
  clear(offered_, id);
  clear(visited_, id);
  clear(settled_, id);
  clear(strong_, id);
}

void SnapshotStream::slots_move(const Locked&, DirId id) {
  if (reading_ != id) return;
  const std::vector<Entry>& slots = view_->table.at(id).slots();
  const auto end = slots.begin() + static_cast<ptrdiff_t>(std::min(slot_, slots.size()));
  const auto lives = [](const Entry& entry) { return !(entry.flags & kDead); };
  slot_ = static_cast<size_t>(std::count_if(slots.begin(), end, lives));
}

void SnapshotStream::pass_ended(const Locked&) {
  if (!begun_) return;
  pass_ended_ = true;
  ready_.notify_one();
}

void SnapshotStream::fail(const Locked&, int error) {
  if (error_ == 0) error_ = error;
  failure_ = error_;
  cancelled_ = true;
  writer_.cancel();
  ready_.notify_one();
}

void SnapshotStream::leave_table(const Locked&) {
  reading_ = kNoDir;
  pending_.clear();
}

// ---- the copying thread -------------------------------------------------------------------------------------------

void SnapshotStream::produce() {
  RowSlice slice;
  bool whole = true;
  while (whole && gather(slice)) whole = writer_.write(slice) && !cancelled_;
  {
    Locked lock(view_->mutex);
    count(lock, slice);
    if (reading_ != kNoDir) stop_reading(lock);
    summary_.complete = whole && error_ == 0 && !cancelled_;
    ended_ns_ = monotonic_ns();
  }
  writer_.finish();
}

/** Copies entries of the next directories; false at the end. The writer makes rows of them later, without the mutex. */
bool SnapshotStream::gather(RowSlice& slice) {
  Locked lock(view_->mutex);
  count(lock, slice);
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
      const DirId next = pending_.front();
      pending_.pop_front();
      clear(queued_, next);
      if (test(offered_, next)) begin_reading(lock, next);
    }
    if (reading_ != kNoDir) copy_piece(lock, slice);
    view_->table.pack_idle(monotonic_seconds());
  }
  return true;
}

// A wake-up for each directory would cost more than copying it, so the thread waits for a few of them.
void SnapshotStream::wait_for_directories(Locked& lock) {
  ready_.wait(lock, [this] { return cancelled_ || !pending_.empty() || pass_ended_; });
  ready_.wait_for(lock, kPatience, [this] { return cancelled_ || pending_.size() >= kWorthWaking || pass_ended_; });
}

/**
 * The tree walk of an audit is over. Directories that appeared meanwhile will be listed in a moment, and the stream
 * waits for that; then it copies what is left, as not listed. False when nothing is left.
 */
bool SnapshotStream::offer_rest(Locked& lock) {
  const TreeTable& table = view_->table;
  bool any = false;
  for (DirId id = 0; id < table.capacity(); id++) {
    if (!table.valid(id) || test(offered_, id) || !table.reachable(id)) continue;
    if (id != kRootDir && !test(visited_, table.at(id).parent)) continue;
    any = true;
    if (test(settled_, id) || waited_for_late_ns_ >= kLatePatienceNs) offer(lock, id);
  }
  if (!any || !pending_.empty()) return any;
  const int64_t begun = monotonic_ns();
  ready_.wait_for(lock, kLatePause, [this] { return cancelled_ || !pending_.empty(); });
  waited_for_late_ns_ += monotonic_ns() - begun;
  return true;
}

// ---- the consumer -------------------------------------------------------------------------------------------------

Poll SnapshotStream::poll_next(Chunk*& out) {
  const Poll poll = writer_.poll_next(out, failure_);
  if (poll == Poll::chunk) view_->before_rows();
  return poll;
}

void SnapshotStream::set_on_ready(std::function<void()> on_ready) { writer_.set_on_ready(std::move(on_ready)); }

void SnapshotStream::release(uint32_t slot) { writer_.release(slot); }

void SnapshotStream::cancel() {
  Locked lock(view_->mutex);
  cancelled_ = true;
  writer_.cancel();
  ready_.notify_one();
}

ScanSummary SnapshotStream::summary() const {
  Locked lock(view_->mutex);
  ScanSummary summary = summary_;
  summary.elapsed_ms = static_cast<double>((ended_ns_ != 0 ? ended_ns_ : monotonic_ns()) - begun_ns_) / 1e6;
  return summary;
}

int SnapshotStream::root_error() const { return failure_; }

}  // namespace fustor
