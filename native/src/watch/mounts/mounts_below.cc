#include "watch/mounts/mounts_below.h"

#include <algorithm>
#include <utility>

#include "watch/mounts/place_identity.h"
#include "watch/schedule/dirty_set.h"

namespace fustor {

bool MountsBelow::keeps(const Locked&, DirId parent, const Entry& entry, const Observation& observation) {
  const auto mount = mounts_.find(entry.child);
  if (mount == mounts_.end() || given_up_.contains(entry.child)) return false;
  if (observation.error == 0 && observation.stat.kind != EntryKind::directory) return false;
  const Directory& child = table_.at(entry.child);
  if (child.barred || child.live_entries() == 0) return false;  // the engine never saw anything in it
  if (child.identity.dev == table_.at(parent).identity.dev) return false;
  const std::vector<Identity>& covers = mount->second.covers;
  const bool shows_covered = std::find(covers.begin(), covers.end(), identity_of(observation.stat)) != covers.end();
  const bool uncovered = observation.error != 0 ? !covers.empty() : shows_covered;
  if (uncovered && lies_in_memory(mount->second.text)) return false;
  lost_.insert(entry.child);
  return true;
}

bool MountsBelow::is_lost(const Locked&, DirId id) const {
  if (lost_.empty()) return false;
  for (DirId at = id; at != kRootDir && table_.valid(at); at = table_.at(at).parent) {
    if (lost_.contains(at)) return true;
  }
  return false;
}

std::unordered_set<DirId> MountsBelow::give_up_lost(const Locked&) {
  std::unordered_set<DirId> lost = std::exchange(lost_, {});
  for (const DirId id : lost) {
    if (table_.valid(id)) given_up_.insert(id);
  }
  return lost;
}

DirId MountsBelow::on_device(const Locked&, uint64_t dev) const {
  for (const auto& [id, mount] : mounts_) {
    const bool there = table_.valid(id) && table_.reachable(id) && !lost_.contains(id);
    if (there && table_.at(id).identity.dev == dev) return id;
  }
  return kNoDir;
}

void MountsBelow::note_covered(const Locked& lock, DirId parent, const Entry& entry, const Observation& observation) {
  if (observation.error != 0 || !is_mount_point(lock, parent, observation.stat)) return;
  const auto mount = mounts_.find(entry.child);
  std::vector<Identity> covers;
  if (mount != mounts_.end()) covers = mount->second.covers;
  const auto uncovered = std::find(covers.begin(), covers.end(), identity_of(observation.stat));
  if (uncovered != covers.end()) {
    covers.erase(covers.begin(), uncovered + 1);
  } else {
    covers.insert(covers.begin(), table_.at(entry.child).identity);
  }
  covered_[std::string(table_.at(parent).name_of(entry))] = std::move(covers);
}

void MountsBelow::note_mount(const Locked& lock, DirId parent, DirId child, const Observation& observation) {
  if (!is_mount_point(lock, parent, observation.stat)) return;
  MountedHere& mount = mounts_[child];
  if (const auto covered = covered_.find(observation.name); covered != covered_.end()) mount.covers = covered->second;
}

void MountsBelow::forget(const Locked&, DirId id) {
  mounts_.erase(id);
  lost_.erase(id);
  given_up_.erase(id);
}

void MountsBelow::release(const Locked&) {
  mounts_ = {};
  lost_ = {};
}

bool MountsBelow::is_same_mount(DirId id, int fd, const FileStat& self) {
  Locked lock(mutex_);
  const auto known = mounts_.find(id);
  if (known == mounts_.end() || known->second.text.empty()) return false;
  const std::string before = known->second.text;
  lock.unlock();
  const bool same = is_same_place(before, identity_text(fd, self));
  lock.lock();
  if (!same || !table_.valid(id)) return false;
  renumber(lock, id, identity_of(self));
  lost_.erase(id);
  return true;
}

bool MountsBelow::is_known_mount(DirId id, int fd, const FileStat& self) {
  std::string text = identity_text(fd, self);
  Locked lock(mutex_);
  const auto known = mounts_.find(id);
  if (known == mounts_.end()) return true;
  MountedHere& mount = known->second;
  const bool same = mount.text.empty() || is_same_place(mount.text, text) || given_up_.erase(id) > 0;
  if (same) {
    mount.text = std::move(text);
    lost_.erase(id);
  } else {
    lost_.insert(id);
  }
  return same;
}

// ---- numbers that change ------------------------------------------------------------------------------------------

bool MountsBelow::has_new_number(const Locked& lock, DirId parent, DirId child, const Observation& observation) const {
  if (observation.error != 0 || observation.stat.kind != EntryKind::directory) return false;
  if (mounts_.contains(child) || is_mount_point(lock, parent, observation.stat)) return false;
  const Identity known = table_.at(child).identity;
  const Identity seen = identity_of(observation.stat);
  if (known.dev == seen.dev) return devices_.makes_inodes_up(lock, seen.dev);
  const bool named_by_event = observation.flags & ~(kMarkVerify | kMarkAnnounce);
  return !named_by_event && known.ino == seen.ino && seen.dev != table_.at(parent).identity.dev;
}

void MountsBelow::renumber(const Locked&, DirId id, Identity identity) {
  const Identity before = table_.at(id).identity;
  if (before.dev != identity.dev) table_.change_device(id, before.dev, identity.dev);
  table_.set_identity(id, identity);
}

bool MountsBelow::was_renumbered(DirId id, const FileStat& self) {
  const Locked lock(mutex_);
  if (!table_.valid(id) || id == kRootDir || mounts_.contains(id) || self.mount_point == MountPoint::yes) return false;
  if (table_.at(id).identity.dev != self.dev || !devices_.makes_inodes_up(lock, self.dev)) return false;
  renumber(lock, id, identity_of(self));
  return true;
}

}  // namespace fustor
