#include "sweep/sweep_task.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
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

uint64_t thread_cpu_ns() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<uint64_t>(spent.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(spent.tv_nsec);
}

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
    result_.linked = before->linked;
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
    if (const int error = open_path_beneath(root, piece.path, directory); error != 0) return note_missing(root, piece, error);
    FileStat own;
    if (const int error = stat_at(directory.get(), "", own); error != 0) return note_missing(root, piece, error);
    end_.step();
    if (own.dev != piece.dev || own.ino != piece.own.ino) {
      if (own.dev != piece.dev) miss(piece);
      return note_own(SweepVerdict::gone, 0);
    }
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

  void note_missing(int root, const SweepPiece& piece, int error) {
    const SweepVerdict verdict = failed(error);
    if (verdict == SweepVerdict::unreadable || is_away(root, piece)) miss(piece);
    note_own(verdict, error);
  }

  /** What is in the directory may be there all the same. */
  void miss(const SweepPiece& piece) { result_.missed += piece.entries.size() - result_.next_entry; }

  /** A directory that is gone: whether its file system is, too. Then what is left of its path lies on another one. */
  static bool is_away(int root, const SweepPiece& piece) {
    for (std::string_view path = piece.path; !path.empty();) {
      const size_t slash = path.rfind('/');
      path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
      UniqueFd above;
      FileStat stat;
      if (open_path_beneath(root, path, above) != 0) continue;
      return stat_at(above.get(), "", stat) != 0 || stat.dev != piece.dev;
    }
    return true;
  }

  /** False when the file is not read to its end yet. */
  bool look_at_entry(int directory, const SweepEntry& entry) {
    SweepFinding finding{result_.next_piece, result_.next_entry, SweepVerdict::same, 0, {}};
    const std::string name(entry.name);
    const bool hash = share_.rules.mode == SweepMode::hash && entry.facts.kind == EntryKind::file;
    if (!result_.open) {
      finding = stat_entry(directory, name, entry, finding);
      end_.step();
      if (finding.verdict != SweepVerdict::same) return note(finding);
      if (!hash || is_known(entry)) return note(finding);
    }
    const HashStep step = hash_file(directory, name.c_str(), entry, share_.rules, end_, result_.open, result_.read_bytes, finding);
    if (step == HashStep::unfinished) return false;
    result_.open.reset();
    const bool is_linked = finding.verdict == SweepVerdict::hashed && (entry.how & kOneOfSeveral);
    if (is_linked) result_.linked.push_back({finding.piece, finding.entry});
    return note(finding);
  }

  /** Whether another name of the file was hashed; the pieces of a share lie on one file system. */
  bool is_known(const SweepEntry& entry) const {
    if (entry.how & kIsKnown) return true;
    if (!(entry.how & kOneOfSeveral)) return false;
    return std::any_of(result_.linked.begin(), result_.linked.end(), [&](const SweepPlace& place) {
      return place.piece < share_.pieces.size() && place.entry < share_.pieces[place.piece].entries.size() &&
             share_.pieces[place.piece].entries[place.entry].facts.same(entry.facts);
    });
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
                                          const TaskSigns& signs) {
  const auto share = share_of(bytes);
  if (!share) return std::nullopt;
  if (share->rules.polite) step_back();
  const uint64_t cpu_before = thread_cpu_ns();
  const TaskEnd end(share->rules.task_ms, signs);
  auto result = Task(*share, before, end).run();
  result.cpu_ns = thread_cpu_ns() - cpu_before;
  return result;
}

}  // namespace fustor
