#include "watch/passes/streams.h"

#include <algorithm>

#include "watch/snapshot_stream.h"

namespace fustor {

void Streams::directory_listed(const Locked&, DirId id) {
  for (SnapshotStream* stream : streams_) stream->directory_listed(id);
}

void Streams::forget(const Locked&, DirId id) {
  for (SnapshotStream* stream : streams_) stream->forget(id);
}

void Streams::make_room_in(const Locked&, TreeTable& table, DirId id) {
  if (!table.at(id).is_crowded()) return;
  for (SnapshotStream* stream : streams_) stream->slots_move(id);
  table.at(id).compact();
}

void Streams::pass_ended(const Locked&) {
  for (SnapshotStream* stream : streams_) stream->pass_ended();
}

void Streams::fail(const Locked&, int error) {
  for (SnapshotStream* stream : streams_) stream->fail(error);
}

void Streams::fail_audits(const Locked&, int error) {
  for (SnapshotStream* stream : streams_) {
    if (stream->is_audit()) stream->fail(error);
  }
}

void Streams::leave_table(const Locked&) {
  for (SnapshotStream* stream : streams_) stream->leave_table();
}

bool Streams::wants_walk(const Locked&) const {
  const auto waits = [](const SnapshotStream* stream) { return !stream->has_begun(); };
  return std::any_of(streams_.begin(), streams_.end(), waits);
}

void Streams::begin_waiting(const Locked&, uint32_t pass) {
  for (SnapshotStream* stream : streams_) {
    if (!stream->has_begun()) stream->begin(pass, false);
  }
}

}  // namespace fustor
