#include "sweep/hash_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>

#include "base/unique_fd.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

namespace fustor {

namespace {

constexpr size_t kChunk = 256 * 1024;
constexpr size_t kFirstRead = 16 * 1024;
constexpr uint64_t kStatBlock = 512;
constexpr uint64_t kPage = 4096;

int open_quietly(int directory_fd, const char* name, UniqueFd& out) {
  constexpr int kFlags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
  int fd = ::openat(directory_fd, name, kFlags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = ::openat(directory_fd, name, kFlags);
  if (fd < 0) return errno;
  out.reset(fd);
  return 0;
}

/** Some file systems of programs count no blocks, neither their own nor those of a file. */
bool counts_blocks(int fd) {
  struct statfs system;
  return ::fstatfs(fd, &system) != 0 || system.f_blocks != 0;
}

bool is_offline(int fd, uint64_t size, uint64_t blocks) {
  return size > 0 && blocks == 0 && counts_blocks(fd);
}

/** Whether the file is hashed at all; `same` = yes. */
SweepVerdict judge(const SweepFacts& file, bool offline, uint8_t how, const SweepRules& rules) {
  if (rules.max_file_bytes != 0 && file.size > rules.max_file_bytes) return SweepVerdict::too_large;
  const int64_t youngest = std::max(file.mtime.sec, file.ctime.sec);
  if (!(how & kSettled) && youngest > ::time(nullptr) - rules.min_age_sec) return SweepVerdict::too_young;
  return offline && !rules.recall ? SweepVerdict::offline : SweepVerdict::same;
}

/** Reads one file from `offset` on. */
class FileReader {
 public:
  FileReader(int fd, uint64_t size, bool may_have_holes) : fd_(fd), size_(size), may_have_holes_(may_have_holes) {}

  /** The next stretch into the digest; 0 or errno, EFBIG for too many zeros. At the end of the file `offset` is the size. */
  int step(OpenFile& file, uint64_t& read_bytes) {
    uint64_t& offset = file.offset;
    if (may_have_holes_ && offset >= data_end_) {
      if (const int error = find_data(offset); error != 0) return error;
    }
    if (offset < data_begin_) {
      if (file.zeros + (data_begin_ - offset) > kMostZeros) return EFBIG;
      const uint64_t zeros = std::min<uint64_t>(data_begin_ - offset, kZerosAtOnce);
      file.digester.update_zeros(zeros);
      file.zeros += zeros;
      offset += zeros;
      return 0;
    }
    const uint64_t end = may_have_holes_ ? std::min(data_end_, size_) : size_;
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(end - offset, at_once_));
    const auto begun = TaskEnd::Clock::now();
    const ssize_t got = read_at(offset, wanted);
    if (got < 0) return errno;
    if (got == 0) return ESTALE;  // it became shorter
    adapt(TaskEnd::Clock::now() - begun);
    file.digester.update(buffer(), static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
    read_bytes += static_cast<uint64_t>(got);
    return 0;
  }

 private:
  static constexpr uint64_t kZerosAtOnce = 4 << 20;
  static constexpr std::chrono::milliseconds kQuick{100};
  static constexpr std::chrono::milliseconds kSlow{1000};

  void adapt(TaskEnd::Clock::duration took) {
    if (took < kQuick) at_once_ = std::min(at_once_ * 4, kChunk);
    else if (took > kSlow) at_once_ = std::max<size_t>(at_once_ / 4, kPage);
  }

  static uint8_t* buffer() {
    static thread_local const std::unique_ptr<uint8_t[]> bytes(new uint8_t[kChunk]);
    return bytes.get();
  }

  int find_data(uint64_t offset) {
    const off_t begin = ::lseek(fd_, static_cast<off_t>(offset), SEEK_DATA);
    if (begin < 0 && errno == ENXIO) {  // nothing but a hole is left
      data_begin_ = data_end_ = size_;
      return 0;
    }
    const off_t end = begin < 0 ? -1 : ::lseek(fd_, begin, SEEK_HOLE);
    if (end < 0) {
      may_have_holes_ = false;  // the file system does not say
      return 0;
    }
    data_begin_ = std::min(static_cast<uint64_t>(begin), size_);
    data_end_ = static_cast<uint64_t>(end);
    return 0;
  }

  ssize_t read_at(uint64_t offset, size_t wanted) {
    const iovec part{buffer(), wanted};
    const auto at = static_cast<off_t>(offset);
    const ssize_t cached = ::preadv2(fd_, &part, 1, at, RWF_NOWAIT);
    if (cached > 0) return cached;  // the rest of the chunk is asked for in the next step
    // Elsewhere nobody knows what was cached before: then other programs keep their pages.
    const bool was_not_cached = cached < 0 && errno == EAGAIN;
    ssize_t got;
    do got = ::pread(fd_, buffer(), wanted, at);
    while (got < 0 && errno == EINTR);
    if (got > 0 && was_not_cached) drop(offset, static_cast<uint64_t>(got));
    return got;
  }

  /** The last page of a file counts as whole; a page that is shared with what was read before stays. */
  void drop(uint64_t offset, uint64_t length) {
    const uint64_t begin = (offset + kPage - 1) / kPage * kPage;
    const uint64_t end = offset + length >= size_ ? 0 : offset + length;
    if (end != 0 && end <= begin) return;
    ::posix_fadvise(fd_, static_cast<off_t>(begin), end == 0 ? 0 : static_cast<off_t>(end - begin), POSIX_FADV_DONTNEED);
  }

  const int fd_;
  const uint64_t size_;
  bool may_have_holes_;
  size_t at_once_ = kFirstRead;
  uint64_t data_begin_ = 0;
  uint64_t data_end_ = 0;
};

HashStep done(SweepFinding& finding, SweepVerdict verdict, int error = 0) {
  finding.verdict = verdict;
  finding.error = error;
  return HashStep::done;
}

HashStep done_with_error(SweepFinding& finding, int error) {
  if (error == ESTALE) return done(finding, SweepVerdict::changed);
  if (error == EFBIG) return done(finding, SweepVerdict::too_large);
  return done(finding, error == ENOENT ? SweepVerdict::gone : SweepVerdict::unreadable, error);
}

/** To its end; ETIME when the task has to stop. */
int read_on(FileReader& reader, OpenFile& open, const TaskEnd& end, uint64_t& read_bytes) {
  while (open.offset < open.at_begin.size) {
    if (const int error = reader.step(open, read_bytes); error != 0) return error;
    end.step();
    if (open.offset < open.at_begin.size && end.has_come()) return ETIME;
  }
  return 0;
}

}  // namespace

HashStep hash_file(int directory_fd, const char* name, const SweepEntry& entry, const SweepRules& rules, const TaskEnd& end,
                   std::optional<OpenFile>& open, uint64_t& read_bytes, SweepFinding& finding) {
  UniqueFd fd;
  if (const int error = open_quietly(directory_fd, name, fd); error != 0) return done_with_error(finding, error);
  FileStat stat;
  struct stat blocks;
  if (const int error = stat_at(fd.get(), "", stat); error != 0) return done_with_error(finding, error);
  if (::fstat(fd.get(), &blocks) != 0) return done_with_error(finding, errno);
  end.step();
  const SweepFacts facts = SweepFacts::of(stat);
  if (facts.kind != EntryKind::file || !facts.same(open ? open->at_begin : entry.facts)) {
    return done(finding, open ? SweepVerdict::changed : SweepVerdict::differs);
  }
  const bool offline = is_offline(fd.get(), facts.size, static_cast<uint64_t>(blocks.st_blocks));
  if (!open) {
    const SweepVerdict verdict = judge(facts, offline, entry.how, rules);
    if (verdict != SweepVerdict::same) return done(finding, verdict);
    open.emplace();
    open->at_begin = facts;
    open->digester.begin(rules.digest);
  }
  if (facts.size > kChunk) ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_RANDOM);
  FileReader reader(fd.get(), facts.size, static_cast<uint64_t>(blocks.st_blocks) * kStatBlock < facts.size);
  if (offline) end.recall(true);
  const int error = read_on(reader, *open, end, read_bytes);
  end.recall(false);
  if (error == ETIME) return HashStep::unfinished;
  if (error != 0) return done_with_error(finding, error);
  FileStat after;
  if (const int error = stat_at(fd.get(), "", after); error != 0) return done_with_error(finding, error);
  if (!SweepFacts::of(after).same(facts)) return done(finding, SweepVerdict::changed);
  finding.digest = open->digester.finish();
  return done(finding, SweepVerdict::hashed);
}

}  // namespace fustor
