// One running scan: what its threads share, and what each of them has. scanner.h says how it works.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/chunk_queue.h"
#include "base/dir_lister.h"
#include "base/filter.h"
#include "base/politeness.h"
#include "base/storage_meter.h"
#include "base/unique_fd.h"
#include "scan/hang_watch.h"
#include "scan/mount_prober.h"
#include "scan/scanner.h"

namespace fustor {

using Clock = std::chrono::steady_clock;

/** Its threads keep it alive. The consumer's reference is another one, whose end calls `leave`. */
class Scanner final : public BulkStream, public std::enable_shared_from_this<Scanner> {
 public:
  explicit Scanner(ScanConfig config)
      : config_(std::move(config)), filter_(config_.filter, config_.root),
        pool_(config_.chunk_bytes, config_.pool_chunks), limit_(config_.politeness.entries_per_second),
        prober_(config_.hang_ms, [](const std::string&) {}) {}

  /** Cancels, and waits for the threads, but not for one that does not come back from a system call. */
  void leave();
  void start();

  Poll poll_next(Chunk*& out) override { return queue_.poll_next(out, root_error_); }

  void set_on_ready(std::function<void()> on_ready) override { queue_.set_on_ready(std::move(on_ready)); }

  void release(uint32_t slot) override { pool_.release(slot); }

  void cancel() override;
  ScanSummary summary() const override;
  int root_error() const override { return root_error_; }
  const ChunkPool& pool() const override { return pool_; }

 private:
  struct Work {
    std::string path;   // raw, relative
    uint64_t dev = 0;   // of its parent
    uint32_t depth = 0;
    uint32_t region = 0;  // of Mounts::regions
  };

  /** The root, or a mount below it that may not answer: everything below hangs with it. */
  struct Region {
    std::string path;  // raw, relative
    std::string type;
    bool may_hang = false;
    std::atomic<bool> hung{false};
  };
  using Places = std::unordered_map<std::string, uint32_t>;

  /** The state of one thread. */
  struct Hand {
    DirLister lister;
    std::vector<Work> todo;  // depth first: the last one comes next
    Chunk* chunk = nullptr;
    uint64_t sequence = 0;  // of the group being written
    std::string row;
    std::string json_dir;   // in which the rows of the group lie
    ScanSummary counts;
    uint32_t unpaid = 0;  // rows
    WindowMeter meter;
    HangWatch hangs;
    std::shared_ptr<const UniqueFd> root;
    bool beginning = false;
    bool finishing = false;
    // The path of the present call, in a region that may hang. When the thread is abandoned, the watcher owns the hand
    // and everything in it.
    std::string asked;
    uint32_t region = 0;
    bool watched = false;
  };

  /** With the mutex held. Throws std::system_error when the kernel grants no thread. */
  void start_thread(bool begins);
  void thread_ends();
  void run(Hand& hand);
  bool has_root() const;
  int root_of(Hand& hand) const;

  // What may not answer: scan_hangs.cc

  void find_regions(const std::string& root_place);

  /** The region of a path; for a mount point the region of the directory around it. */
  uint32_t region_of(const std::string& path) const;

  /** The next calls of this thread are in this region. False when the region hangs already. */
  bool goes_into(Hand& hand, uint32_t region, const std::string& path);

  /**
   * Around each system call. ETIMEDOUT when the thread was abandoned meanwhile: then it must not touch the hand any
   * more.
   */
  template <class Call>
  static int ask(Hand& hand, Call call) {
    if (!hand.watched) return call();
    hand.hangs.enter();
    const int error = call();
    return hand.hangs.leave() ? error : ETIMEDOUT;
  }

  void watch_hands();

  /** The hand's thread waits for a file system that does not answer: the watcher takes over everything it had. */
  void replace(Hand& hand);

  // How many threads: scan_threads.cc

  /**
   * Starts another thread when this one waits for storage. False when this thread is one more than the processors need.
   */
  bool is_needed(Hand& hand);
  void start_another();

  /** The other threads get what it still has to do. */
  bool retire(Hand& hand);
  void begin(Hand& hand);
  bool open_root(Hand& hand);

  /** Writes the row of one path and queues what is below it. A path that does not exist is no error. */
  void begin_at(Hand& hand, const std::string& path);
  static bool is_link(int root, const std::string& path);

