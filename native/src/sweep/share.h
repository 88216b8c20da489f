// A share of a sweep: what one task is to look at, what is known of it, and what the task says of it. Shares and results
// cross threads as bytes (src/sources/fs/sweep), because the tasks run on worker threads of Node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_stat.h"
#include "fustor/sweep.h"
#include "sweep/hash/digest.h"

namespace fustor {

/** What is known of an entry. Only these facts are compared. */
struct SweepFacts {
  uint64_t ino = 0;
  uint64_t size = 0;
  Timestamp mtime{};
  Timestamp ctime{};
  EntryKind kind = EntryKind::unknown;

  static SweepFacts of(const FileStat& stat) { return {stat.ino, stat.size, stat.mtime, stat.ctime, stat.kind}; }
  /** Inode, kind and times; of everything but directories the size, too. */
  bool same(const SweepFacts& other) const;
};

/** What a task has to know of a file beside its facts, in the mode `hash`. */
enum SweepHow : uint8_t {
  kSettled = 1,   // its times are in the future, and it has been the same for long enough: its age is not asked for
  kOneOfSeveral = 2,  // of the names of one file
  kIsKnown = 4,   // another name of it was hashed in this sweep: its contents are not read again
};

struct SweepEntry {
  SweepFacts facts;
  uint8_t how = 0;        // SweepHow
  std::string_view name;  // raw; into the share's bytes once it was read
};

struct SweepPiece {
  uint32_t directory = 0;  // the engine's id of it
  uint64_t dev = 0;
  SweepFacts own;
  bool whole = true;  // false: `own` is compared with another piece of the same directory
  std::string_view path;  // raw, relative to the root
  std::vector<SweepEntry> entries;
};

struct SweepShare {
  SweepRules rules;
  std::string_view root;  // absolute
  uint64_t root_dev = 0;
  uint64_t root_ino = 0;
  std::vector<SweepPiece> pieces;
};

std::string to_bytes(const SweepShare& share);
/** Nothing when they are not the bytes of a share. Names and paths stay in `bytes`. */
std::optional<SweepShare> share_of(std::string_view bytes);

/** Of one entry whose verdict is not `same`. `entry`: kOwn = the directory itself. */
struct SweepFinding {
  static constexpr uint32_t kOwn = UINT32_MAX;
  uint32_t piece = 0;
  uint32_t entry = 0;
  SweepVerdict verdict = SweepVerdict::same;
  int32_t error = 0;
  Digest digest{};  // `hashed`
};

/** The place in a file where a task stopped. Plain memory. */
struct OpenFile {
  uint64_t offset = 0;
  uint64_t zeros = 0;  // of holes, so far
  SweepFacts at_begin;
  Digester digester;
};

/** An entry of a share. */
struct SweepPlace {
  uint32_t piece = 0;
  uint32_t entry = 0;
};

struct SweepResult {
  uint32_t next_piece = 0;  // where the next task goes on; past the last piece = the share is done
  uint32_t next_entry = 0;
  uint64_t looks = 0;       // entries and directories
  uint64_t missed = 0;      // entries of directories that could not be reached
  uint64_t read_bytes = 0;
  uint64_t cpu_ns = 0;      // of the task's thread
  int32_t root_error = 0;   // the root cannot be opened, or another one stands there (ESTALE): nothing was looked at
  std::vector<SweepFinding> findings;
  std::vector<SweepPlace> linked;  // kOneOfSeveral and hashed, in all tasks of this share
  std::optional<OpenFile> open;  // the file at `next_entry` was read so far
};

std::string to_bytes(const SweepResult& result);
std::optional<SweepResult> result_of(std::string_view bytes);

}  // namespace fustor
