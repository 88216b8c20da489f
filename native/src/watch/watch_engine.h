// The watch engine: every hint of the kernel only says where to look; what is sent is the difference to the tree table.
//
//   reader thread      events -> marks ("look at name n in directory d"); never stats, never waits for anybody
//   worker threads     take one dirty directory at a time, open it beneath the root, stat the marked names (or list it: arm the
//                      watch first, then list), and apply what they saw to the table; each difference becomes a change
//   helper threads     the same for passes over the tree alone, while storage is slow (engine_threads.cc)
//   spare threads      take the places of those that wait for a file system that does not answer (engine_hangs.cc)
//   scout thread       directories that events come from before the pass got there (engine_scout.cc), and marked names while every
//                      worker is at a long listing: never lists itself
//   snapshot cursors   copy rows out of the table, directory by directory, as the pass over the tree gets there
//
// Why this converges:
//  - A directory has one owner at a time (Directory::busy), so two stats of one name are applied in the order they were made.
//  - Marks that come while a directory is owned wait and are looked at afterwards: the last look is younger than the last hint.
//  - A hint for a directory that cannot be opened under its known path (an ancestor was renamed a moment ago) is parked, and the
//    parent is asked whether the name still leads there; the answer either moves the node, removes it or wakes it again.
//  - Nothing is concluded from absence in a listing: a missing name is statted before it counts as deleted.
//  - A directory that left its place keeps its table for kLimboNs. If its inode turns up elsewhere (the other half of a rename, in
//    whatever read it comes, with or without its cookie) the node moves by one pointer; otherwise its watches are removed.
//    Pairing by inode needs no cookie and survives lost halves, exchanges and rotations.
//  - Changes get their sequence while the mutex is held, as do the groups of snapshot rows: between the two there is one order.
//  - What the first pass finds is no change, the snapshot tells it; but a change all the same if a change of that name, or of a directory
//    above it, came before: that one may still be on its way when the snapshot's row has arrived, and would undo it.
//
// The race that shaped it: a worker stats d/x, another sees d deleted and reports that, the first reports x after it: a ghost. Hence
// stat results are applied under the mutex and only while the directory is reachable.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_set>

#include "base/filter.h"
#include "base/name_hash.h"
#include "base/spinning_mutex.h"
#include "base/unique_fd.h"
#include "fustor/watch.h"
#include "watch/change_queue.h"
#include "watch/dirty_set.h"
#include "watch/event_source.h"
#include "watch/spelling.h"
#include "scan/mount_prober.h"
#include "watch/storage_probe.h"
#include "watch/strangers.h"
#include "watch/tree_table.h"
#include "watch/worker_thread.h"
#include "watch/young_schedule.h"

namespace fustor {

class SnapshotStream;

/** What a stat of one name said. */
struct Sighting {
  std::string name;
  FileStat stat{};
  int error = 0;                 // 0, ENOENT, or why it could not be statted
  uint16_t flags = 0;            // MarkFlag; 0 = found by a listing
  bool mount = false;            // a file system is mounted there that may not answer (MountProber)
  uint64_t sequence = 0;         // taken before the stat
  uint64_t contested_since = 0;  // see Mark
  uint64_t inode = 0;            // see Mark
};

/** What a stat of an open directory said. */
struct OwnSighting {
  FileStat stat{};
  uint64_t sequence = 0;  // taken before the stat
  bool seen = false;
};

/** MarkFlags of an event. */
uint16_t flags_of(uint32_t mask);

/** What the engine has to know of a file system besides what stands in it. */
struct DeviceTraits {
  bool keeps_inodes = true;  // scan/mounts.h
  Spelling spelling = Spelling::unknown;
};

/** A directory on which something is mounted. */
struct MountedHere {
  std::string text;              // its identity, "" until it was opened
  std::vector<Identity> covers;  // what was known at its place before it was mounted, the topmost first
};

class WatchEngine final : public Watcher, public std::enable_shared_from_this<WatchEngine> {
 public:
  WatchEngine(WatchConfig config, std::unique_ptr<EventSource> source, std::function<void()> on_readable);
  ~WatchEngine() override;

  bool start() override;
  bool drain(LiveBatch& out) override;
  std::string drain_raw() override;
  void recheck(const std::string& path, bool recursive, bool announce) override;
  void resync(const std::string& reason) override;
  std::shared_ptr<BulkStream> open_snapshot(size_t chunk_bytes, uint32_t pool_chunks) override;
  std::shared_ptr<BulkStream> open_audit(size_t chunk_bytes, uint32_t pool_chunks) override;
  WatchStatus status() const override;
  RootState root_state(std::string& reason) const override;
  uint64_t canary_events() const override { return canary_events_; }
  uint64_t hang_changes() const override;
  std::string root_identity() const override;
  bool confirm_root() override;
  void close() override;

