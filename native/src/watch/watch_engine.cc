// Life of the engine: start, stop, the public methods, and tree walks.
#include "watch/watch_engine.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/descriptors.h"
#include "base/name_codec.h"
#include "scan/block_meter.h"
#include "watch/inotify_source.h"
#include "watch/ladder_source.h"
#include "watch/monotonic.h"
#include "watch/snapshot_stream.h"

namespace fustor {

namespace {
constexpr int64_t kFreshPassNs = 60'000'000'000;  // a snapshot this soon after a tree walk needs no new walk
constexpr int64_t kMountPatienceMs = 250;
constexpr int64_t kStatusWalkNs = 5'000'000'000;
constexpr int64_t kSmallWalkNs = 200'000'000;
constexpr size_t kSmallTable = 10'000;

constexpr std::pair<uint32_t, const char*> kEventKinds[] = {
    {IN_CREATE, "create"},     {IN_DELETE, "delete"},         {IN_MOVED_FROM, "movedFrom"},    {IN_MOVED_TO, "movedTo"},
    {IN_MODIFY, "modify"},     {IN_CLOSE_WRITE, "closeWrite"}, {IN_ATTRIB, "attrib"},          {IN_DELETE_SELF, "deleteSelf"},
    {IN_MOVE_SELF, "moveSelf"},
};

std::string refusal_name(int error) {
  switch (error) {
    case ENOSPC: return "budget";
    case EMFILE: return "instances";
    case EACCES:
    case EPERM: return "permission";
    default: return std::strerror(error);
  }
}

std::string unreadable_reason(int error, size_t max_path_bytes) {
  switch (error) {
    case ETIMEDOUT: return "it does not answer";
    case ENAMETOOLONG: return "its path is longer than max_path_bytes = " + std::to_string(max_path_bytes);
    default: return std::strerror(error);
  }
}
}  // namespace

std::shared_ptr<Watcher> create_watcher(WatchConfig config, std::function<void()> on_readable) {
  std::unique_ptr<EventSource> source;
  switch (config.mode) {
    case WatchMode::automatic: source = std::make_unique<LadderSource>(EngineMode::automatic); break;
    case WatchMode::fanotify: source = std::make_unique<LadderSource>(EngineMode::fanotify); break;
    case WatchMode::inotify: source = std::make_unique<LadderSource>(EngineMode::inotify); break;
    case WatchMode::poll: source = std::make_unique<InotifySource>(); break;  // never opened
  }
  return std::make_shared<WatchEngine>(std::move(config), std::move(source), std::move(on_readable));
}

WatchEngine::WatchEngine(WatchConfig config, std::unique_ptr<EventSource> source, std::function<void()> on_readable)
    : config_(std::move(config)), filter_(config_.filter, config_.root), source_(std::move(source)), on_readable_(std::move(on_readable)),
      pass_limit_(config_.politeness.entries_per_second), dirty_(config_.pressure), young_schedule_(config_.look_again_ms) {}

WatchEngine::~WatchEngine() { close(); }

/** What the engine holds for as long as it runs. 0 or errno. With the mutex held. */
int WatchEngine::open_descriptors() {
  if (const int error = config_.mode == WatchMode::poll ? 0 : source_->open(); error != 0) return error;
  wake_fd_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake_fd_) return errno;
  mounts_fd_.reset(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  return !mounts_fd_ && (errno == EMFILE || errno == ENFILE) ? errno : 0;
}

bool WatchEngine::start() {
  Lock lock(mutex_);
  if (started_ || stopping_) return true;
  started_ns_ = monotonic_ns();
  if (const int error = open_descriptors(); error != 0) {
    const char* limit = config_.mode == WatchMode::fanotify ? "fs.fanotify.max_user_groups" : "fs.inotify.max_user_instances";
    root_state_ = RootState::unavailable;
    root_reason_ = "the watch engine cannot run: " + why_no_instance(error, limit);
    signal_state();
    return false;
  }
  started_ = true;
  read_mounts();
  prober_ = std::make_unique<MountProber>(kMountPatienceMs, [weak = weak_from_this()](const std::string& place) {
    if (const auto self = weak.lock(); self != nullptr) self->mount_answered(place);
  });
  root_check_due_ = true;
  const unsigned threads = config_.threads > 0 ? config_.threads : std::max(2u, std::thread::hardware_concurrency());
  reader_ = std::thread([this] { reader_loop(); });
  const bool polite = config_.politeness.asks_for_anything();
  worker_count_ = threads;
  if (config_.threads == 0 && !pass_limit_.limits() && threads < kMostThreads) most_helpers_ = kMostThreads - threads;
  for (unsigned i = 0; i < threads; i++) {
    start_thread(true, true, [this, polite] { worker_loop(polite ? Duty::live : Duty::any); });
    if (polite) start_thread(false, true, [this] { worker_loop(Duty::background); });
  }
  start_thread(true, false, [this] { scout_loop(); });
  return true;
}

void WatchEngine::close() {
  {
    Lock lock(mutex_);
    stopping_ = closing_ = true;
    wake_all();
    for (SnapshotStream* snapshot : snapshots_) snapshot->fail(ECANCELED);
    wake_reader();
  }
  if (reader_.joinable()) reader_.join();
  if (leave_threads()) let_go();  // no thread is started any more
}

/**
 * Releases everything that the kernel keeps for the engine, and the table. The object itself lives as long as there is
 * a reference to it, which may be until a garbage collection; an inotify instance, a mark or an open directory of the
 * root must not stay for so long. No thread of the engine runs any more.
 */
void WatchEngine::let_go() {
  std::unique_ptr<EventSource> source;
  TreeTable table;
  std::shared_ptr<UniqueFd> root;
  {
    const WatchStatus last = status();
    Lock lock(mutex_);
    if (source_ == nullptr) return;
    counts_ = last;
    for (SnapshotStream* snapshot : snapshots_) snapshot->leave_table();
    source.swap(source_);
    std::swap(table, table_);
    root.swap(root_fd_);
    wake_fd_.reset();
    mounts_fd_.reset();
    dirty_.clear();
    strangers_.clear();
    by_watch_ = {};
    links_ = {};
    wanted_files_ = {};
    found_files_ = {};
    elsewhere_ = {};
    gone_names_ = {};
    timed_ = {};
    throttled_ = {};
    gone_early_ = {};
    unwatched_ = {};
    remote_ = {};
    regions_ = {};
    mounts_ = {};
    lost_mounts_ = {};
    forget_paths();
  }
}

// ---- passes ---------------------------------------------------------------------------------------------------------------------

/**
 * Lists every directory once more, parents first. A quiet walk finds what was there before, so it reports no changes.
 * Without a reason it does not count as a resync.
 */
void WatchEngine::begin_pass(bool quiet, const std::string& reason) {
  pass_++;
  pass_pending_ = 0;
  pass_quiet_ = quiet;
  pass_confirmed_ = false;
  missing_in_.clear();
  resync_wanted_ = false;
  if (!quiet && !reason.empty()) {
    counts_.resyncs++;
    counts_.last_resync_reason = reason;
  }
  DirtyDirectory from;
  from.recursive = true;
  from.pass = pass_;
  from.since_ns = monotonic_ns();
  source_->tell_unarmed(scouting_ && !config_.raw);
  mark_list(kRootDir, from, false, quiet);
}

void WatchEngine::finish_pass_if_done() {
  if (pass_pending_ > 0 || pass_ended_ == pass_ || root_state_ == RootState::unavailable) return;
  pass_ended_ = pass_;
  pass_ended_ns_ = monotonic_ns();
  helpers_allowed_ = 0;
  walked_ns_ = 0;  // counts from before the walk are wrong by far
  if (counts_.primed_ms < 0) counts_.primed_ms = static_cast<double>(pass_ended_ns_ - started_ns_) / 1e6;
  source_->tell_unarmed(false);
  strangers_.forget_elsewhere();
  judge_missing();
  root_state_ = RootState::available;
  for (SnapshotStream* snapshot : snapshots_) snapshot->pass_ended();
  begin_audits();
  if (resync_wanted_) wake_reader();
  signal_state();
}

/**
 * Audits that waited for the end of a tree walk get one of their own: what that walk had listed may have changed since.
 */
void WatchEngine::begin_audits() {
  const bool wanted = std::any_of(snapshots_.begin(), snapshots_.end(), [](const SnapshotStream* stream) { return !stream->has_begun(); });
  if (!wanted) return;
  begin_pass(false, "");
  for (SnapshotStream* stream : snapshots_) {
    if (!stream->has_begun()) stream->begin(pass_, false);
  }
}

/** Signals a change of state also when `drain` was not called since the last signal. */
void WatchEngine::signal_state() {
  readable_ = false;
  signal_readable();
}

void WatchEngine::signal_readable() {
  if (readable_ || stopping_) return;
  readable_ = true;
  on_readable_();
}

// ---- what others ask ------------------------------------------------------------------------------------------------------------

bool WatchEngine::drain(LiveBatch& out) {
  Lock lock(mutex_);
  ChangeBatch batch;
  const bool was_full = changes_.full();
  if (config_.raw || !changes_.take(batch)) {  // raw: those there are at the moment will be dropped
    if (!changes_.has_raw()) readable_ = false;
    return false;
  }
  if (was_full && !changes_.full()) {
    wake_all();
  }
  out.json = std::move(batch.json);
  out.count = batch.count;
  out.lag_ms = static_cast<double>(monotonic_ns() - batch.since_ns) / 1e6;
  const auto& limits = WatchStatus::kLagLimitsMs;
  counts_.lag_histogram[static_cast<size_t>(std::lower_bound(limits.begin(), limits.end(), out.lag_ms) - limits.begin())]++;
  return true;
}

std::string WatchEngine::drain_raw() {
  Lock lock(mutex_);
  if (!changes_.has_raw() && changes_.empty()) readable_ = false;
  return changes_.take_raw();
}

void WatchEngine::recheck(const std::string& path, bool recursive, bool announce) {
  Lock lock(mutex_);
  if (root_state_ == RootState::unavailable || stopping_) return;
  const DirId directory = table_.resolve(path);
  if (directory != kNoDir && (recursive || path.empty())) {
    DirtyDirectory from;
    from.recursive = recursive;
    mark_list(directory, from, announce, false);
  }
  if (path.empty()) return;
  // The nearest known directory holds the name, or the missing directory above it.
  std::string_view rest = path;
  DirId parent = kRootDir;
  for (size_t slash; (slash = rest.find('/')) != std::string_view::npos; rest = rest.substr(slash + 1)) {
    const Entry* entry = table_.at(parent).find(rest.substr(0, slash));
    if (entry == nullptr || entry->child == kNoDir) break;
    parent = entry->child;
  }
  mark(parent, rest.substr(0, rest.find('/')), announce ? kMarkAnnounce : kMarkVerify);
}

void WatchEngine::resync(const std::string& reason) {
  Lock lock(mutex_);
  want_resync(reason);
}

std::shared_ptr<BulkStream> WatchEngine::open_snapshot(size_t chunk_bytes, uint32_t pool_chunks) {
  auto snapshot = std::make_shared<SnapshotStream>(shared_from_this(), RowsFor::snapshot, chunk_bytes, pool_chunks);
  Lock lock(mutex_);
  if (root_state_ == RootState::unavailable || stopping_) {
    snapshot->fail(ENOENT);
  } else {
    // Joins the tree walk that is running, or uses one that ended a moment ago; otherwise begins a new one.
    const bool running = pass_ == 0 || pass_ended_ != pass_;
    if (!running && monotonic_ns() - pass_ended_ns_ > kFreshPassNs) begin_pass(false, "a snapshot was asked for");
    snapshots_.push_back(snapshot.get());
    snapshot->begin(std::max(pass_, 1u), pass_ended_ == pass_ && pass_ != 0);
  }
  lock.unlock();
  snapshot->run();
  return snapshot;
}

std::shared_ptr<BulkStream> WatchEngine::open_audit(size_t chunk_bytes, uint32_t pool_chunks) {
  auto audit = std::make_shared<SnapshotStream>(shared_from_this(), RowsFor::audit, chunk_bytes, pool_chunks);
  Lock lock(mutex_);
  if (root_state_ == RootState::unavailable || stopping_) {
    audit->fail(ENOENT);
  } else {
    snapshots_.push_back(audit.get());
    if (pass_ != 0 && pass_ended_ == pass_) begin_audits();
  }
  lock.unlock();
  audit->run();
  return audit;
}

RootState WatchEngine::root_state(std::string& reason) const {
  Lock lock(mutex_);
  reason = root_reason_;
  return root_state_;
}

/** Counts a directory without a watch in the line of its cause; with the mutex held. */
void WatchEngine::add_unwatched(DirId id, Unwatched& line) const {
  const Directory& directory = table_.at(id);
  line.count++;
  if (directory.listed_at != 0) line.stale_ms = std::max(line.stale_ms, uint64_t{monotonic_seconds() - directory.listed_at} * 1000);
  if (line.examples.size() >= Unwatched::kExamples || !table_.reachable(id)) return;
  encode_wire("/" + table_.path_of(id), line.examples.emplace_back());
}

/** The same for directories that cannot be read. */
void WatchEngine::add_unreadable(DirId id) const {
  walked_.unreadable++;
  Unreadable& line = walked_.unreadable_by[unreadable_reason(table_.at(id).unreadable, config_.max_path_bytes)];
  line.count++;
  if (line.examples.size() < Unwatched::kExamples && table_.reachable(id)) encode_wire("/" + table_.path_of(id), line.examples.emplace_back());
}

WatchStatus WatchEngine::status() const {
  Lock lock(mutex_);
  if (source_ == nullptr) return counts_;  // closed: the status as it was then
  WatchStatus status = counts_;
  status.root = root_state_;
  status.reason = root_reason_;
  status.entries = table_.entry_count + (root_identity_ == Identity{} ? 0 : 1);
  status.directories = table_.directory_count();
  status.watches_used = kernel_watches_;
  status.watches_limit = source_->limit();
  status.queue_depth = dirty_.size();
  status.collapsed_directories = dirty_.collapses();
  const int64_t now = monotonic_ns();
  if (walked_ns_ == 0 || now - walked_ns_ > (table_.capacity() < kSmallTable ? kSmallWalkNs : kStatusWalkNs)) {
    walked_ns_ = now;
    walked_.table_bytes = table_.bytes();
    walked_.unwatched.clear();
    walked_.unreadable = 0;
    walked_.unreadable_by.clear();
    for (DirId id = 0; id < table_.capacity(); id++) {
      const Directory& directory = table_.at(id);
      if (!directory.alive) continue;
      if (directory.watch_refused) add_unwatched(id, walked_.unwatched[refusal_name(directory.watch_error)]);
      if (directory.unreadable != 0) add_unreadable(id);
    }
  }
  status.table_bytes = walked_.table_bytes;
  for (const auto& [bit, name] : kEventKinds) status.events_by_kind[name] = kinds_[static_cast<size_t>(std::countr_zero(bit))];
  status.engines = source_->facts();
  status.unwatched = walked_.unwatched;
  status.polled_elsewhere = remote_.members.size();
  status.unreadable = walked_.unreadable;
  status.unreadable_by = walked_.unreadable_by;
  for (const Hang& hang : hangs(now)) {
    if (status.unanswered.size() >= WatchStatus::kExamples) break;
    Unanswered& line = status.unanswered.emplace_back();
    encode_wire("/" + hang.path, line.path);
    line.for_ms = static_cast<uint64_t>((now - hang.since_ns) / 1'000'000);
  }
  status.held_deletes = held_until_ns_ == 0 ? 0 : held_deletes_;
  for (const DirId id : lost_mounts_) {
    if (status.lost_mounts.size() >= WatchStatus::kExamples || !table_.valid(id)) continue;
    encode_wire("/" + table_.path_of(id), status.lost_mounts.emplace_back());
  }
  return status;
}

}  // namespace fustor
