// The watch engine. A kernel event only says where to look; the engine sends the difference to the tree table.
//
//   reader thread     turns events into marks ("look at name n in directory d"); it never stats and waits for no worker
//   worker threads    take one dirty directory at a time, open it beneath the root, stat the marked names (or list it:
//                     set the watch first, then list), and apply what they saw to the table; each difference becomes a
//                     change
//   helper threads    do the same for tree walks alone, while storage is slow (engine_threads.cc)
//   spare threads     take the places of threads that wait for a file system which does not answer (engine_hangs.cc)
//   scout thread      looks at directories that events come from before the tree walk got there (engine_scout.cc), and
//                     at marked names while every worker is at a long listing; it lists nothing itself
//   snapshot threads  copy rows out of the table, directory by directory, behind the tree walk (snapshot_stream.h)
//
// Why this converges:
//  - A directory has one owner at a time (Directory::busy), so two stats of one name are applied in the order in which
//    they were made.
//  - Marks that come while a thread owns the directory wait, and a thread looks at them afterwards: the last look is
//    younger than the last event.
//  - A directory that cannot be opened under its known path (a directory above it was renamed a moment ago) is parked,
//    and a thread looks whether its name still leads there. The answer moves the node, removes it or wakes it again.
//  - The engine concludes nothing from a name's absence in a listing: it stats the name before the name counts as
//    deleted.
//  - A directory that left its place keeps its table for kLimboNs. If its inode turns up elsewhere (the other half of a
//    rename, in whatever read it comes, with or without its cookie) the node moves by one pointer; otherwise its
//    watches are removed. Pairing by inode needs no cookie and survives lost halves, exchanges and rotations.
//  - Changes get their sequence while the mutex is held, as do the groups of snapshot rows: so there is one order of
//    both.
//  - The first tree walk reports nothing, because the snapshot holds every row it finds. There is one exception: when a
//    change of that name, or of a directory above it, was reported before. That change may reach the receiver after the
//    snapshot's row and would undo it, so the row is reported as a change behind it.
//
// The race that shaped it: one thread stats d/x; another thread sees that d is deleted and reports that; the first one
// reports x after it, and the receiver has a ghost. Hence a thread applies its stats with the mutex held, and only
// while the directory is still reachable.
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