 private:
  friend class SnapshotStream;
  using Lock = std::unique_lock<std::mutex>;
  struct Timed {
    DirId directory;
    std::string name;
    Mark mark;
  };
  struct Limbo {
    DirId directory;
    int64_t deadline_ns;
    int64_t give_up_ns;  // not even pending work keeps it longer
  };

  // watch_engine.cc: life, status, passes; engine_reader.cc: events, timers, root and mounts
  void reader_loop();
  bool read_events();
  void relieve();
  void digest(const KernelEvent& event, int64_t now_ns);
  void digest_own(DirId id, uint32_t mask);
  void want_resync(const std::string& reason);
  void run_timers(int64_t now_ns);
  int64_t next_deadline_ns() const;
  size_t mounts_changed();
  void read_mounts();
  void begin_pass(bool quiet, const std::string& reason);
  void finish_pass_if_done();
  void begin_audits();
  void signal_readable();
  void signal_state();
  void wake_reader();
  void let_go();

  // engine_threads.cc: who looks at dirty directories
  void worker_loop(Duty duty);
  void helper_loop(size_t number);
  void spare_loop(Duty duty, size_t number);
  void serve(Lock& lock, Duty duty);
  bool is_needed(Duty duty) const;
  void check_root_now(Lock& lock);
  void check_root_beside(Lock& lock, DirId id, uint32_t pass);
  void begin_listing();
  bool may_take(Duty duty) const;
  void heed(StorageVerdict verdict);
  void work_through(Lock& lock, Duty duty);
  bool take_task(DirId id, DirtyDirectory& task);
  void release(DirId id, DirtyDirectory& task);
  void pay_for_listing(Lock& lock);
  void wake_all();

  // watch_engine.cc
  int open_descriptors();

  // engine_hangs.cc: threads, and what does not answer
  void start_thread(bool takes_live, bool may_be_replaced, std::function<void()> loop);
  void watch_threads(int64_t now_ns);
  bool watch_thread(ThreadWatch& thread, int64_t now_ns);
  void replace(bool live, size_t stuck);
  void give_up(ThreadWatch& thread);
  void give_up(DirId id, int error);
  DirId region_of(DirId id) const;
  bool is_blocked(DirId region) const;
  bool put_aside(DirId id);
  void take_up(DirId region);
  void begin_job(Job job, DirId directory, uint32_t pass);
  bool end_job();
  void mount_answered(const std::string& place);
  std::shared_ptr<const MountNames> mounts_in(const std::string& path) const;
  std::vector<Hang> hangs(int64_t now_ns) const;
  void note_hangs(int64_t now_ns);
  bool leave_threads();

  // engine_work.cc: one dirty directory
  void run_task(DirId id, DirtyDirectory& task);
  bool is_too_deep(const std::string& path) const { return config_.max_path_bytes > 0 && path.size() > config_.max_path_bytes; }
  void too_deep(DirId id, int fd, DirtyDirectory& task);
  void park(DirId id, DirtyDirectory& task, int64_t retry_ns);
  void hidden_from_above(DirId id);
  void cannot_open(DirId id, DirtyDirectory& task, int error);
  void look_at_names(DirId id, int fd, const std::string& path, DirtyDirectory& task);
  bool look_meanwhile(DirId id, int fd, const std::string& path, const DirtyDirectory& task);
  void list_directory(DirId id, int fd, const std::string& path, const DirtyDirectory& task);
  void has_listed(DirId id, int error, uint32_t pass, bool unwatched);
  int list_once(DirId id, int fd, const std::string& path, const DirtyDirectory& task, std::vector<Sighting>& sightings);
  std::vector<std::string> missing_names(DirId id) const;
  void confirm_missing(DirId id, int fd, const std::string& path, std::vector<std::string> missing, const DirtyDirectory& task);
  bool flush(DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task);
  bool flush(Lock& lock, DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task);
  OwnSighting look_at_own(int fd) const;
  void apply_own(DirId id, const OwnSighting& own, bool announce, bool quiet, int64_t since_ns);
  std::vector<std::pair<std::string, Mark>> names_due(DirId id, DirtyDirectory& task);
  void look_at_mount(int fd, const std::string& path, uint64_t dev, Sighting& sighting) const;
  Sighting look(int fd, const std::string& path, std::string name, Mark mark) const;
  std::shared_ptr<UniqueFd> root_fd(Lock& lock);
  bool may_enter(DirId id, int fd, const FileStat& self) const;

