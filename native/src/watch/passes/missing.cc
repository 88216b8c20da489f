#include "watch/passes/missing.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr uint64_t kFewDeletes = 100;
}

uint64_t Missing::count() const {
  uint64_t count = 0;
  std::vector<DirId> below;
  const auto add = [&](const Directory& directory, bool all) {
    directory.each([&](const Entry& entry, std::string_view) {
      if (!all && !(entry.flags & kMissing)) return;
      count++;
      if (entry.child != kNoDir) below.push_back(entry.child);
    });
  };
  for (const DirId id : directories_) {
    if (table_.valid(id)) add(table_.at(id), false);
  }
  while (!below.empty()) {
    const DirId id = below.back();
    below.pop_back();
    add(table_.at(id), true);
  }
  return count;
}

void Missing::judge(const Locked& lock) {
  held_ = directories_.empty() ? 0 : count();
  const bool most = held_ > kFewDeletes && held_ * 2 > table_.entry_count;
  if (!most || walk_.is_confirmed || confirm_deletes_ms_ == 0) return look(lock);
  if (held_until_ns_ == 0) held_until_ns_ = monotonic_ns() + confirm_deletes_ms_ * 1'000'000;
  streams_.fail_audits(lock, EAGAIN);  // an audit that came to its end would make Fusion delete all of it
  crew_.wake_reader();
}

void Missing::look(const Locked& lock) {
  held_until_ns_ = 0;
  held_ = 0;
  const std::unordered_set<DirId> directories = std::exchange(directories_, {});
  for (const DirId id : directories) {
    if (!table_.valid(id)) continue;
    const Directory& directory = table_.at(id);
    directory.each([&](const Entry& entry, std::string_view name) {
      if (entry.flags & kMissing) schedule_.mark(lock, id, name, kMarkVerify);
    });
  }
}

}  // namespace fustor
