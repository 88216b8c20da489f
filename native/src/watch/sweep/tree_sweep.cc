#include "watch/sweep/tree_sweep.h"

#include <algorithm>
#include <utility>

#include "base/name_codec.h"
#include "watch/monotonic.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr int64_t kRacySeconds = 2;  // FAT's times are that coarse

/** Its times are in the future: they never say that it is old enough. */
bool is_early(int64_t mtime_sec, int64_t ctime_sec) { return std::max(mtime_sec, ctime_sec) > wall_seconds(); }

std::string wire_path(std::string_view directory, std::string_view name) {
  std::string path = "/";
  encode_wire(directory, path);
  if (!directory.empty() && !name.empty()) path += '/';
  encode_wire(name, path);
  return path;
}
}  // namespace

// ---- handing out --------------------------------------------------------------------------------------------------

SweepNext TreeSweep::next(SweepOrder& out, uint64_t& missed) {
  SweepShare share;
  share.rules = rules_;
  for (bool more = true; more && share.pieces.empty();) {
    const Locked lock(engine_->mutex_);
    if (!engine_->may_look() || engine_->source_ == nullptr) return SweepNext::unavailable;
    TreeTable& table = engine_->table_;
    const Identity root = table.at(kRootDir).identity;
    share.root = engine_->state_.config.root;
    share.root_dev = root.dev;
    share.root_ino = root.ino;
    kept_.clear();
    looks_ = 0;
    const size_t last = std::min<size_t>(table.capacity(), cursor_.next + kIds);
    const uint32_t now_s = monotonic_seconds();
    while (cursor_.next < last && add(lock, cursor_.next, share, missed)) {
      if (cursor_.slot == 0) cursor_.next++;
      if (share.pieces.size() % kPackEvery == 0) table.pack_idle(now_s);  // each piece opens the directory above it
    }
    more = cursor_.next < table.capacity();
    table.pack_idle(now_s);
  }
  if (share.pieces.empty()) return SweepNext::end;
  out = {to_bytes(share), share.pieces.front().dev, looks_, wire_path(share.pieces.front().path, "")};
  return SweepNext::share;
}

bool TreeSweep::add(const Locked& lock, DirId id, SweepShare& share, uint64_t& missed) {
  TreeTable& table = engine_->table_;
  const bool there = table.valid(id) && table.at(id).listed && table.reachable(id) && !table.at(id).barred;
  const bool closed = there && (table.at(id).unreadable != 0 || table.at(id).placeholder);
  if (!there || closed) {
    if (closed) missed += table.at(id).live_entries();
    cursor_.slot = 0;
    return true;
  }
  Directory& directory = table.at(id);
  const bool elsewhere = !share.pieces.empty() && share.pieces.front().dev != directory.identity.dev;
  if (elsewhere || looks_ >= kLooks) return false;
  cursor_.resume_in(directory);
  SweepPiece piece;
  const Entry& own = table.own_entry(id);
  piece.directory = id;
  piece.dev = directory.identity.dev;
  piece.own = SweepFacts::of(own.to_stat());
  piece.own.ino = directory.identity.ino;
  piece.own.kind = EntryKind::directory;
  piece.whole = cursor_.slot == 0;
  piece.path = keep(table.path_of(id));
  looks_ += piece.whole ? 1 : 0;
  if (piece.whole && is_racy(directory, own)) engine_->rooms_.schedule.list(lock, id);
  if (rules_.mode != SweepMode::names) add_entries(directory, piece, kLooks > looks_ ? kLooks - looks_ : 1);
  share.pieces.push_back(std::move(piece));
  return cursor_.slot == 0;
}

void TreeSweep::Cursor::resume_in(Directory& directory) {
  if (slot == 0) return;
  const std::vector<Entry>& slots = directory.slots();
  if (slot > slots.size() || directory.name_of(slots[slot - 1]) != before_slot) slot = 0;
}

void TreeSweep::add_entries(Directory& directory, SweepPiece& piece, size_t room) {
  const bool whole = directory.each_from(cursor_.slot, room, [&](const Entry& entry, std::string_view name) {
    // A directory is looked at itself, later or earlier.
    if (entry.child == kNoDir) {
      piece.entries.push_back({SweepFacts::of(entry.to_stat()), how_of(entry, piece.dev), keep(std::string(name))});
    }
    return piece.entries.size() < room;
  });
  looks_ += piece.entries.size();
  if (whole) cursor_.slot = 0;
  else cursor_.stop_in(directory);
}

