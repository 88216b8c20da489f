// The engine comes to rest, and its table outlives the run in an index.
//
// An index says what was reported, not what the disk holds: the first tree walk of the next run finds the differences.
// Hence it may be written only when no thread looks at anything any more and every change was drained, and it is
// removed before anything else is reported.
//
// To an engine with an index its root looks as if it had been away until now: the same directory brings the
// differences, another one waits to be confirmed (RootKeeper).
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "watch/index/index_writer.h"
#include "watch/monotonic.h"
#include "watch/mounts/place_identity.h"
#include "watch/watch_engine.h"

namespace fustor {

namespace {
constexpr auto kRestPause = std::chrono::milliseconds(2);

/** What decides which entries the table has. */
std::string settings_of(const WatchConfig& config) {
  IndexEncoder encoder;
  encoder.text(config.filter.file_pattern);
  for (const std::vector<std::string>* list : {&config.filter.exclude, &config.filter.exclude_paths}) {
    encoder.number(list->size());
    for (const std::string& each : *list) encoder.text(each);
  }
  encoder.number(config.cross_mounts ? 1 : 0);
  encoder.number(config.max_path_bytes);
  return encoder.bytes;
}
}  // namespace

IndexOutcome WatchEngine::load_index(const std::string& path) {
  TreeTable table(state_.config.open_entries);
  IndexHeader header;
  IndexOutcome outcome = live_index_.load(path, settings_of(state_.config), table, header);
  const Locked lock(mutex_);
  if (state_.life.started || state_.life.stopping) outcome.reason = "the watch runs already";
  if (!outcome.reason.empty()) return outcome;
  std::swap(table_, table);
  index_root_ = header.root_identity;
  state_.root.text = header.root_identity;
  state_.root.identity = {0, header.root.ino};
  table_.set_identity(kRootDir, state_.root.identity);
  state_.life.has_index = true;
  return outcome;
}

bool WatchEngine::freeze(int64_t patience_ms) {
  const int64_t until_ns = monotonic_ns() + patience_ms * 1'000'000;
  Locked lock(mutex_);
  state_.life.frozen = true;
  rooms_.reader.mark_created(lock, INT64_MAX);  // the index tells of what is marked
  while (!is_at_rest(lock)) {
    if (state_.life.stopping || monotonic_ns() > until_ns) return false;
    lock.unlock();
    std::this_thread::sleep_for(kRestPause);
    lock.lock();
  }
  return true;
}

bool WatchEngine::is_at_rest(const Locked&) const {
  return state_.life.frozen && state_.crew.busy_workers == 0 && !state_.crew.prioritizer_looks &&
         !state_.root.is_being_checked;
}

std::string WatchEngine::why_no_index(const Locked& lock) const {
  if (source_ == nullptr || state_.life.stopping) return "the watch is closed";
  if (!is_at_rest(lock)) return "a thread still looks at a directory";
  if (!state_.walk.has_ended_once() && !state_.life.has_index) return "the tree was not walked to its end yet";
  if (state_.config.raw || !state_.changes.empty()) return "not every change was handed over";
  return rooms_.mounts.has_any(lock) ? "another file system lies below the root" : "";
}

IndexOutcome WatchEngine::save_index(const std::string& path, const std::string& generation, int64_t patience_ms) {
  IndexHeader header;
  header.generation = generation;
  {
    const Locked lock(mutex_);
    IndexOutcome none;
    none.reason = why_no_index(lock);
    if (!none.reason.empty()) return none;
    fill_header(lock, header);
  }
  const IndexOutcome outcome = write_index(path, header, patience_ms, false);
  if (outcome.reason.empty()) live_index_.end();
  return outcome;
}

void WatchEngine::fill_header(const Locked&, IndexHeader& header) {
  header.settings = settings_of(state_.config);
  header.root_identity = state_.root.text;
  header.directories = table_.directory_count();
  header.root = table_.root_entry().to_stat();
}

IndexOutcome WatchEngine::write_index(const std::string& path, const IndexHeader& header, int64_t patience_ms,
                                      bool is_live) {
  const int64_t until_ns = monotonic_ns() + patience_ms * 1'000'000;
  const auto may_go_on = [this, until_ns, is_live] {
    const bool is_over = state_.life.closing.load(std::memory_order_relaxed) || (is_live && state_.life.frozen);
    return !is_over && monotonic_ns() < until_ns;
  };
  IndexWriter writer(mutex_, table_, state_.dirty, is_live, may_go_on);
  IndexOutcome outcome = writer.write(path, header);
  outcome.generation = header.generation;
  return outcome;
}

// ---- while the watch goes on --------------------------------------------------------------------------------------

std::string WatchEngine::why_no_checkpoint(const Locked& lock) const {
  if (source_ == nullptr || state_.life.stopping || state_.life.frozen) return "the watch is closed";
  if (!state_.root.is_available() || !state_.walk.has_ended_once()) return "the tree was not walked to its end yet";
  if (state_.config.raw) return "no changes are reported";
  // There a directory counts as the one that is known by its place alone.
  if (state_.devices.makes_inodes_up(lock, state_.root.identity.dev)) return "the file system makes inode numbers up";
  return rooms_.mounts.has_any(lock) ? "another file system lies below the root" : "";
}

std::string WatchEngine::why_index_misleads(const Locked& lock) const {
  if (index_root_.empty()) return "";
  if (rooms_.mounts.has_any(lock)) return "another file system lies below the root";
  if (state_.devices.makes_inodes_up(lock, state_.root.identity.dev)) return "the file system makes inode numbers up";
  if (state_.root.text == index_root_ || is_same_place(index_root_, state_.root.text)) return "";
  return "another directory stands at the root";
}

void WatchEngine::note_names() {
  if (!live_index_.has_unwritten()) return;
  std::string doubt;
  {
    const Locked lock(mutex_);
    doubt = why_index_misleads(lock);
    if (!doubt.empty()) index_root_.clear();
  }
  if (!doubt.empty()) live_index_.give_up(doubt);
  live_index_.flush();
}

IndexOutcome WatchEngine::write_checkpoint(const std::string& path, const std::string& generation,
                                           int64_t patience_ms) {
  IndexOutcome outcome;
  outcome.generation = generation;
  {
    const Locked lock(mutex_);
    outcome.reason = why_no_checkpoint(lock);
  }
  if (outcome.reason.empty()) outcome.reason = live_index_.begin(path, generation);
  if (!outcome.reason.empty()) return outcome;
  IndexHeader header;
  header.generation = generation;
  {
    const Locked lock(mutex_);
    fill_header(lock, header);
    index_root_ = header.root_identity;
  }
  outcome = write_index(live_index_.next_checkpoint(), header, patience_ms, true);
  if (outcome.reason.empty()) outcome.reason = live_index_.written(generation);
  const Locked lock(mutex_);
  if (outcome.reason.empty()) outcome.reason = why_no_checkpoint(lock);
  if (!outcome.reason.empty()) return outcome;
  state_.changes.mark(generation);
  state_.signal.changes(lock);
  return outcome;
}

}  // namespace fustor
