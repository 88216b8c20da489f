#include "watch/rows/streams.h"

#include <algorithm>

#include "watch/rows/snapshot_stream.h"

namespace fustor {

void Streams::directory_listed(const Locked& lock, DirId id) {
  for (SnapshotStream* stream : streams_) stream->directory_listed(lock, id);
}

void Streams::forget(const Locked& lock, DirId id) {
  for (SnapshotStream* stream : streams_) stream->forget(lock, id);
}

void Streams::make_room_in(const Locked& lock, TreeTable& table, DirId id) {
  if (!table.at(id).is_crowded()) return;
  for (SnapshotStream* stream : streams_) stream->slots_move(lock, id);
  table.at(id).compact();
}

void Streams::pass_ended(const Locked& lock) {
  for (SnapshotStream* stream : streams_) stream->pass_ended(lock);
}

void Streams::fail(const Locked& lock, int error) {
  for (SnapshotStream* stream : streams_) stream->fail(lock, error);
}

void Streams::fail_audits(const Locked& lock, int error) {
  for (SnapshotStream* stream : streams_) {
    if (stream->is_audit()) stream->fail(lock, error);
  }
}

void Streams::leave_table(const Locked& lock) {
  for (SnapshotStream* stream : streams_) stream->leave_table(lock);
}

bool Streams::wants_walk(const Locked&) const {
  const auto waits = [](const SnapshotStream* stream) { return !stream->has_begun(); };
  return std::any_of(streams_.begin(), streams_.end(), waits);
}

void Streams::begin_waiting(const Locked& lock, uint32_t pass) {
  for (SnapshotStream* stream : streams_) {
    if (!stream->has_begun()) stream->begin(lock, pass, false);
  }
}

}  // namespace fustor