uint8_t TreeSweep::how_of(const Entry& entry, uint64_t dev) const {
  if (rules_.mode != SweepMode::hash || entry.kind != EntryKind::file) return 0;
  const bool linked = (entry.flags & kLinked) != 0;
  const bool early = is_early(entry.mtime_sec, entry.ctime_sec);
  if (!linked && !early) return 0;
  const DigestKey key(rules_.digest, dev, SweepFacts::of(entry.to_stat()));
  uint8_t how = 0;
  if (linked) how |= engine_->digests_.was_put(key) ? kOneOfSeveral | kIsKnown : kOneOfSeveral;
  const uint32_t now = monotonic_seconds();
  if (early && int64_t{now} - engine_->digests_.waits_since(key, now) >= rules_.min_age_sec) how |= kSettled;
  return how;
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
  report.missed = result->missed;
  report.read_bytes = result->read_bytes;
  report.cpu_ns = result->cpu_ns;
  for (const SweepFinding& finding : result->findings) {
    if (finding.piece >= share->pieces.size()) continue;
    const SweepPiece& piece = share->pieces[finding.piece];
    if (finding.entry != SweepFinding::kOwn && finding.entry >= piece.entries.size()) continue;
    report.verdicts[static_cast<size_t>(finding.verdict)]++;
    if (finding.verdict == SweepVerdict::hashed) {
      compare_digest(piece, finding, report);
    } else if (finding.verdict == SweepVerdict::too_young) {
      let_wait(piece, finding);
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

void TreeSweep::let_wait(const SweepPiece& piece, const SweepFinding& finding) {
  const SweepFacts& facts = piece.entries[finding.entry].facts;
  if (is_early(facts.mtime.sec, facts.ctime.sec)) {
    engine_->digests_.wait({rules_.digest, piece.dev, facts}, monotonic_seconds());
  }
}

void TreeSweep::compare_digest(const SweepPiece& piece, const SweepFinding& finding, SweepReport& report) {
  const SweepEntry& entry = piece.entries[finding.entry];
  if (engine_->digests_.put({rules_.digest, piece.dev, entry.facts}, finding.digest) != DigestTable::Known::other) return;
  report.corrupted++;
  const Locked lock(engine_->mutex_);
  if (report.corrupted_paths.size() < SweepReport::kExamples) {
    report.corrupted_paths.push_back(wire_path(piece.path, entry.name));
  }
  apply_finding(lock, piece, finding);
}

// ---- digests of files that are gone -------------------------------------------------------------------------------

bool TreeSweep::prune() {
  if (rules_.mode != SweepMode::hash || engine_->digests_.size() == 0) return false;
  {
    const Locked lock(engine_->mutex_);
    if (kept_until_.next < engine_->table_.capacity()) {
      keep_some(lock);
      return true;
    }
  }
  return engine_->digests_.drop_rest(segment_);
}

void TreeSweep::keep_some(const Locked&) {
  TreeTable& table = engine_->table_;
  size_t room = kKeptAtOnce;
  const size_t last = std::min<size_t>(table.capacity(), kept_until_.next + kIds);
  for (; kept_until_.next < last && room > 0; kept_until_.next++) {
    if (!table.valid(kept_until_.next)) {
      kept_until_.slot = 0;  // a directory that went away in the middle has no middle
      continue;
    }
    Directory& directory = table.at(kept_until_.next);
    if (!(directory.is_open() ? keep_open(directory, room) : keep_packed(directory, room))) return;
    kept_until_.slot = 0;
  }
}

bool TreeSweep::keep_open(Directory& directory, size_t& room) {
  kept_until_.resume_in(directory);
  const bool whole = directory.each_from(kept_until_.slot, 0, [&](const Entry& entry, std::string_view) {
    keep_state(directory, entry);
    return --room > 0;
  });
  if (!whole) kept_until_.stop_in(directory);
  return whole;
}

// To pass over entries is so much quicker than to keep their states that each call may begin at the first one.
bool TreeSweep::keep_packed(const Directory& directory, size_t& room) {
  size_t at = 0;
  bool is_found = kept_until_.slot == 0;
  bool is_whole = true;
  directory.each_packed([&](const Entry& entry, std::string_view name) {
    at++;
    if (at < kept_until_.slot) return true;
    if (at == kept_until_.slot) return is_found = name == kept_until_.before_slot;
    keep_state(directory, entry);
    if (--room > 0) return true;
    is_whole = false;
    kept_until_.before_slot = name;
    return false;
  });
  if (is_found && is_whole) return true;
  kept_until_.slot = is_found ? at : 0;
  return false;
}

void TreeSweep::keep_state(const Directory& directory, const Entry& entry) {
  if (entry.kind != EntryKind::file) return;
  engine_->digests_.keep({rules_.digest, directory.identity.dev, SweepFacts::of(entry.to_stat())});
}

uint64_t TreeSweep::digests() const { return engine_->digests_.size(); }
uint64_t TreeSweep::digest_table_bytes() const { return engine_->digests_.bytes(); }

}  // namespace fustor
