// Sweeps over what a watch knows: are entries, and the contents of files, still what they were?
//
//   Sweep::next       hands out a share: what is to be looked at, and what is known of it
//   run_sweep_task    looks, on any thread, for a moment at a time (sweep/sweep_task.h)
//   Sweep::apply      what differs becomes marks, as if a kernel event had said "look there": so a race with a live
//                     change ends with the younger look
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fustor {

/** `names`: directories alone. `stat`: every entry. `hash`: the contents of files, too. */
enum class SweepMode : uint8_t { names, stat, hash };

/** `xxh3` (128 bit) tells accidents, the others forgeries as well. */
enum class DigestKind : uint8_t { xxh3, sha256, blake3 };

struct SweepRules {
  SweepMode mode = SweepMode::stat;
  DigestKind digest = DigestKind::xxh3;
  bool polite = true;           // the task's thread steps back behind all others, for good
  bool recall = false;          // files whose contents are not on the disk are read all the same
  uint64_t max_file_bytes = 0;  // larger files are not hashed; 0 = no limit
  int64_t min_age_sec = 60;     // younger ones neither
  int64_t task_ms = 50;         // a task stops after so long
};

/** What a task found out about an entry, or about a directory itself. */
enum class SweepVerdict : uint8_t {
  same,
  differs,     // from what is known
  gone,
  unreadable,  // it cannot be opened, statted or read
  hashed,
  changed,     // while it was read: the next sweep takes it again
  too_large,
  too_young,
  offline,     // its contents are not on the disk
};
/** Their names in JavaScript, in their order. */
constexpr std::array<const char*, 9> kSweepVerdicts{"same",    "differs",  "gone",     "unreadable", "hashed",
                                                    "changed", "tooLarge", "tooYoung", "offline"};

/** One share, as bytes for run_sweep_task. */
struct SweepOrder {
  std::string bytes;
  uint64_t dev = 0;    // the one file system that it lies on
  uint64_t looks = 0;  // entries and directories
  std::string path;    // wire: its first directory
};

/** `unavailable`: the root is not there, so that what is left cannot be looked at. */
enum class SweepNext : uint8_t { share, end, unavailable };

struct SweepReport {
  bool understood = false;  // otherwise the bytes are no share and result, or the watch was closed
  bool done = false;        // the share is; otherwise the result goes into the next task
  int root_error = 0;       // the root was not there
  uint64_t looks = 0;
  uint64_t missed = 0;      // entries of directories that could not be reached: not looked at
  uint64_t read_bytes = 0;
  uint64_t cpu_ns = 0;      // of the task's thread
  std::array<uint64_t, kSweepVerdicts.size()> verdicts{};
  uint64_t corrupted = 0;  // other contents under the same inode, size and times
  static constexpr size_t kExamples = 20;
  std::vector<std::string> corrupted_paths;  // wire, at most kExamples
};

/** Any thread may call any method. It keeps the engine alive. */
class Sweep {
 public:
  virtual ~Sweep() = default;
  /** `missed` grows by known entries of directories that cannot be looked at now, and are in no share. */
  virtual SweepNext next(SweepOrder& out, uint64_t& missed) = 0;
  /** What a task said of a share. */
  virtual SweepReport apply(std::string_view share, std::string_view result) = 0;
  /**
   * Before the first share: forgets digests of files that the watch does not know any more. A call takes some
   * milliseconds at most; false when nothing is left to do.
   */
  virtual bool prune() = 0;
  /** Digests that are known of this watch's files, and the memory that they take. */
  virtual uint64_t digests() const = 0;
  virtual uint64_t digest_table_bytes() const = 0;
};

}  // namespace fustor
