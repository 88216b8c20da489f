#include "watch/sweep/tree_sweep.h"

#include <algorithm>
#include <utility>

#include "base/name_codec.h"
#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr int64_t kRacySeconds = 2;  // FAT's times are that coarse

std::string wire_path(std::string_view directory, std::string_view name) {
  std::string path = "/";
  encode_wire(directory, path);
  if (!directory.empty() && !name.empty()) path += '/';
  encode_wire(name, path);
  return path;
}
}  // namespace

// ---- handing out --------------------------------------------------------------------------------------------------

bool TreeSweep::next(SweepOrder& out) {
  SweepShare share;
  share.rules = rules_;
  for (bool more = true; more && share.pieces.empty();) {
    const Locked lock(engine_->mutex_);
    if (!engine_->may_look() || engine_->source_ == nullptr) return false;
    TreeTable& table = engine_->table_;
    const Identity root = table.at(kRootDir).identity;
    share.root = engine_->state_.config.root;
    share.root_dev = root.dev;
    share.root_ino = root.ino;
    kept_.clear();
    looks_ = 0;
    const size_t last = std::min<size_t>(table.capacity(), next_ + kIds);
    while (next_ < last && add(lock, next_, share)) {
      if (slot_ == 0) next_++;
    }
    more = next_ < table.capacity();
    table.pack_idle();
  }
  if (share.pieces.empty()) return false;
  out = {to_bytes(share), share.pieces.front().dev, looks_, wire_path(share.pieces.front().path, "")};
  return true;
}

bool TreeSweep::add(const Locked& lock, DirId id, SweepShare& share) {
  TreeTable& table = engine_->table_;
  const bool there = table.valid(id) && table.at(id).listed && table.reachable(id);
  if (!there || table.at(id).unreadable != 0 || table.at(id).placeholder || table.at(id).barred) {
    slot_ = 0;
    return true;
  }
  Directory& directory = table.at(id);
  const bool elsewhere = !share.pieces.empty() && share.pieces.front().dev != directory.identity.dev;
  if (elsewhere || looks_ >= kLooks) return false;
  resume_in(directory);
  SweepPiece piece;
  const Entry& own = engine_->own_entry(lock, id);
  piece.directory = id;
  piece.dev = directory.identity.dev;
  piece.own = SweepFacts::of(own.to_stat());
  piece.own.ino = directory.identity.ino;
  piece.own.kind = EntryKind::directory;
  piece.whole = slot_ == 0;
  piece.path = keep(table.path_of(id));
  looks_ += piece.whole ? 1 : 0;
  if (piece.whole && is_racy(directory, own)) engine_->rooms_.schedule.list(lock, id);
  if (rules_.mode != SweepMode::names) add_entries(directory, piece, kLooks > looks_ ? kLooks - looks_ : 1);
  share.pieces.push_back(std::move(piece));
  return slot_ == 0;
}

void TreeSweep::resume_in(Directory& directory) {
  if (slot_ == 0) return;
  const std::vector<Entry>& slots = directory.slots();
  if (slot_ > slots.size() || directory.name_of(slots[slot_ - 1]) != before_slot_) slot_ = 0;
}

void TreeSweep::add_entries(Directory& directory, SweepPiece& piece, size_t room) {
  const bool whole = directory.each_from(slot_, room, [&](const Entry& entry, std::string_view name) {
    // A directory is looked at itself, later or earlier.
    if (entry.child == kNoDir) piece.entries.push_back({SweepFacts::of(entry.to_stat()), keep(std::string(name))});
    return piece.entries.size() < room;
  });
  looks_ += piece.entries.size();
  if (whole) slot_ = 0;
  else before_slot_ = directory.name_of(directory.slots()[slot_ - 1]);
}

bool TreeSweep::is_racy(const Directory& directory, const Entry& own) {
  const int64_t listed_ago = int64_t{monotonic_seconds()} - directory.listed_at;
  const int64_t listed_second = wall_seconds() - listed_ago;
  const FileStat stat = own.to_stat();
  return std::max(stat.mtime.sec, stat.ctime.sec) + kRacySeconds >= listed_second;
}

std::string_view TreeSweep::keep(std::string text) { return *kept_.emplace_back(std::make_unique<std::string>(std::move(text))); }

// ---- taking back --------------------------------------------------------------------------------------------------

SweepReport TreeSweep::apply(std::string_view share_bytes, std::string_view result_bytes) {
  SweepReport report;
  const auto share = share_of(share_bytes);
  const auto result = result_of(result_bytes);
  if (!share || !result) return report;
  report.understood = true;
  report.root_error = result->root_error;
  report.done = result->root_error != 0 || result->next_piece >= share->pieces.size();
  report.looks = result->looks;
  report.read_bytes = result->read_bytes;
  for (const SweepFinding& finding : result->findings) {
    if (finding.piece >= share->pieces.size()) continue;
    const SweepPiece& piece = share->pieces[finding.piece];
    if (finding.entry != SweepFinding::kOwn && finding.entry >= piece.entries.size()) continue;
    report.verdicts[static_cast<size_t>(finding.verdict)]++;
    if (finding.verdict == SweepVerdict::hashed) {
      compare_digest(piece, finding, report);
    } else if (finding.verdict == SweepVerdict::differs || finding.verdict == SweepVerdict::gone) {
      const Locked lock(engine_->mutex_);
      apply_finding(lock, piece, finding);
    }
  }
  report.verdicts[0] = report.looks - std::min<uint64_t>(report.looks, result->findings.size());
  return report;
}

void TreeSweep::apply_finding(const Locked& lock, const SweepPiece& piece, const SweepFinding& finding) {
  const TreeTable& table = engine_->table_;
  const DirId id = piece.directory;
  if (!engine_->may_look() || !table.valid(id) || table.at(id).identity != Identity{piece.dev, piece.own.ino}) return;
  if (finding.entry == SweepFinding::kOwn) return mark_own(lock, id, finding.verdict);
  const uint16_t flags = finding.verdict == SweepVerdict::hashed ? kMarkAnnounce : kMarkVerify;
  engine_->rooms_.schedule.mark(lock, id, piece.entries[finding.entry].name, flags);
}

void TreeSweep::mark_own(const Locked& lock, DirId id, SweepVerdict verdict) {
  const Directory& directory = engine_->table_.at(id);
  Schedule& schedule = engine_->rooms_.schedule;
  if (verdict == SweepVerdict::differs || id == kRootDir) return schedule.list(lock, id);
  if (engine_->table_.valid(directory.parent)) schedule.mark(lock, directory.parent, directory.name, kMarkVerify);
}

void TreeSweep::compare_digest(const SweepPiece& piece, const SweepFinding& finding, SweepReport& report) {
  const SweepEntry& entry = piece.entries[finding.entry];
  if (engine_->digests_.put(rules_.digest, piece.dev, entry.facts, finding.digest) != DigestTable::Known::other) return;
  report.corrupted++;
  const Locked lock(engine_->mutex_);
  if (report.corrupted_paths.size() < SweepReport::kExamples) {
    report.corrupted_paths.push_back(wire_path(piece.path, entry.name));
  }
  apply_finding(lock, piece, finding);
}

void TreeSweep::complete() {
  if (rules_.mode == SweepMode::hash) engine_->digests_.drop_unseen();
}

uint64_t TreeSweep::digests() const { return engine_->digests_.size(); }
uint64_t TreeSweep::digest_table_bytes() const { return engine_->digests_.bytes(); }

}  // namespace fustor
