#include "sweep/sweep_task.h"

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/open_beneath.h"
#include "base/politeness.h"
#include "base/unique_fd.h"
#include "sweep/hash_file.h"

namespace fustor {

namespace {

constexpr int kIdle = 3 << 13;  // IOPRIO_CLASS_IDLE of ioprio_set(2)
constexpr int kWeakest = 19;

void step_back() {
  static thread_local const int once = apply_politeness({.nice = kWeakest, .io_priority = kIdle, .entries_per_second = 0});
  (void)once;
}

class Task {
 public:
  Task(const SweepShare& share, const std::optional<SweepResult>& before, const TaskEnd& end) : share_(share), end_(end) {
    if (!before) return;
    result_.next_piece = before->next_piece;
    result_.next_entry = before->next_entry;
    result_.open = before->open;
  }

  SweepResult run() {
    UniqueFd root;
    result_.root_error = open_root(root);
    while (result_.root_error == 0 && result_.next_piece < share_.pieces.size()) {
      look_at_piece(root.get(), share_.pieces[result_.next_piece]);
      if (must_stop_) break;
      result_.next_piece++;
      result_.next_entry = 0;
      result_.open.reset();  // a directory that went away took a half-read file along
    }
    return std::move(result_);
  }

 private:
  int open_root(UniqueFd& root) {
    root.reset(::open(std::string(share_.root).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return errno;
    FileStat stat;
    if (const int error = stat_at(root.get(), "", stat); error != 0) return error;
    return stat.dev == share_.root_dev && stat.ino == share_.root_ino ? 0 : ESTALE;
  }

  void look_at_piece(int root, const SweepPiece& piece) {
    UniqueFd directory;
    if (const int error = open_path_beneath(root, piece.path, directory); error != 0) return note_own(failed(error), error);
    FileStat own;
    if (const int error = stat_at(directory.get(), "", own); error != 0) return note_own(failed(error), error);
    if (own.dev != piece.dev || own.ino != piece.own.ino) return note_own(SweepVerdict::gone, 0);
    if (piece.whole && result_.next_entry == 0 && !result_.open) {
      note_own(SweepFacts::of(own).same(piece.own) ? SweepVerdict::same : SweepVerdict::differs, 0);
    }
    for (; result_.next_entry < piece.entries.size(); result_.next_entry++) {
      if (!look_at_entry(directory.get(), piece.entries[result_.next_entry])) return stop();
      const bool is_last = result_.next_entry + 1 == piece.entries.size();
      if (!is_last && end_.has_come()) {
        result_.next_entry++;
        return stop();
      }
    }
    if (end_.has_come()) stop_after_piece();
  }

  /** False when the file is not read to its end yet. */
  bool look_at_entry(int directory, const SweepEntry& entry) {
    SweepFinding finding{result_.next_piece, result_.next_entry, SweepVerdict::same, 0, {}};
    const std::string name(entry.name);
    const bool hash = share_.rules.mode == SweepMode::hash && entry.facts.kind == EntryKind::file;
    if (!result_.open) {
      finding = stat_entry(directory, name, entry, finding);
      if (finding.verdict != SweepVerdict::same) return note(finding);
      if (!hash) return note(finding);
    }
    const HashStep step = hash_file(directory, name.c_str(), entry.facts, share_.rules, end_, result_.open, result_.read_bytes, finding);
    if (step == HashStep::unfinished) return false;
    result_.open.reset();
    return note(finding);
  }

  /** Ahead of an open, which for a fifo or a device could do something. */
  static SweepFinding stat_entry(int directory, const std::string& name, const SweepEntry& entry, SweepFinding finding) {
    FileStat stat;
    finding.error = stat_at(directory, name.c_str(), stat);
    if (finding.error != 0) finding.verdict = failed(finding.error);
    else if (!SweepFacts::of(stat).same(entry.facts)) finding.verdict = SweepVerdict::differs;
    return finding;
  }

  static SweepVerdict failed(int error) {
    return error == ENOENT || error == ENOTDIR || error == ELOOP ? SweepVerdict::gone : SweepVerdict::unreadable;
  }

  bool note(const SweepFinding& finding) {
    result_.looks++;
    if (finding.verdict != SweepVerdict::same) result_.findings.push_back(finding);
    return true;
  }

  void note_own(SweepVerdict verdict, int error) { note({result_.next_piece, SweepFinding::kOwn, verdict, error, {}}); }

  /** The next task goes on in this piece. */
  void stop() { must_stop_ = true; }

  void stop_after_piece() {
    result_.next_piece++;
    result_.next_entry = 0;
    must_stop_ = true;
  }

  const SweepShare& share_;
  const TaskEnd& end_;
  SweepResult result_;
  bool must_stop_ = false;
};

}  // namespace

std::optional<SweepResult> run_sweep_task(std::string_view bytes, const std::optional<SweepResult>& before,
                                          const std::atomic<int32_t>* cancelled) {
  const auto share = share_of(bytes);
  if (!share) return std::nullopt;
  if (share->rules.polite) step_back();
  const TaskEnd end(share->rules.task_ms, cancelled);
  return Task(*share, before, end).run();
}

}  // namespace fustor