  // engine_spelling.cc: file systems that find a name under several spellings
  bool may_be_respelled(int fd, uint64_t dev, const std::vector<Sighting>& sightings);
  std::vector<std::pair<std::string, uint16_t>> spelled_otherwise(DirId id, const std::vector<Sighting>& sightings);
  void correct_spellings(DirId id, int fd, const std::string& path, std::vector<Sighting>& sightings);

  // engine_scout.cc: what cannot wait for the pass
  void scout_loop();
  bool names_of(DirId id, DirtyDirectory& task);
  void meet(const KernelEvent& event);
  void adopt(const Stranger& stranger);
  DirId adopt_chain(int root_fd, const std::string& path);
  DirId adopt_one(DirId parent, const std::string& path, const Sighting& sighting);
  std::shared_ptr<UniqueFd> open_on_device(const std::shared_ptr<UniqueFd>& root, uint64_t dev);

  // engine_coverage.cc: which directories are watched, and what happens to the others
  int arm(DirId id, int fd, Lock& lock);
  void disarm(WatchId watch);
  int refuse(DirId id, int error);
  void forget_watch(DirId id);
  void drop_owners(std::unordered_map<WatchId, std::vector<DirId>>::iterator found);
  void arm_unreadable(DirId id, int root_fd, const std::string& path);
  bool make_room_for(DirId id);
  struct PollRound {
    std::unordered_set<DirId> members;
    std::vector<DirId> left;   // of this round
    int64_t begun_ns = 0;
    size_t share = 1;          // directories a tick
  };
  bool changes_elsewhere_on(uint64_t dev);
  void want_polls(int64_t interval_ms);
  void poll_some(int64_t now_ns);
  void poll_share(PollRound& round, int64_t interval_ms, size_t most, int64_t now_ns);

  // engine_root.cc
  void check_root();
  void root_lost(const std::string& reason, const std::string& standing = {});
  void root_renumbered(Identity identity);
  void lose_root(const std::string& reason, const std::string& standing);
  void root_found(Identity identity, const std::string& text, bool another);

  // engine_mounts.cc: what is mounted below the root, and directories whose numbers change
  bool is_mount_point(DirId parent, const FileStat& stat) const { return stat.is_mounted(table_.at(parent).identity.dev); }
  bool keeps_mount(DirId parent, const Entry& entry, const Sighting& sighting);
  bool is_lost(DirId id) const;
  void note_covered(DirId parent, const Entry& entry, const Sighting& sighting);
  void note_mount(DirId parent, DirId child, const Sighting& sighting);
  bool is_same_mount(DirId id, int fd, const FileStat& self);
  bool is_known_mount(DirId id, int fd, const FileStat& self);
  bool has_new_number(DirId parent, DirId child, const Sighting& sighting) const;
  void renumber(DirId id, Identity identity);
  bool was_renumbered(DirId id, const FileStat& self);
  bool is_same_file(const Entry& entry, const FileStat& stat) const;
  void learn_device(int fd, uint64_t dev);

