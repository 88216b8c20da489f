#include "watch/schedule/unknown_directories.h"

#include <algorithm>

#include "watch/schedule/dirty_set.h"

namespace fustor {

namespace {
constexpr size_t kRecent = 16;
}

bool UnknownDirectories::add(const HandleRef& handle, std::string_view name, uint16_t flags, int64_t now_ns) {
  std::string key{static_cast<char>(handle.fs & 0xff), static_cast<char>(handle.fs >> 8),
                  static_cast<char>(handle.type)};
  key += handle.bytes;
  if (elsewhere_.contains(key)) return false;
  auto found = waiting_.find(key);
  if (found == waiting_.end()) {
    if (waiting_.size() >= kWaiting) return false;
    found = waiting_.try_emplace(key, UnknownDirectory{key, handle.fs, handle.type, {}, now_ns}).first;
    queue_.push_back(std::move(key));
  }
  if (name.empty()) return true;
  auto& names = found->second.names;
  // A file's events follow each other; a name that is kept twice is looked at twice.
  const size_t last = names.size() > kRecent ? names.size() - kRecent : 0;
  const auto recent = std::find_if(names.begin() + static_cast<ptrdiff_t>(last), names.end(),
                                   [name](const auto& known) { return known.first == name; });
  if (recent != names.end()) {
    recent->second = merge_marks(recent->second, flags);
    return true;
  }
  if (names_ >= kNames) return false;
  names.emplace_back(name, flags);
  names_++;
  return true;
}

UnknownDirectory UnknownDirectories::take() {
  const auto found = waiting_.find(queue_.front());
  queue_.pop_front();
  UnknownDirectory unknown = std::move(found->second);
  waiting_.erase(found);
  names_ -= unknown.names.size();
  return unknown;
}

void UnknownDirectories::lies_elsewhere(const std::string& key) {
  if (elsewhere_.size() >= kElsewhere) elsewhere_.clear();
  elsewhere_.insert(key);
}

void UnknownDirectories::clear() {
  waiting_.clear();
  queue_.clear();
  names_ = 0;
  forget_elsewhere();
}

}  // namespace fustor
