#include "watch/schedule/dirty_set.h"

#include <algorithm>
#include <utility>

namespace fustor {

namespace {
/** True when a listing of everything would find by itself what this directory waits for. */
bool is_only_hint(const DirtyDirectory& dirty) {
  if (dirty.pass != 0 || dirty.announce || dirty.recursive || dirty.settle || dirty.in_background) return false;
  return std::none_of(dirty.names.begin(), dirty.names.end(),
                      [](const auto& item) { return (item.second.flags & (kMarkAnnounce | kMarkSettle)) != 0; });
}
}  // namespace

DirtyDirectory& DirtySet::of(DirId id, int64_t now_ns) {
  DirtyDirectory& dirty = directories_[id];
  if (dirty.since_ns == 0) dirty.since_ns = now_ns;
  return dirty;
}

void DirtySet::mark(DirId id, std::string_view name, uint16_t flags, int64_t now_ns, uint64_t inode) {
  DirtyDirectory& dirty = of(id, now_ns);
  const auto [found, is_new] = dirty.names.try_emplace(std::string(name));
  found->second.flags = merge_marks(found->second.flags, flags);
  if (inode != 0) found->second.inode = inode;
  names_ += is_new ? 1 : 0;
  if (dirty.names.size() > limits_.names_per_directory) collapse(dirty);
  if (names_ <= limits_.names_in_all) return;
  for (auto& [other, directory] : directories_) {
    if (!directory.names.empty()) collapse(directory);
  }
}

// A collapsed directory forgets which of its files were closed. The listing reports young ones as unsettled and
// confirms them later.
void DirtySet::collapse(DirtyDirectory& dirty) {
  collapses_++;
  for (const auto& [name, mark] : dirty.names) {
    dirty.settle = dirty.settle || (mark.flags & kMarkSettle);
    // During a tree walk the names of a directory that is not listed yet are marked so; the walk reports its rows
    // anyway.
    dirty.announce = dirty.announce || (dirty.pass == 0 && (mark.flags & kMarkAnnounce));
  }
  names_ -= dirty.names.size();
  std::exchange(dirty.names, {});
  dirty.list = true;
  dirty.quiet = false;
}

DirtyDirectory DirtySet::take(DirId id) {
  const auto found = directories_.find(id);
  DirtyDirectory task = std::move(found->second);
  directories_.erase(found);
  names_ -= task.names.size();
  return task;
}

void DirtySet::drop(DirId id) {
  const auto found = directories_.find(id);
  if (found == directories_.end()) return;
  names_ -= found->second.names.size();
  directories_.erase(found);
}

void DirtySet::put_back(DirId id, DirtyDirectory&& task, int64_t now_ns) {
  DirtyDirectory& dirty = of(id, now_ns);
  dirty.quiet = dirty.quiet && task.quiet;
  dirty.list |= task.list;
  dirty.announce |= task.announce;
  dirty.recursive |= task.recursive;
  dirty.self |= task.self;
  dirty.settle |= task.settle;
  dirty.pass = std::max(dirty.pass, task.pass);
  if (task.since_ns != 0) dirty.since_ns = std::min(dirty.since_ns, task.since_ns);
  for (auto& [name, mark] : task.names) {
    const auto [found, is_new] = dirty.names.try_emplace(name);
    names_ += is_new ? 1 : 0;
    Mark& now = found->second;
    now.flags = merge_marks(mark.flags, now.flags);
    if (now.contested_since == 0) now.contested_since = mark.contested_since;
    if (now.inode == 0) now.inode = mark.inode;
  }
}

bool DirtySet::enqueue(DirId id, bool background) {
  DirtyDirectory& dirty = directories_[id];
  if (dirty.in_live || (background && dirty.in_background)) return false;
  (background ? dirty.in_background : dirty.in_live) = true;
  (background ? background_ : live_).push_back(id);
  return true;
}

bool DirtySet::pop(DirId& id, Duty duty) {
  if (!queued(duty)) return false;
  const bool turn = duty == Duty::any && (live_.empty() || (!background_.empty() && ++turn_ % kBackgroundTurn == 0));
  const bool background = duty == Duty::background || turn;
  if (!background) return pop_live(id);
  // Background work goes depth first, so that the queue stays as long as the tree is deep and wide, not as it is large.
  id = background_.back();
  background_.pop_back();
  const auto found = directories_.find(id);
  if (found != directories_.end()) found->second.in_background = false;
  return true;
}

bool DirtySet::pop_live(DirId& id) {
  if (live_.empty()) return false;
  id = live_.front();
  live_.pop_front();
  const auto found = directories_.find(id);
  if (found != directories_.end()) found->second.in_live = false;
  return true;
}

MarkedNames DirtySet::take_names(DirId id) {
  const auto found = directories_.find(id);
  if (found == directories_.end()) return {};
  names_ -= found->second.names.size();
  return std::exchange(found->second.names, {});
}

size_t DirtySet::forget_hints() {
  const auto hints = static_cast<size_t>(
      std::count_if(directories_.begin(), directories_.end(), [](const auto& item) { return is_only_hint(item.second); }));
  kept_ = directories_.size();
  if (hints * 2 < kept_) return 0;
  std::erase_if(directories_, [this](const auto& item) {
    if (!is_only_hint(item.second)) return false;
    names_ -= item.second.names.size();
    return true;
  });
  // Otherwise the queue would grow each time.
  std::erase_if(live_, [this](DirId id) { return !directories_.contains(id); });
  kept_ = directories_.size();
  return hints;
}

void DirtySet::clear() {
  kept_ = 0;
  directories_.clear();
  names_ = 0;
  live_.clear();
  background_.clear();
}

}  // namespace fustor