/** What a stat of one name said, or that the name is gone. */
struct Sighting {
  std::string name;
  FileStat stat{};
  int error = 0;                 // 0, ENOENT, or why it could not be statted
  uint16_t flags = 0;            // MarkFlag; 0 = found by a listing
  bool mount = false;            // a mount that did not answer or refused us: `stat` is made up (look_at_mount)
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

/** The MarkFlags for an event with this inotify mask. Any thread. */
uint16_t flags_of(uint32_t mask);

/** What the engine has to know about a file system. */
struct DeviceTraits {
  bool keeps_inodes = true;  // scan/mounts.h
  Spelling spelling = Spelling::unknown;
};

/** A directory on which something is mounted. */
struct MountedHere {
  std::string text;              // its identity, "" until it was opened
  std::vector<Identity> covers;  // what was known at its place before it was mounted, the topmost first
};

/**
 * The engine behind Watcher (fustor/watch.h, which documents the public methods). It has to be owned by a shared_ptr:
 * streams and threads that hang keep it alive.
 */
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
    int64_t give_up_ns;  // after this not even pending work keeps it
  };

  // How the methods below are called is in brackets:
  //
  //   [held]     the caller holds mutex_ and goes on holding it. The method waits for nothing, and asks no file system
  //              but /proc.
  //   [lets go]  the caller holds mutex_. The method releases it while it waits or asks a file system, and holds it
  //              when it returns: afterwards the caller has to look again at everything that mutex_ guards.
  //   [free]     the caller does not hold mutex_. The method takes it for short sections, and it may wait for a file
  //              system.
  //
  // A method with a directory's id and `fd` is called by the thread that owns the directory (Directory::busy); `fd` is
  // that directory, open, and `path` its path. Errors are values of errno, 0 = none. Whatever a method learns goes into
  // the table and the changes.

  // watch_engine.cc: life, status, tree walks; engine_reader.cc: events, timers, root and mounts

  /**
   * [free] The reader thread, until the engine stops. Waits in poll(2) for events, timers and changes of the mounts.
   */
  void reader_loop();
  /** [free] The reader. Reads once without waiting; how many events there were. */
  size_t read_events();
  /** [held] The reader. Forgets hints and asks for a resync when too many directories are dirty. */
  void relieve();
  /** [held] The reader. Turns one event into marks. */
  void digest(const KernelEvent& event, int64_t now_ns);
  /** [held] The reader. The same for an event about a watched directory itself. */
  void digest_own(DirId id, uint32_t mask);
  /** [held] Any thread. A tree walk follows after a pause, which grows while resyncs follow each other closely. */
  void want_resync(const std::string& reason);
  /** [held] The reader. Does everything whose time has come. */
  void run_timers(int64_t now_ns);
  /** [held] When `run_timers` has something to do; INT64_MAX when never. */
  int64_t next_deadline_ns() const;
  /** [held] The reader. Marks every place where something is or was mounted; how many these are. */
  size_t mounts_changed();
  /** [held] Takes over the mounts of this process from /proc/self/mountinfo. */
  void read_mounts();
  /**
   * [held] Begins a tree walk. A quiet one is the first: what it finds is no change. Without a reason it does not count
   * as a resync.
   */
  void begin_pass(bool quiet, const std::string& reason);
  /** [held] Ends the tree walk when its last directory is done. */
  void finish_pass_if_done();
  /** [held] Begins the walk for audits that waited for the end of another one. */
  void begin_audits();
  /** [held] Calls on_readable_, unless it was called and `drain` has found something ever since. */
  void signal_readable();
  /** [held] Calls on_readable_ in any case, unless the engine stops. */
  void signal_state();
  /** [held] Ends the poll(2) of the reader. */
  void wake_reader();
  /**
   * [free] Releases the event source, the table and every descriptor. Only when no thread of the engine runs any more.
   */
  void let_go();

  // engine_threads.cc: who looks at dirty directories

  /** [free] The thread functions, until the engine stops. */
  void worker_loop(Duty duty);
  void helper_loop(size_t number);
  void spare_loop(Duty duty, size_t number);
  /** [lets go] One piece of work: the root, a search for links, or a dirty directory. */
  void serve(Lock& lock, Duty duty);
  /** [held] Whether there is such work, or the engine stops. */
  bool is_needed(Duty duty) const;
  /** [lets go] Opens the root and compares it with the one that is known. One thread at a time (root_checking_). */
  void check_root_now(Lock& lock);
  /** [lets go] The same by a thread that owns a directory and waits for room for its changes. */
  void check_root_beside(Lock& lock, DirId id, uint32_t pass);
  /** [held] The calling worker goes into a long job. */
  void begin_listing();
  /** [held] Whether a dirty directory waits, the root is there and there is room for changes. */
  bool may_take(Duty duty) const;
  /**
   * [held] Lets one helper more or less work. Starts a thread when it has to; when there is none to be had, nothing
   * changes.
   */
  void heed(StorageVerdict verdict);
  /** [lets go] Takes the next dirty directory, runs its task and releases it. */
  void work_through(Lock& lock, Duty duty);
  /**
   * [held] Makes the calling thread the directory's owner; false when it is owned, gone, clean, parked or put aside.
   */
  bool take_task(DirId id, DirtyDirectory& task);
  /**
   * [held] Gives the directory back. What came meanwhile is queued, and a task that was given up is put back as a
   * listing.
   */
  void release(DirId id, DirtyDirectory& task);
  /** [lets go] Waits as long as scan_entries_per_second asks for what this thread has listed. */
  void pay_for_listing(Lock& lock);
  /** [held] */
  void wake_all();

  // watch_engine.cc
  int open_descriptors();

  // engine_hangs.cc: threads, and what does not answer

  /** [held] Throws std::system_error when the kernel grants no thread. */
  void start_thread(bool takes_live, bool may_be_replaced, std::function<void()> loop);
  /** [held] Finds the threads that wait for a file system, and replaces them. Reads /proc/self/task. */
  void watch_threads(int64_t now_ns);
  /** [held] Whether this thread waits for one. */
  bool watch_thread(ThreadWatch& thread, int64_t now_ns);
  /**
   * [held] Lets as many spare threads work as others are stuck; too few when the kernel grants no more (`last_error`).
   */
  void replace(bool live, size_t stuck);
  /**
   * [held] The walk and the snapshots go on without the directory of this thread, whose results do not count any more.
   */
  void give_up(ThreadWatch& thread);
  /** [held] The same for a directory that no thread is at; `error` becomes its `unreadable`. */
  void give_up(DirId id, int error);
  /** [held] The directory at which this one's file system is mounted, or the root. */
  DirId region_of(DirId id) const;
  /** [held] Whether no further thread may enter that region. */
  bool is_blocked(DirId region) const;
  /** [held] Keeps a dirty directory of a blocked region out of the queues; true when it did. */
  bool put_aside(DirId id);
  /** [held] Queues what was put aside in that region. */
  void take_up(DirId region);
  /**
   * [held] By the thread itself, around everything that may wait for a file system. `end_job`: false when it was given
   * up meanwhile.
   */
  void begin_job(Job job, DirId directory, uint32_t pass);
  bool end_job();
  /** [free] From a thread of the prober: a mount answered after the thread that asked had stopped waiting. */
  void mount_answered(const std::string& place);
  /** [held] The mounts in a directory that may not answer, null when there are none. */
  std::shared_ptr<const MountNames> mounts_in(const std::string& path) const;
  /** [held] The places that have not answered for hang_ms, the longest first. */
  std::vector<Hang> hangs(int64_t now_ns) const;
  /** [held] Signals when these are others than before. */
  void note_hangs(int64_t now_ns);
  /**
   * [free] From `close`. Waits for every thread but those that stand still in a system call; false when one was left
   * behind.
   */
  bool leave_threads();

  // engine_work.cc: one dirty directory, by its owner

  /** [free] Opens the directory beneath the root, looks and applies. The task keeps what has to be done again. */
  void run_task(DirId id, DirtyDirectory& task);
  bool is_too_deep(const std::string& path) const {
    return config_.max_path_bytes > 0 && path.size() > config_.max_path_bytes;
  }
  /**
   * [free] A directory that is not entered because of its path: its own row alone, and everything below leaves the
   * table.
   */
  void too_deep(DirId id, int fd, DirtyDirectory& task);
  /** [held] The task waits for an answer of the parent, or for retry_ns. */
  void park(DirId id, DirtyDirectory& task, int64_t retry_ns);
  /** [free] Notes on every directory above that something below could not be reached. */
  void hidden_from_above(DirId id);
  /** [free] `error` of the open: the task is parked, or the directory counts as unreadable with its rows kept. */
  void cannot_open(DirId id, DirtyDirectory& task, int error);
  /** [free] Stats the marked names that are due and applies that. Waits while there is no room for changes. */
  void look_at_names(DirId id, int fd, const std::string& path, DirtyDirectory& task);
  /**
   * [free] The same in the middle of a listing, for what was marked since it began; false when there is no point in
   * going on.
   */
  bool look_meanwhile(DirId id, int fd, const std::string& path, const DirtyDirectory& task);
  /** [free] Sets the watch, lists, stats every name, applies, and stats names that are missing once more. */
  void list_directory(DirId id, int fd, const std::string& path, const DirtyDirectory& task);
  /** [held] The listing is over; `error` = why not to its end. */
  void has_listed(DirId id, int error, uint32_t pass, bool unwatched);
  /**
   * [free] One listing. The last `sightings` are left for the caller to apply. Errors of getdents64, ELOOP when it
   * never ends.
   */
  int list_once(DirId id, int fd, const std::string& path, const DirtyDirectory& task,
                std::vector<Sighting>& sightings);
  /** [held] Names in the table that the last listing did not have. */
  std::vector<std::string> missing_names(DirId id) const;
  /** [free] Stats these and applies the result. */
  void confirm_missing(DirId id, int fd, const std::string& path, std::vector<std::string> missing,
                       const DirtyDirectory& task);
  /** [free] As below. */
  bool flush(DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task);
  /**
   * [lets go] Applies the sightings, then waits while the agent fetches no changes, so that not even one huge directory
   * fills the memory. False when there is no point in going on: the engine stops, or the directory is gone or was given
   * up.
   */
  bool flush(Lock& lock, DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task);
  /** [free] Stats the open directory itself; `seen` = false when that failed. */
  OwnSighting look_at_own(int fd) const;
  /** [held] */
  void apply_own(DirId id, const OwnSighting& own, bool announce, bool quiet, int64_t since_ns);
  /** [free] Which marked names are due now; the others are held back until the throttle time of their file is over. */
  std::vector<std::pair<std::string, Mark>> names_due(DirId id, DirtyDirectory& task);
  /** [free] A name that is a mount: waits a quarter of a second for it at most. */
  void look_at_mount(int fd, const std::string& path, uint64_t dev, Sighting& sighting) const;
  /** [free] Stats one name. `error`: of statx, or ENOENT for what the filter leaves out. */
  Sighting look(int fd, const std::string& path, std::string name, Mark mark) const;
  /** [lets go] The open root; null when it is not there or another one, and then the root is checked soon. */
  std::shared_ptr<UniqueFd> root_fd(Lock& lock);
  /** [free] False for pseudo file systems, and for mounts without cross_mounts. */
  bool may_enter(DirId id, int fd, const FileStat& self) const;

  // engine_spelling.cc: file systems that find a name under several spellings. All [free]

  /** Whether a name that is found in this directory may be spelled differently. */
  bool may_be_respelled(int fd, uint64_t dev, const std::vector<Sighting>& sightings);
  /** Names in the table that are other spellings of these. Asks no file system. */
  std::vector<std::pair<std::string, uint16_t>> spelled_otherwise(DirId id, const std::vector<Sighting>& sightings);
  /** Turns sightings of names that no listing has into "gone", and adds those of the right spellings. */
  void correct_spellings(DirId id, int fd, const std::string& path, std::vector<Sighting>& sightings);

  // engine_scout.cc: what cannot wait for the tree walk

  /** [free] The scout thread, until the engine stops. */
  void scout_loop();
  /**
   * [held] Makes the scout the owner of a directory for its marked names; false when there are none or it is not to be
   * had.
   */
  bool names_of(DirId id, DirtyDirectory& task);
  /** [held] The reader: an event of a directory that is not in the table yet. */
  void meet(const KernelEvent& event);
  /** [free] The scout: opens such a directory by its handle and puts it into the table, if it lies below the root. */
  void adopt(const Stranger& stranger);
  /** [free] Puts every directory on the way to `path` into the table; kNoDir when one is filtered, moving or gone. */
  DirId adopt_chain(int root_fd, const std::string& path);
  /** [held] Puts one directory into the table; kNoDir when its parent is not at `path` any more. */
  DirId adopt_one(DirId parent, const std::string& path, const Sighting& sighting);
  /** [free] A directory on the file system `dev`, open; null when the tree has none there. */
  std::shared_ptr<UniqueFd> open_on_device(const std::shared_ptr<UniqueFd>& root, uint64_t dev);

  // engine_coverage.cc: which directories are watched, and what happens to the others

  /**
   * Sets the watch of a directory; also by the scout, which does not own it. Called without mutex_, it returns with
   * mutex_ held by `lock`. Not 0: why there is no watch; the directory is then polled. It may have left the table
   * meanwhile.
   */
  int arm(DirId id, int fd, Lock& lock);
  /** [held] Gives a watch back to the kernel. */
  void disarm(WatchId watch);
  /** [held] Notes `error` as the reason why the directory has no watch, and returns it. */
  int refuse(DirId id, int error);
  /** [held] The directory gives up its share of a watch. */
  void forget_watch(DirId id);
  /** [held] The watch is over. */
  void drop_owners(std::unordered_map<WatchId, std::vector<DirId>>::iterator found);
  /**
   * [free] fanotify reports the chmod of a directory only through a watch of its own: opens it with O_PATH for that.
   */
  void arm_unreadable(DirId id, int root_fd, const std::string& path);
  /** [held] Takes the watch of a directory that was quiet for long, if this one is busy; false when there is none. */
  bool make_room_for(DirId id);
  struct PollRound {
    std::unordered_set<DirId> members;
    std::vector<DirId> left;   // of this round
    int64_t begun_ns = 0;
    size_t share = 1;          // directories a tick
  };
  /** [held] Whether other machines change this file system without an event here. False but in automatic mode. */
  bool changes_elsewhere_on(uint64_t dev);
  /** [held] */
  void want_polls(int64_t interval_ms);
  /** [held] The reader: marks this second's share of the directories to be listed. */
  void poll_some(int64_t now_ns);
  /** [held] The same for one kind of directories, `most` of them at a time. */
  void poll_share(PollRound& round, int64_t interval_ms, size_t most, int64_t now_ns);

  // engine_root.cc

  /** [free] Opens the root and decides whether it is the one that is known. */
  void check_root();
  /** [free] As lose_root. */
  void root_lost(const std::string& reason, const std::string& standing = {});
  /** [held] The same root under another inode number. */
  void root_renumbered(Identity identity);
  /**
   * [held] The root is unavailable: nothing counts as deleted, streams fail with ENOENT. `standing` can be confirmed.
   */
  void lose_root(const std::string& reason, const std::string& standing);
  /** [held] The root is there, for the first time, again, or `another` one that was confirmed: begins a tree walk. */
  void root_found(Identity identity, const std::string& text, bool another);

  // engine_mounts.cc: what is mounted below the root, and directories whose numbers change

  bool is_mount_point(DirId parent, const FileStat& stat) const {
    return stat.is_mounted(table_.at(parent).identity.dev);
  }
  /** [held] Whether the rows below this entry stay although its place shows something else, or nothing. */
  bool keeps_mount(DirId parent, const Entry& entry, const Sighting& sighting);
  /** [held] Whether the directory lies on a mount that is not there at the moment. */
  bool is_lost(DirId id) const;
  /** [held] Something was mounted on this entry, or unmounted from it. */
  void note_covered(DirId parent, const Entry& entry, const Sighting& sighting);
  /** [held] After a directory came into the table. */
  void note_mount(DirId parent, DirId child, const Sighting& sighting);
  /** [free] Whether the mount of this place is back under another device number. */
  bool is_same_mount(DirId id, int fd, const FileStat& self);
  /**
   * [free] False when another file system is mounted here than the table knows, and the operator has not confirmed it.
   */
  bool is_known_mount(DirId id, int fd, const FileStat& self);
  /** [held] Whether this is the known directory although its device or inode number is another one. */
  bool has_new_number(DirId parent, DirId child, const Sighting& sighting) const;
  /** [held] */
  void renumber(DirId id, Identity identity);
  /** [free] As has_new_number, for a directory that was opened; takes the number over. */
  bool was_renumbered(DirId id, const FileStat& self);
  /** [held] Unchanged, whatever its inode number is now. */
  bool is_same_file(const Entry& entry, const FileStat& stat) const;
  /** [free] Asks the file system once whether it keeps inode numbers. */
  void learn_device(int fd, uint64_t dev);

  // engine_apply.cc: what was seen becomes a difference. All [held]; nothing here asks a file system

  void apply(DirId id, std::vector<Sighting>& sightings, const DirtyDirectory& task);
  void apply_leavers(DirId id, const std::vector<Sighting>& sightings, const DirtyDirectory& task, bool by_pass);
  void cannot_look(DirId id, int error);
  void apply_silent(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  void apply_gone(DirId id, const Sighting& sighting, const DirtyDirectory& task);
  void apply_seen(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  void apply_directory(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  void apply_file(DirId id, const Sighting& sighting, Entry* entry, const DirtyDirectory& task);
  /** Appends the change of a name, behind the rows of the directories above it that are still to be reported. */
  void report(DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic, int64_t since_ns);
  void report_directory(DirId parent, DirId child, std::string_view name, const FileStat& stat, int64_t since_ns);
  void tell_above(DirId id, int64_t since_ns);
  void append_row(DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic, int64_t since_ns);
  void report_gone(DirId id, std::string_view name, bool container, int64_t since_ns);
  /** Whether a delete of that name was reported before its directory was listed for the first time. True once. */
  bool was_told_gone(DirId id, std::string_view name);
  /** Drops removed entries that piled up, after telling the streams that read them. */
  void make_room_in(DirId id);
  /** A directory leaves its place: reports the delete and keeps the node for kLimboNs. */
  void leave(DirId id, Entry& entry, const DirtyDirectory& task);
  /** True while the place under which the same directory is known has not been looked at. */
  bool waits_for_other_place(DirId id, const Sighting& sighting, DirId known);
  /** Removes a subtree that left its place from the table, with its watches. */
  void expire(DirId id);

  // engine_missing.cc. All [held]

  void set_aside(DirId id, Entry& entry);
  uint64_t count_missing() const;
  /**
   * At the end of a walk: looks again at what it missed; when that is most of the tree, only after confirm_deletes_ms,
   * and audits fail with EAGAIN.
   */
  void judge_missing();
  void look_at_missing();

  // engine_young.cc. All [held]

  void watch_young(DirId id, std::string_view name, Entry& entry, bool closed);
  void grown_older(const Timed& timed);

  // engine_links.cc: files by their inode. All [held] but find_links

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
  /** [free] A worker: goes through the table for the inodes that are wanted, in slices. Asks no file system. */
  void find_links();

  // marks and timed marks, in engine_apply.cc. All [held]

  /** The whole directory is to be listed. */
  void mark_list(DirId id, const DirtyDirectory& from, bool announce, bool quiet);
  /** A name is to be looked at. Without effect when the directory is gone, or its first listing is still to come. */
  void mark(DirId id, std::string_view name, uint16_t flags, uint64_t inode = 0);
  void list_what_was_hidden(DirId id);
  void wake_worker_for(DirId id, bool background);
  bool is_first_look(DirId parent) const;
  void add_unwatched(DirId id, Unwatched& line) const;
  void add_unreadable(DirId id) const;
  /** The mark is made at that time; a mark without a name lists the directory. */
  void hold_back(int64_t at_ns, DirId id, std::string_view name, Mark mark);
  /** Valid until the next call, or until the table changes. */
  const std::string& json_dir(DirId id);
  void forget_paths();
  const Entry& own_entry(DirId id);

  const WatchConfig config_;
  Filter filter_;
  std::unique_ptr<EventSource> source_;
  std::function<void()> on_readable_;
  RateLimit pass_limit_;

  mutable SpinningMutex mutex_;  // guards what follows, except atomics and the descriptors of the reader
  std::condition_variable work_;   // a directory is dirty, or there is room for changes again
  std::condition_variable pass_work_;  // the same for the threads of throttled tree walks
  TreeTable table_;
  DirtySet dirty_;
  Strangers strangers_;
  bool scouting_ = true;           // false once the kernel refused to open handles
  std::condition_variable scout_;  // unknown directories, or realtime work while every worker is at a listing
  std::condition_variable helpers_wake_;
  size_t helpers_allowed_ = 0;  // so many helpers may take work of the tree walk now
  size_t helpers_started_ = 0;
  size_t most_helpers_ = 0;
  struct Spares {
    size_t started = 0;
    size_t allowed = 0;
  };
  std::array<Spares, 2> spares_;  // for threads that take realtime work, and for those of throttled tree walks
  std::condition_variable spares_wake_;
  std::condition_variable thread_ended_;
  std::vector<std::shared_ptr<ThreadWatch>> threads_;
  struct Region {
    size_t stuck = 0;
    bool hung = false;                   // for so long that its directories count as unreadable
    std::unordered_set<DirId> aside;     // dirty directories in it that wait until it answers
  };
  std::unordered_map<DirId, Region> regions_;  // only those in which a thread is stuck
  std::unique_ptr<MountProber> prober_;
  // By directory: mounts that may not answer.
  std::unordered_map<std::string, std::shared_ptr<const MountNames>> hanging_names_;
  std::vector<std::string> told_hangs_;        // the places of the last note_hangs()
  uint64_t hang_changes_ = 0;
  bool root_checking_ = false;
  size_t left_behind_ = 0;  // threads that close() did not wait for
  std::atomic<bool> closing_{false};
  size_t worker_count_ = 0;  // workers that take realtime work
  size_t listing_workers_ = 0;
  ChangeQueue changes_;
  std::unordered_map<WatchId, std::vector<DirId>> by_watch_;
  uint64_t kernel_watches_ = 0;  // those of them that count against a limit
  int engine_error_ = 0;         // the engine that was asked for by name cannot watch the root
  // Inode -> names of a hard linked file.
  std::unordered_multimap<uint64_t, std::pair<DirId, std::string>, InodeHash> links_;
  // The engine looks for other names of these.
  std::unordered_set<uint64_t, InodeHash> wanted_inodes_;
  std::unordered_map<uint64_t, uint16_t, InodeHash> wanted_files_;  // written under an unknown name: their MarkFlags
  // Where the last of them were found.
  std::unordered_map<uint64_t, std::pair<DirId, std::string>, InodeHash> found_files_;
  // Not in the table; until when the engine relies on that.
  std::unordered_map<uint64_t, int64_t, InodeHash> elsewhere_;
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
  // Files being written, by directory id and name.
  std::unordered_map<std::string, Throttle, NameHash, SameName> throttled_;
  struct Contest {
    int64_t begun_ns;
    int64_t retry_ns;
  };
  // Directories that wait until the engine has looked at the other place where they are known; keys as above.
  std::unordered_map<std::string, Contest, NameHash, SameName> contests_;
  std::multimap<int64_t, Timed> timed_;
  size_t young_ = 0;         // how many of them are looks at young files
  YoungSchedule young_schedule_;
  int64_t young_since_ = 0;  // seconds: files written later are young
  std::vector<Limbo> limbo_;
  // Was_told_gone(), by directory not yet listed.
  std::unordered_map<DirId, std::unordered_set<std::string, NameHash, SameName>> gone_early_;
  PollRound unwatched_;  // without a watch: listed from time to time instead
  PollRound remote_;     // on file systems that other machines change without an event: watched, and listed besides
  std::unordered_map<uint64_t, bool> elsewhere_devs_;  // changes_elsewhere_on(), until the mounts change
  int64_t next_poll_ns_ = INT64_MAX;
  std::atomic<uint64_t> disarmed_{0};    // how many watches were given back so far
  size_t cold_cursor_ = 0;               // where make_room_for looks next
  std::unordered_map<DirId, MountedHere> mounts_;  // directories on which something is mounted
  // By name, in the directory that `apply` is at: the future MountedHere::covers.
  std::unordered_map<std::string, std::vector<Identity>, NameHash, SameName> covered_;
  std::unordered_map<uint64_t, DeviceTraits> devices_;
  // Those of them whose place shows something else; their rows are kept.
  std::unordered_set<DirId> lost_mounts_;
  std::unordered_set<DirId> given_up_mounts_;      // those of them that the operator gave up
  std::vector<SnapshotStream*> snapshots_;  // each removes itself in its destructor, which takes the mutex
  std::shared_ptr<UniqueFd> root_fd_;  // open only while there is work: otherwise nobody could unmount the file system
  int64_t root_fd_used_ns_ = 0;
  int64_t next_watch_ns_ = 0;  // when watch_threads() runs next
  bool root_check_due_ = false;
  Identity root_identity_;
  std::string root_place_;      // its absolute path without links, as the mounts below it are spelled
  std::string root_text_;       // its identity as text: place_identity.h
  std::string standing_root_;   // the identity of another directory at the root, which waits for a confirmation
  std::string confirmed_root_;
  RootState root_state_ = RootState::starting;
  std::string root_reason_;
  std::string json_dir_;       // cache of json_dir()
  DirId json_dir_of_ = kNoDir;
  DirId told_above_ = kNoDir;  // its own row and those above it were reported: tell_above() has looked
  std::vector<DirId> chain_;    // in tell_above()
  uint32_t pass_ = 0;          // the number of the present or last tree walk
  uint64_t pass_pending_ = 0;  // its directories that are not done yet
  bool pass_quiet_ = false;
  bool pass_confirmed_ = false;               // the operator confirmed the root: what it misses counts as deleted
  std::unordered_set<DirId> missing_in_;      // directories with entries set aside
  int64_t held_until_ns_ = 0;                 // when the engine looks at those entries again, 0 = nothing is held
  uint64_t held_deletes_ = 0;
  uint32_t pass_ended_ = 0;     // the last tree walk that came to its end
  int64_t pass_ended_ns_ = 0;
  bool resync_wanted_ = false;
  int64_t resync_not_before_ns_ = 0;
  int64_t resync_backoff_ns_ = 0;
  std::string resync_reason_;
  int64_t sweep_ns_ = 0;
  int64_t now_ns_ = 0;         // arrival time of the events being digested
  bool readable_ = false;      // on_readable_ was called, and drain() has found something ever since
  bool stopping_ = false;
  bool started_ = false;
  uint32_t busy_workers_ = 0;
  std::array<uint64_t, 32> kinds_{};  // events by bit of their mask
  std::atomic<uint64_t> canary_events_{0};
  WatchStatus counts_;
  mutable WatchStatus walked_;      // what takes a walk over the table to count, a few seconds old
  mutable int64_t walked_ns_ = 0;

  UniqueFd wake_fd_;
  UniqueFd mounts_fd_;
  std::set<std::string> mount_places_;  // raw paths below the root, as of the last look at the mounts
  std::thread reader_;
  int64_t started_ns_ = 0;
};

}  // namespace fustor
