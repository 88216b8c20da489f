#include "watch/hangs/regions.h"

#include <algorithm>
#include <utility>

namespace fustor {

DirId Regions::of(const Locked& lock, DirId id) const {
  if (!mounts_.has_any(lock)) return kRootDir;
  for (DirId at = id; at != kRootDir && table_.valid(at); at = table_.at(at).parent) {
    const Directory& directory = table_.at(at);
    if (!table_.valid(directory.parent)) break;
    if (table_.at(directory.parent).identity.dev != directory.identity.dev) return at;
  }
  return kRootDir;
}

bool Regions::is_blocked(const Locked&, DirId region) const {
  const auto found = regions_.find(region);
  if (found == regions_.end()) return false;
  const Region& state = found->second;
  return state.stuck >= std::min(crew_.worker_count, kMostStuck) || (state.hung && region != kRootDir);
}

const Region* Regions::put_aside(const Locked& lock, DirId id) {
  if (regions_.empty() || !table_.valid(id)) return nullptr;
  const DirId region = of(lock, id);
  if (!is_blocked(lock, region)) return nullptr;
  Region& state = regions_.at(region);
  state.aside.insert(id);
  return &state;
}

void Regions::begin_round(const Locked&) {
  for (auto& [region, state] : regions_) {
    state.stuck = 0;
    state.hung = false;
  }
}

void Regions::note_stuck(const Locked&, DirId region, bool hung) {
  Region& state = regions_[region];
  state.stuck++;
  state.hung = state.hung || hung;
}

std::unordered_set<DirId> Regions::end_round(const Locked& lock) {
  std::unordered_set<DirId> waiting;
  for (auto it = regions_.begin(); it != regions_.end();) {
    Region& state = it->second;
    if (!is_blocked(lock, it->first)) take_up(lock, state);
    if (state.hung) waiting.insert(state.aside.begin(), state.aside.end());
    it = state.stuck > 0 ? std::next(it) : regions_.erase(it);
  }
  return waiting;
}

void Regions::take_up(const Locked& lock, Region& region) {
  const std::unordered_set<DirId> aside = std::exchange(region.aside, {});
  for (const DirId id : aside) {
    if (!table_.valid(id) || !dirty_.has(id)) continue;
    const DirtyDirectory& dirty = dirty_.of(id, 0);
    schedule_.wake_worker_for(lock, id, dirty.pass != 0 && dirty.names.empty());
  }
}

void Regions::forget(const Locked&, DirId id) {
  for (auto& [region, state] : regions_) state.aside.erase(id);
}

void Regions::forget_all_aside(const Locked&) {
  for (auto& [region, state] : regions_) state.aside.clear();
}

}  // namespace fustor
