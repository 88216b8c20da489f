#include "watch/changes/reporter.h"

#include <algorithm>

#include "base/name_codec.h"
#include "fustor/clock.h"
#include "watch/monotonic.h"

namespace fustor {

const std::string& Reporter::json_dir(const Locked&, DirId id) {
  if (json_dir_of_ != id) {
    json_dir_.clear();
    append_json_dir(table_.path_of(id), json_dir_);
    json_dir_of_ = id;
  }
  return json_dir_;
}

void Reporter::row(const Locked& lock, DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic,
                   int64_t since_ns) {
  if (told_above_ != id) directories_above(lock, id, since_ns);
  told_above_ = id;
  append(lock, id, name, stat, atomic, since_ns);
}

void Reporter::append(const Locked& lock, DirId id, std::string_view name, const FileStat& stat, AtomicFlag atomic,
                      int64_t since_ns) {
  table_.at(id).last_active = monotonic_seconds();
  count_++;
  changes_.upsert(json_dir(lock, id), name, stat, atomic, next_sequence(), since_ns);
}

void Reporter::directory(const Locked& lock, DirId parent, DirId child, std::string_view name, const FileStat& stat,
                         int64_t since_ns) {
  row(lock, parent, name, stat, AtomicFlag::absent, since_ns);
  table_.at(child).told_at = next_sequence();
}

void Reporter::root(const Locked&, const FileStat& stat, int64_t since_ns) {
  count_++;
  changes_.upsert_root(stat, next_sequence(), since_ns);
}

void Reporter::directories_above(const Locked& lock, DirId id, int64_t since_ns) {
  chain_.clear();
  for (DirId at = id; at != kRootDir && table_.valid(at); at = table_.at(at).parent) chain_.push_back(at);
  uint64_t moved = 0;
  for (auto at = chain_.rbegin(); at != chain_.rend(); ++at) {
    const Directory& directory = table_.at(*at);
    moved = std::max(moved, directory.moved_at);
    if (moved <= directory.told_at && !(walk_.is_first() && directory.told_at == 0)) continue;
    const DirId parent = directory.parent;
    const Entry* entry = table_.valid(parent) ? table_.at(parent).find(directory.name) : nullptr;
    if (entry == nullptr || entry->child != *at) continue;
    append(lock, parent, directory.name, entry->to_stat(), AtomicFlag::absent, since_ns);
    table_.at(*at).told_at = next_sequence();
  }
}

void Reporter::gone(const Locked& lock, DirId id, std::string_view name, bool container, int64_t since_ns) {
  if (!table_.at(id).listed) gone_early_[id].insert(std::string(name));
  table_.at(id).last_active = monotonic_seconds();
  count_++;
  changes_.remove(json_dir(lock, id), name, container, next_sequence(), since_ns);
}

bool Reporter::was_told_gone(const Locked&, DirId id, std::string_view name) {
  const auto found = gone_early_.empty() ? gone_early_.end() : gone_early_.find(id);
  return found != gone_early_.end() && found->second.erase(std::string(name)) > 0;
}

void Reporter::release(const Locked& lock) {
  gone_early_ = {};
  forget_paths(lock);
}

}  // namespace fustor