  /** Whether a walk from the root would reach this path. */
  bool wants_whole(const std::string& path, EntryKind kind) const;

  // Work: scan_directory.cc

  bool next(Hand& hand, Work& work);

  /** Waits as long as the limit asks, and hands over its rows before a longer wait. */
  void pay(Hand& hand);

  /** Gives the older half away: it is nearer to the root, so its subtrees are larger. */
  void share(Hand& hand);

  /** The mount that may not answer at this name, 0 = none. */
  uint32_t mount_at(const std::string& parent, std::string_view name) const;
  static uint32_t mount_at(const Places* here, std::string_view name);

  /** The directory around a mount point must not wait for the mount. */
  int stat_name(Hand& hand, int directory_fd, const std::string& parent, const char* name, uint32_t mount,
                FileStat& out);

  /** Each row holds its whole path: directories in one another, a few thousand deep, would be hundreds of megabytes. */
  bool is_too_deep(const std::string& path) const {
    return config_.max_path_bytes > 0 && path.size() > config_.max_path_bytes;
  }

  void scan_directory(Hand& hand, const Work& work);
  bool is_listed(uint32_t depth) const { return config_.max_depth == 0 || depth <= config_.max_depth; }

  /**
   * Whether it is a mount point of another file system while these must not be entered. A btrfs subvolume is an
   * ordinary directory.
   */
  bool is_barred(const FileStat& directory, uint64_t parent_dev) const;

  /**
   * Checked before the directory is opened: opening an automount point mounts it, and waits for the daemon that does
   * so.
   */
  bool may_enter(int parent_fd, const FileStat& parent, const char* name, const FileStat& directory,
                 uint32_t mount) const;

  /** Whether a mount point of another file system lies on the way from the root to this directory, itself included. */
  bool leaves_file_system(int root, const std::string& path) const;
  static void count(ScanSummary& counts, EntryKind kind);
  void fail(Hand& hand, const std::string& path, int error, const char* operation);
  void note_error(Hand& hand, const std::string& raw_path, int error, const char* operation);

  // Chunks: scan_rows.cc

  /** A chunk that begins inside a group repeats the group's sequence. */
  bool append(Hand& hand, bool new_group);
  void hand_over(Hand& hand);
  void merge(Hand& hand);
  bool is_same_root(const std::string& seen, const std::string& expected) const;

  /** Whether the root is still the same: a file system that was unmounted meanwhile looks like a shorter tree. */
  bool root_still_there(Hand& hand);

  /**
   * By the last thread. The object may live until a garbage collection, and the root must not stay open for so long.
   */
  void finish(Hand& hand);
  void end(bool complete);

  // Threads, by what they do
  struct ThreadCounts {
    unsigned least = 1;
    unsigned most = 1;
    std::atomic<unsigned> running{0};
    std::atomic<unsigned> idle{0};
    unsigned active = 0;
    unsigned workers = 0;  // threads that have not retired
    size_t started = 0;
    size_t live = 0;
  };
  struct Root {
    std::shared_ptr<const UniqueFd> fd;  // each hand holds it, so that it stays open during a call that hangs
    FileStat stat{};
    std::string identity;
  };
  struct Mounts {
    std::deque<Region> regions;  // the root's first
    bool nothing_hangs = false;
    std::unordered_map<std::string, Places> places;  // regions by the directory around them and their name
  };

  const ScanConfig config_;
  const Filter filter_;
  ChunkPool pool_;
  RateLimit limit_;
  ThreadCounts threads_;
  Root root_;  // the descriptor is guarded by mutex_
  std::atomic<int> root_error_{0};
  std::atomic<bool> cancelled_{false};
  const Clock::time_point begun_ = Clock::now();

  mutable std::mutex mutex_;
  std::condition_variable offered_;
  std::deque<Work> shared_;
  ScanSummary summary_;
  Clock::time_point ended_{};
  ChunkQueue queue_;

  MountProber prober_;
  Mounts mounts_;
  size_t next_path_ = 0;  // of config_.paths; of the hand that is beginning
  std::condition_variable watch_;
  std::condition_variable ended_thread_;
  std::vector<std::shared_ptr<Hand>> hands_;
};

}  // namespace fustor
