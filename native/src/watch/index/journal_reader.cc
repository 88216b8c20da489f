#include "watch/index/journal_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "watch/index/checksum.h"

namespace fustor {

namespace {
constexpr off_t kMostJournalBytes = 1ll << 30;
constexpr const char* kDamagedJournal = "its journal is damaged";

/** "" or why not. */
std::string read_whole(const std::string& path, std::string& out) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    return errno == ENOENT ? "its journal is missing" : std::string("its journal cannot be opened: ") + std::strerror(errno);
  }
  struct stat info;
  const bool own = ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == ::geteuid();
  if (!own || (info.st_mode & 022) != 0) return "its journal is no file that only this user may write";
  if (info.st_size > kMostJournalBytes) return "its journal is too long";
  out.resize(static_cast<size_t>(info.st_size));
  for (size_t have = 0; have < out.size();) {
    const ssize_t got = ::read(fd.get(), out.data() + have, out.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return "its journal cannot be read";
    have += static_cast<size_t>(got);
  }
  return "";
}

uint32_t u32_at(const std::string& bytes, uint64_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}
}  // namespace

std::string JournalReader::read(const std::string& path) {
  std::string reason = read_whole(path, bytes_);
  if (!reason.empty()) return reason;
  const size_t head = kJournalMagic.size() + sizeof(kJournalVersion);
  if (bytes_.size() < head || !bytes_.starts_with(kJournalMagic)) return kDamagedJournal;
  if (u32_at(bytes_, kJournalMagic.size()) != kJournalVersion) return "another version of the agent wrote its journal";
  end_ = {head, 0, 0};
  std::string_view payload;
  if (!next_frame(payload)) return kDamagedJournal;
  IndexDecoder decoder;
  decoder.begin_chunk(payload);
  header_.boot = decoder.text();
  header_.name = decoder.text();
  header_.previous = decoder.text();
  if (!decoder.is_good() || !decoder.is_at_end() || header_.name.empty()) return kDamagedJournal;
  end_.seed = checksum(0, payload.data(), payload.size());
  while (next_frame(payload)) frames_.push_back(payload);
  return is_damaged_ ? kDamagedJournal : "";
}

bool JournalReader::next_frame(std::string_view& payload) {
  const uint64_t left = bytes_.size() - end_.bytes;
  if (left < kFrameHeadBytes) return false;
  const uint32_t size = u32_at(bytes_, end_.bytes);
  const uint32_t place = checksum(end_.seed, &end_.frames, sizeof(end_.frames));
  is_damaged_ = true;
  if (checksum(place, &size, sizeof(size)) != u32_at(bytes_, end_.bytes + 4) || size > kMostFrameBytes) return false;
  is_damaged_ = false;
  if (left - kFrameHeadBytes < size) return false;  // cut
  payload = std::string_view(bytes_).substr(end_.bytes + kFrameHeadBytes, size);
  is_damaged_ = checksum(place, payload.data(), size) != u32_at(bytes_, end_.bytes + 8);
  if (is_damaged_) return false;
  end_.bytes += kFrameHeadBytes + size;
  end_.frames++;
  return true;
}

}  // namespace fustor
