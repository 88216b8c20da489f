// Life of the engine: start, stop, and the public methods.
#include "watch/watch_engine.h"

#include <algorithm>
#include <cerrno>

#include "base/descriptors.h"
#include "watch/index/boot_id.h"
#include "watch/make_watcher.h"
#include "watch/monotonic.h"
#include "watch/rows/snapshot_stream.h"
#include "watch/source/inotify_source.h"
#include "watch/source/ladder_source.h"
#include "watch/sweep/tree_sweep.h"

namespace fustor {

namespace {
constexpr int64_t kFreshPassNs = 60'000'000'000;  // a snapshot this soon after a tree walk needs no new walk
constexpr int64_t kMountPatienceMs = 250;
}  // namespace

std::shared_ptr<Watcher> create_watcher(WatchConfig config, std::function<void()> on_readable) {
  std::unique_ptr<EventSource> source;
  switch (config.mode) {
    case WatchMode::automatic: source = std::make_unique<LadderSource>(EngineMode::automatic); break;
    case WatchMode::fanotify: source = std::make_unique<LadderSource>(EngineMode::fanotify); break;
    case WatchMode::inotify: source = std::make_unique<LadderSource>(EngineMode::inotify); break;
    case WatchMode::poll: source = std::make_unique<InotifySource>(); break;  // never opened
  }
  return make_watcher(std::move(config), std::move(source), std::move(on_readable));
}

std::shared_ptr<Watcher> make_watcher(WatchConfig config, std::unique_ptr<EventSource> source,
                                      std::function<void()> on_readable) {
  return std::make_shared<WatchEngine>(std::move(config), std::move(source), std::move(on_readable));
}

WatchEngine::WatchEngine(WatchConfig config, std::unique_ptr<EventSource> source, std::function<void()> on_readable)
    : state_(std::move(config), std::move(on_readable)), mutex_(state_.mutex), table_(state_.table),
      source_(std::move(source)), rooms_(state_, *source_, [this] { let_go(); }),
      live_index_(mutex_, rooms_.names, state_.config.boot_id.empty() ? boot_id() : state_.config.boot_id),
      rows_view_{mutex_, table_, rooms_.reporter, state_.streams, [this] { note_names(); }}, board_(state_, rooms_, *source_) {}

WatchEngine::~WatchEngine() { close(); }

bool WatchEngine::start() {
  const Locked lock(mutex_);
  Life& life = state_.life;
  if (life.started || life.stopping) return true;
  life.started_ns = monotonic_ns();
  if (const int error = rooms_.reader.open(); error != 0) {
    const bool fanotify = state_.config.mode == WatchMode::fanotify;
    const char* limit = fanotify ? "fs.fanotify.max_user_groups" : "fs.inotify.max_user_instances";
    state_.root.state = RootState::unavailable;
    state_.root.reason = "the watch engine cannot run: " + why_no_instance(error, limit);
    state_.signal.state(lock);
    return false;
  }
  life.started = true;
  rooms_.root_keeper.read_mounts(lock);
  const auto answered = [weak = weak_from_this()](const std::string& place) {
    if (const auto self = weak.lock(); self != nullptr) self->mount_answered(place);
  };
  state_.looker.set_prober(std::make_unique<MountProber>(kMountPatienceMs, answered));
  rooms_.schedule.want_root_check(lock);
  reader_ = std::thread([this] { rooms_.reader.loop(); });
  rooms_.workers.start(lock);
  rooms_.threads.start(lock, true, false, [this] { rooms_.prioritizer.loop(); });
  return true;
}

void WatchEngine::close() {
  {
    const Locked lock(mutex_);
    state_.life.stopping = state_.life.closing = true;
    state_.signal.end(lock);
    state_.crew.wake_all(lock);
    state_.streams.fail(lock, ECANCELED);
    state_.crew.wake_reader();
  }
  if (reader_.joinable()) reader_.join();
  if (rooms_.threads.leave(weak_from_this().lock())) let_go();  // no thread is started any more
}

/**
 * The object itself lives as long as there is a reference to it, which may be until a garbage collection; an inotify
 * instance, a mark or an open directory of the root must not stay for so long.
 */
void WatchEngine::let_go() {
  std::unique_ptr<EventSource> source;
  TreeTable table;
  std::shared_ptr<UniqueFd> root;
  const WatchStatus last = status();
  const Locked lock(mutex_);
  if (source_ == nullptr) return;
  last_status_ = last;
  state_.streams.leave_table(lock);
  source.swap(source_);
  std::swap(table, table_);
  root.swap(state_.root.fd);
  rooms_.reader.close();
  state_.dirty.clear();
  state_.unknown_directories.clear();
  state_.throttle.clear();
  rooms_.schedule.release(lock);
  rooms_.watches.release(lock);
  rooms_.links.release(lock);
  rooms_.reporter.release(lock);
  rooms_.regions.release(lock);
  rooms_.mounts.release(lock);
}

void WatchEngine::mount_answered(const std::string& place) {
  const Locked lock(mutex_);
  if (!may_look()) return;
  rooms_.schedule.mark_path(lock, place, kMarkVerify);
  rooms_.watchdog.note_hangs(lock, monotonic_ns());
}

// ---- what others ask ----------------------------------------------------------------------------------------------

bool WatchEngine::drain(LiveBatch& out) {
  if (!take_batch(out)) return false;
  note_names();
  return true;
}

bool WatchEngine::take_batch(LiveBatch& out) {
  const Locked lock(mutex_);
  ChangeQueue& changes = state_.changes;
  ChangeBatch batch;
  const bool was_full = changes.full();
  if (state_.config.raw || !changes.take(batch)) {  // raw: those there are at the moment will be dropped
    if (!changes.has_raw()) state_.signal.was_drained(lock);
    return false;
  }
  if (was_full && !changes.full()) state_.crew.wake_all(lock);
  out.json = std::move(batch.json);
  out.mark = std::move(batch.mark);
  out.count = batch.count;
  if (batch.count == 0) return true;
  out.lag_ms = static_cast<double>(monotonic_ns() - batch.since_ns) / 1e6;
  board_.note_lag(lock, out.lag_ms);
  return true;
}

std::string WatchEngine::drain_raw() {
  const Locked lock(mutex_);
  if (!state_.changes.has_raw() && state_.changes.empty()) state_.signal.was_drained(lock);
  return state_.changes.take_raw();
}

void WatchEngine::recheck(const std::string& path, bool recursive, bool announce) {
  const Locked lock(mutex_);
  if (!may_look()) return;
  const DirId directory = table_.resolve(path);
  if (directory != kNoDir && (recursive || path.empty())) {
    rooms_.schedule.list(lock, directory, {.recursive = recursive, .announce = announce});
  }
  if (!path.empty()) mark_nearest(lock, path, announce ? kMarkAnnounce : kMarkVerify);
}

void WatchEngine::mark_nearest(const Locked& lock, const std::string& path, uint16_t flags) {
  std::string_view rest = path;
  DirId parent = kRootDir;
  for (size_t slash; (slash = rest.find('/')) != std::string_view::npos; rest = rest.substr(slash + 1)) {
    const Entry* entry = table_.at(parent).find(rest.substr(0, slash));
    if (entry == nullptr || entry->child == kNoDir) break;
    parent = entry->child;
  }
  rooms_.schedule.mark(lock, parent, rest.substr(0, rest.find('/')), flags);
}

void WatchEngine::resync(const std::string& reason) {
  const Locked lock(mutex_);
  rooms_.passes.want_resync(lock, reason);
}

std::shared_ptr<BulkStream> WatchEngine::open_snapshot(const RowsOptions& options) {
  return open_beside_walk(RowsFor::snapshot, options);
}

std::shared_ptr<BulkStream> WatchEngine::open_changed(const RowsOptions& options) {
  return open_beside_walk(RowsFor::restatement, options);
}

std::shared_ptr<BulkStream> WatchEngine::open_beside_walk(RowsFor purpose, const RowsOptions& options) {
  auto snapshot = std::make_shared<SnapshotStream>(rows_view(), purpose, options);
  Locked lock(mutex_);
  if (!may_look()) {
    snapshot->fail(lock, ENOENT);
  } else {
    // Joins the tree walk that is running, or uses one that ended a moment ago; otherwise begins a new one.
    const TreeWalk& walk = state_.walk;
    const bool stale = walk.has_ended_once() && monotonic_ns() - walk.ended_ns() > kFreshPassNs;
    if (stale) rooms_.passes.begin(lock, false, "a snapshot was asked for");
    state_.streams.add(lock, snapshot.get());
    snapshot->begin(lock, std::max(walk.number(), 1u), walk.has_ended_once());
  }
  lock.unlock();
  snapshot->run();
  return snapshot;
}

std::shared_ptr<BulkStream> WatchEngine::open_audit(const RowsOptions& options) {
  auto audit = std::make_shared<SnapshotStream>(rows_view(), RowsFor::audit, options);
  Locked lock(mutex_);
  if (!may_look()) {
    audit->fail(lock, ENOENT);
  } else {
    state_.streams.add(lock, audit.get());
    if (state_.walk.has_ended_once()) rooms_.passes.begin_audits(lock);
  }
  lock.unlock();
  audit->run();
  return audit;
}

std::shared_ptr<Sweep> WatchEngine::open_sweep(const SweepRules& rules) {
  return std::make_shared<TreeSweep>(shared_from_this(), rules);
}

RootState WatchEngine::root_state(std::string& reason) const {
  const Locked lock(mutex_);
  reason = state_.root.reason;
  return state_.root.state;
}

uint64_t WatchEngine::hang_changes() const {
  const Locked lock(mutex_);
  return rooms_.watchdog.hang_changes(lock);
}

std::string WatchEngine::root_identity() const {
  const Locked lock(mutex_);
  return state_.root.text;
}

bool WatchEngine::confirm_root() {
  const Locked lock(mutex_);
  return rooms_.root_keeper.confirm(lock);
}

WatchStatus WatchEngine::status() const {
  const Locked lock(mutex_);
  return source_ == nullptr ? last_status_ : board_.make(lock);
}

}  // namespace fustor
