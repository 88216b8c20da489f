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

#include "watch/index/index_reader.h"
#include "watch/index/index_writer.h"
#include "watch/index/sync_folder.h"
#include "watch/monotonic.h"
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

/** 0 or errno; also through a crash of the machine. */
int remove_durably(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return errno == ENOENT ? 0 : errno;
  return sync_folder_of(path);
}
}  // namespace

IndexOutcome WatchEngine::load_index(const std::string& path) {
  IndexReader reader;
  IndexOutcome outcome = reader.read(path, settings_of(state_.config));
  const int error = remove_durably(path);
  if (error != 0) outcome.reason = std::string("it cannot be removed: ") + std::strerror(error);
  const Locked lock(mutex_);
  if (state_.life.started || state_.life.stopping) outcome.reason = "the watch runs already";
  if (!outcome.reason.empty()) return outcome;
  const IndexHeader& header = reader.header();
  std::swap(table_, reader.table());
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
  header.settings = settings_of(state_.config);
  {
    const Locked lock(mutex_);
    IndexOutcome none;
    none.reason = why_no_index(lock);
    if (!none.reason.empty()) return none;
    header.root_identity = state_.root.text;
    header.directories = table_.directory_count();
    header.root = table_.root_entry().to_stat();
  }
  const int64_t until_ns = monotonic_ns() + patience_ms * 1'000'000;
  const auto may_go_on = [this, until_ns] {
    return !state_.life.closing.load(std::memory_order_relaxed) && monotonic_ns() < until_ns;
  };
  IndexWriter writer(mutex_, table_, state_.dirty, may_go_on);
  IndexOutcome outcome = writer.write(path, header);
  outcome.generation = generation;
  return outcome;
}

}  // namespace fustor
