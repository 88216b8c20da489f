#include "watch/index/journal_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "watch/index/checksum.h"

namespace fustor {

namespace {
void append_u32(std::string& out, uint32_t value) { out.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
}  // namespace

int JournalFile::create(const std::string& path, const JournalHeader& header) {
  ::unlink(path.c_str());
  fd_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0600));
  if (!is_open()) return errno;
  header_ = header;
  bytes_ = 0;
  frames_ = 0;
  seed_ = 0;
  frame_ = kJournalMagic;
  append_u32(frame_, kJournalVersion);
  IndexEncoder encoder;
  encoder.text(header.boot);
  encoder.text(header.name);
  encoder.text(header.previous);
  const int error = write_frame(encoder.bytes);
  seed_ = checksum(0, encoder.bytes.data(), encoder.bytes.size());
  return error;
}

int JournalFile::go_on(const std::string& path, const JournalHeader& header, const JournalEnd& end) {
  fd_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_APPEND));
  if (!is_open()) return errno;
  if (::ftruncate(fd_.get(), static_cast<off_t>(end.bytes)) != 0) return errno;
  header_ = header;
  bytes_ = end.bytes;
  frames_ = end.frames;
  seed_ = end.seed;
  return 0;
}

int JournalFile::append(std::string_view payload) {
  if (payload.size() > kMostFrameBytes) return EFBIG;
  frame_.clear();
  return write_frame(payload);
}

int JournalFile::write_frame(std::string_view payload) {
  const auto size = static_cast<uint32_t>(payload.size());
  const uint32_t place = checksum(seed_, &frames_, sizeof(frames_));
  append_u32(frame_, size);
  append_u32(frame_, checksum(place, &size, sizeof(size)));
  append_u32(frame_, checksum(place, payload.data(), payload.size()));
  frame_.append(payload);
  const char* at = frame_.data();
  for (size_t left = frame_.size(); left > 0;) {
    const ssize_t written = ::write(fd_.get(), at, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    at += written;
    left -= static_cast<size_t>(written);
  }
  bytes_ += frame_.size();
  frames_++;
  return 0;
}

}  // namespace fustor
