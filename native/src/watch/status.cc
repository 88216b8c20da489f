#include "watch/status.h"

#include <sys/inotify.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/name_codec.h"
#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr int64_t kStatusWalkNs = 5'000'000'000;
constexpr int64_t kSmallWalkNs = 200'000'000;
constexpr size_t kSmallTable = 10'000;

constexpr std::pair<uint32_t, const char*> kEventKinds[] = {
    {IN_CREATE, "create"},         {IN_DELETE, "delete"},   {IN_MOVED_FROM, "movedFrom"},
    {IN_MOVED_TO, "movedTo"},      {IN_MODIFY, "modify"},   {IN_CLOSE_WRITE, "closeWrite"},
    {IN_ATTRIB, "attrib"},         {IN_DELETE_SELF, "deleteSelf"}, {IN_MOVE_SELF, "moveSelf"},
};

std::string refusal_name(int error) {
  switch (error) {
    case ENOSPC: return "budget";
    case EMFILE: return "instances";
    case EACCES:
    case EPERM: return "permission";
    default: return std::strerror(error);
  }
}

std::string unreadable_reason(int error, size_t max_path_bytes) {
  switch (error) {
    case ETIMEDOUT: return "it does not answer";
    case ENAMETOOLONG: return "its path is longer than max_path_bytes = " + std::to_string(max_path_bytes);
    default: return std::strerror(error);
  }
}

/** -1 when it has not happened. */
double ms_since(int64_t from_ns, int64_t at_ns) {
  return at_ns == 0 ? -1 : static_cast<double>(at_ns - from_ns) / 1e6;
}
}  // namespace

WatchStatus StatusBoard::make(const Locked& lock) {
  const int64_t now = monotonic_ns();
  const int64_t patience = state_.table.capacity() < kSmallTable ? kSmallWalkNs : kStatusWalkNs;
  if (walked_ns_ == 0 || walked_ns_ < state_.walk.ended_ns() || now - walked_ns_ > patience) walk_over_table(lock);
  WatchStatus status = walked_;
  status.root = state_.root.state;
  status.reason = state_.root.reason;
  status.entries = state_.table.entry_count + (state_.root.identity == Identity{} ? 0 : 1);
  status.directories = state_.table.directory_count();
  status.queue_depth = state_.dirty.size();
  status.collapsed_directories = state_.dirty.collapses();
  status.watches_used = rooms_.watches.kernel_watches(lock);
  status.watches_limit = source_.limit();
  status.engines = source_.facts();
  status.polled_elsewhere = rooms_.watches.polls().count_elsewhere(lock);
  status.lag_histogram = lag_histogram_;
  add_what_was_counted(lock, status);
  add_places(lock, status);
  return status;
}

void StatusBoard::note_lag(const Locked&, double lag_ms) {
  const auto& limits = WatchStatus::kLagLimitsMs;
  const auto found = std::lower_bound(limits.begin(), limits.end(), lag_ms);
  lag_histogram_[static_cast<size_t>(found - limits.begin())]++;
}

void StatusBoard::add_what_was_counted(const Locked& lock, WatchStatus& status) const {
  const EventCounts& events = rooms_.reader.counts();
  status.raw_events = events.raw_events;
  for (const auto& [bit, name] : kEventKinds) {
    status.events_by_kind[name] = events.kinds[static_cast<size_t>(std::countr_zero(bit))];
  }
  status.overflows = events.overflows;
  status.collapsed_root = events.collapsed_root;
  status.changes = rooms_.reporter.changes();
  status.resyncs = rooms_.passes.resyncs(lock);
  status.last_resync_reason = rooms_.passes.last_resync_reason(lock);
  status.held_deletes = rooms_.passes.missing().held(lock);
  status.mark_ms = ms_since(state_.life.started_ns, rooms_.watches.marked_ns(lock));
  status.primed_ms = ms_since(state_.life.started_ns, rooms_.passes.primed_ns(lock));
  status.last_error = state_.life.last_error;
}

void StatusBoard::add_places(const Locked& lock, WatchStatus& status) const {
  const int64_t now = monotonic_ns();
  for (const Hang& hang : rooms_.watchdog.hangs(lock, now)) {
    if (status.unanswered.size() >= WatchStatus::kExamples) break;
    Unanswered& line = status.unanswered.emplace_back();
    encode_wire("/" + hang.path, line.path);
    line.for_ms = static_cast<uint64_t>((now - hang.since_ns) / 1'000'000);
  }
  for (const DirId id : rooms_.mounts.lost(lock)) {
    if (status.lost_mounts.size() >= WatchStatus::kExamples || !state_.table.valid(id)) continue;
    encode_wire("/" + state_.table.path_of(id), status.lost_mounts.emplace_back());
  }
}

// ---- what takes a walk --------------------------------------------------------------------------------------------

void StatusBoard::walk_over_table(const Locked&) {
  walked_ns_ = monotonic_ns();
  walked_ = {};
  walked_.table_bytes = state_.table.bytes();
  for (DirId id = 0; id < state_.table.capacity(); id++) {
    const Directory& directory = state_.table.at(id);
    if (!directory.alive) continue;
    if (directory.watch_refused) add_unwatched(id);
    if (directory.unreadable != 0) add_unreadable(id);
  }
}

/** Counts a directory without a watch in the line of its cause. */
void StatusBoard::add_unwatched(DirId id) {
  const Directory& directory = state_.table.at(id);
  Unwatched& line = walked_.unwatched[refusal_name(directory.watch_error)];
  line.count++;
  if (directory.listed_at != 0) {
    line.stale_ms = std::max(line.stale_ms, uint64_t{monotonic_seconds() - directory.listed_at} * 1000);
  }
  if (line.examples.size() >= Unwatched::kExamples || !state_.table.reachable(id)) return;
  encode_wire("/" + state_.table.path_of(id), line.examples.emplace_back());
}

/** The same for directories that cannot be read. */
void StatusBoard::add_unreadable(DirId id) {
  const int error = state_.table.at(id).unreadable;
  walked_.unreadable++;
  Unreadable& line = walked_.unreadable_by[unreadable_reason(error, state_.config.max_path_bytes)];
  line.count++;
  if (line.examples.size() >= Unwatched::kExamples || !state_.table.reachable(id)) return;
  encode_wire("/" + state_.table.path_of(id), line.examples.emplace_back());
}

}  // namespace fustor