  // engine_apply.cc: what was seen becomes a difference; all with the mutex held
  void apply(DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task);
  void apply_leavers(DirId id, const std::vector<Sighting>& sightings, const DirtyDirectory& task, bool by_pass);
  void cannot_look(DirId id, int error);
  void apply_silent(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  void apply_gone(DirId id, const Sighting& sighting, const DirtyDirectory& task);
  void apply_seen(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  void apply_directory(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  void apply_file(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  void report(DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic, int64_t since_ns);
  void report_directory(DirId parent, DirId child, std::string_view name, const FileStat& stat, int64_t since_ns);
  void tell_above(DirId id, int64_t since_ns);
  void append_row(DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic, int64_t since_ns);
  void report_gone(DirId id, std::string_view name, bool container, int64_t since_ns);
  bool was_told_gone(DirId id, std::string_view name);
  void make_room_in(DirId id);
  void leave(DirId id, Entry& entry, const DirtyDirectory& task);
  bool waits_for_other_place(DirId id, const Sighting& sighting, DirId known);
  void expire(DirId id);

  // engine_missing.cc
  void set_aside(DirId id, Entry& entry);
  uint64_t count_missing() const;
  void judge_missing();
  void look_at_missing();

  // engine_young.cc
  void watch_young(DirId id, std::string_view name, Entry& entry, bool closed);
  void grown_older(const Timed& timed);

  // engine_links.cc: files by their inode
  void digest_file(const KernelEvent& event);
  void look_for_file(uint64_t inode, uint16_t flags);
  void written_elsewhere(DirId id, const Sighting& sighting);
  void remember_gone(DirId id, const Entry& entry);
  void follow_links_of(uint64_t inode, uint32_t nlink);
  void has_walked(const std::unordered_map<uint64_t, uint16_t, InodeHash>& wanted);
  void note_link(DirId id, const Sighting& sighting, bool changed, bool quiet);
  void forget_link(DirId id, const Entry& entry);
  void want_names_of(uint64_t inode);
  void want_walk();
  void find_links();

  // marks and timed marks, in engine_apply.cc; with the mutex held
  void mark_list(DirId id, const DirtyDirectory& from, bool announce, bool quiet);
  void mark(DirId id, std::string_view name, uint16_t flags, uint64_t inode = 0);
  void list_what_was_hidden(DirId id);
  void wake_worker_for(DirId id, bool background);
  bool is_first_look(DirId parent) const;
  void add_unwatched(DirId id, Unwatched& line) const;
  void add_unreadable(DirId id) const;
  void hold_back(int64_t at_ns, DirId id, std::string_view name, Mark mark);
  const std::string& json_dir(DirId id);
  void forget_paths();
  const Entry& own_entry(DirId id);

  const WatchConfig config_;
  Filter filter_;
  std::unique_ptr<EventSource> source_;
  std::function<void()> on_readable_;
  RateLimit pass_limit_;

  mutable SpinningMutex mutex_;
  std::condition_variable work_;   // something is dirty, or there is room for changes again
  std::condition_variable pass_work_;  // the same for the threads of polite passes
  TreeTable table_;
  DirtySet dirty_;
  Strangers strangers_;
  bool scouting_ = true;           // false once the kernel refused to open handles
  std::condition_variable scout_;  // strangers, or live work while every worker is at a listing
  std::condition_variable helpers_wake_;
  size_t helpers_allowed_ = 0;  // of the helpers, that many may take work of the pass now
  size_t helpers_started_ = 0;
  size_t most_helpers_ = 0;
  struct Spares {
    size_t started = 0;
    size_t allowed = 0;
  };
  std::array<Spares, 2> spares_;  // for threads that take live work, and for those of polite passes
  std::condition_variable spares_wake_;
  std::condition_variable thread_ended_;
  std::vector<std::shared_ptr<ThreadWatch>> threads_;
  struct Region {
    size_t stuck = 0;
    bool hung = false;                   // so long that what lies in it counts as unreadable
    std::unordered_set<DirId> aside;     // dirty directories in it that wait until it answers
  };
  std::unordered_map<DirId, Region> regions_;  // only those in which a thread is stuck
  std::unique_ptr<MountProber> prober_;
  std::unordered_map<std::string, std::shared_ptr<const MountNames>> hanging_names_;  // by directory: mounts that may not answer
  std::vector<std::string> told_hangs_;        // places, as of the last note_hangs()
  uint64_t hang_changes_ = 0;
  bool root_checking_ = false;
  size_t left_behind_ = 0;  // threads that close() did not wait for
  std::atomic<bool> closing_{false};
  size_t worker_count_ = 0;  // of those that take live work
  size_t listing_workers_ = 0;
  ChangeQueue changes_;
  std::unordered_map<WatchId, std::vector<DirId>> by_watch_;
  uint64_t kernel_watches_ = 0;  // of them, those that count against a limit
  int engine_error_ = 0;         // the engine that was asked for by name cannot watch the root
  std::unordered_multimap<uint64_t, std::pair<DirId, std::string>, InodeHash> links_;  // inode -> names of a hard linked file
  std::unordered_set<uint64_t, InodeHash> wanted_inodes_;                       // other names of these are looked for
  std::unordered_map<uint64_t, uint16_t, InodeHash> wanted_files_;  // written, and nobody said under which name: their MarkFlags
  std::unordered_map<uint64_t, std::pair<DirId, std::string>, InodeHash> found_files_;  // where the last of them were found
  std::unordered_map<uint64_t, int64_t, InodeHash> elsewhere_;                          // not in the table, until when that is believed
  struct GoneName {
    uint64_t hash;
    uint64_t inode;
  };
  std::vector<GoneName> gone_names_;  // the last names of files that were taken out of the table, by hash
  int64_t next_link_walk_ns_ = INT64_MAX;
  int64_t link_walk_not_before_ns_ = 0;
  bool link_walk_due_ = false;
  struct Throttle {
    int64_t until_ns;
    bool scheduled;  // the trailing look is already waiting
  };
  std::unordered_map<std::string, Throttle, NameHash, SameName> throttled_;  // files being written, by directory id and name
  struct Contest {
    int64_t begun_ns;
    int64_t retry_ns;
  };
  std::unordered_map<std::string, Contest, NameHash, SameName> contests_;  // directories that wait for the other place they are known at to be asked; keys as above
  std::multimap<int64_t, Timed> timed_;
  size_t young_ = 0;         // of them, files that are looked at because they were written not long ago
  YoungSchedule young_schedule_;
  int64_t young_since_ = 0;  // seconds: files written later are young
  std::vector<Limbo> limbo_;
  std::unordered_map<DirId, std::unordered_set<std::string, NameHash, SameName>> gone_early_;  // was_told_gone(), by directory not yet listed
  PollRound unwatched_;  // listed from time to time instead
  PollRound remote_;     // on file systems that others change behind the kernel's back: watched, and listed besides
  std::unordered_map<uint64_t, bool> elsewhere_devs_;  // changes_elsewhere_on(), until the mounts change
  int64_t next_poll_ns_ = INT64_MAX;
  std::atomic<uint64_t> disarmed_{0};    // how many watches were given back
  size_t cold_cursor_ = 0;               // where make_room_for looks next
  std::unordered_map<DirId, MountedHere> mounts_;  // directories on which something is mounted
  std::unordered_map<std::string, std::vector<Identity>, NameHash, SameName> covered_;  // by name, in the directory that `apply` is at: MountedHere::covers to be
  std::unordered_map<uint64_t, DeviceTraits> devices_;
  std::unordered_set<DirId> lost_mounts_;          // of them, those whose place shows something else; their contents are kept
  std::unordered_set<DirId> given_up_mounts_;      // of them, those of which somebody said that they do not come back
  std::vector<SnapshotStream*> snapshots_;  // they leave in their destructor: none may end in a thread of ours, with the mutex held
  std::shared_ptr<UniqueFd> root_fd_;  // open only while there is work: it would keep the file system from being unmounted
  int64_t root_fd_used_ns_ = 0;
  int64_t next_watch_ns_ = 0;  // over the threads
  bool root_check_due_ = false;
  Identity root_identity_;
  std::string root_place_;      // where it lies without links: so the mounts below it are spelled
  std::string root_text_;       // the same for ever: place_identity.h
  std::string standing_root_;   // what stands at the root instead and waits for a confirmation
  std::string confirmed_root_;
  RootState root_state_ = RootState::starting;
  std::string root_reason_;
  std::string json_dir_;       // cache of json_dir()
  DirId json_dir_of_ = kNoDir;
  DirId told_above_ = kNoDir;  // its own row and those above it are told: tell_above() has looked
  std::vector<DirId> chain_;    // in tell_above()
  uint32_t pass_ = 0;          // the present or last pass
  uint64_t pass_pending_ = 0;  // its directories not yet done
  bool pass_quiet_ = false;
  bool pass_confirmed_ = false;               // somebody said that what it misses is deleted
  std::unordered_set<DirId> missing_in_;      // directories with entries set aside
  int64_t held_until_ns_ = 0;                 // those entries are looked at again at this time, 0 = nothing is held
  uint64_t held_deletes_ = 0;
  uint32_t pass_ended_ = 0;     // the last pass that came to its end
  int64_t pass_ended_ns_ = 0;
  bool resync_wanted_ = false;
  int64_t resync_not_before_ns_ = 0;
  int64_t resync_backoff_ns_ = 0;
  std::string resync_reason_;
  int64_t sweep_ns_ = 0;
  int64_t now_ns_ = 0;         // arrival time of the events being digested
  bool readable_ = false;      // on_readable was called and no empty drain came since
  bool stopping_ = false;
  bool started_ = false;
  uint32_t busy_workers_ = 0;
  std::array<uint64_t, 32> kinds_{};  // events by bit of their mask
  std::atomic<uint64_t> canary_events_{0};
  WatchStatus counts_;
  mutable WatchStatus walked_;      // what takes a walk to count, a few seconds old
  mutable int64_t walked_ns_ = 0;

  UniqueFd wake_fd_;
  UniqueFd mounts_fd_;
  std::set<std::string> mount_places_;  // raw paths below the root, as of the last look at the mounts
  std::thread reader_;
  int64_t started_ns_ = 0;
};

}  // namespace fustor
