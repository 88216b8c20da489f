// What a scan counts, and its chunks.
#include "scan/scan_run.h"

#include "base/name_codec.h"

namespace fustor {

void Scanner::count(ScanSummary& counts, EntryKind kind) {
  switch (kind) {
    case EntryKind::directory: counts.directories++; break;
    case EntryKind::file: counts.files++; break;
    case EntryKind::symlink: counts.symlinks++; break;
    default: counts.others++;
  }
}

void Scanner::fail(Hand& hand, const std::string& path, int error, const char* operation) {
  hand.counts.failed_directories++;
  note_error(hand, path, error, operation);
}

void Scanner::note_error(Hand& hand, const std::string& raw_path, int error, const char* operation) {
  hand.counts.errors_by_errno[error]++;
  if (hand.counts.errors.size() >= ScanSummary::kMostErrors) return;
  std::string wire = "/";
  encode_wire(raw_path, wire);
  hand.counts.errors.push_back({std::move(wire), error, operation});
}

bool Scanner::append(Hand& hand, bool new_group) {
  if (hand.chunk != nullptr && !hand.chunk->fits(hand.row.size())) hand_over(hand);
  const bool new_chunk = hand.chunk == nullptr;
  bool waited = false;
  if (new_chunk) hand.chunk = pool_.acquire(&waited);
  if (waited) hand.meter.restart();
  if (hand.chunk == nullptr) return false;
  if (new_chunk || new_group) hand.chunk->begin_group(hand.sequence, hand.json_dir);
  hand.chunk->append(hand.row);
  hand.counts.rows++;
  hand.counts.bytes += hand.row.size() + 1;
  return true;
}

void Scanner::hand_over(Hand& hand) {
  if (hand.chunk == nullptr) return;
  queue_.push(std::exchange(hand.chunk, nullptr));
}

void Scanner::merge(Hand& hand) {
  std::lock_guard lock(mutex_);
  const ScanSummary& counts = hand.counts;
  summary_.directories += counts.directories;
  summary_.files += counts.files;
  summary_.symlinks += counts.symlinks;
  summary_.others += counts.others;
  summary_.rows += counts.rows;
  summary_.bytes += counts.bytes;
  summary_.failed_directories += counts.failed_directories;
  summary_.vanished += counts.vanished;
  for (const auto& [error, times] : counts.errors_by_errno) summary_.errors_by_errno[error] += times;
  for (const ScanError& error : counts.errors) {
    if (summary_.errors.size() < ScanSummary::kMostErrors) summary_.errors.push_back(error);
  }
  hand.counts = {};
}

}  // namespace fustor
