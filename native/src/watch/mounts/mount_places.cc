#include "watch/mounts/mount_places.h"

#include <utility>

#include "base/mount_table.h"
#include "scan/mounts.h"

namespace fustor {

void MountPlaces::read(const Locked&, const std::string& root_place) {
  const std::shared_ptr<const MountTable> now = current_mounts();
  std::unordered_map<std::string, std::shared_ptr<MountNames>> names;
  places_.clear();
  hanging_.clear();
  if (root_place.empty()) return;
  std::string path;
  for (const Mount& mount : now->all()) {
    if (!is_below(root_place, mount.place, path)) continue;
    places_.insert(path);
    if (!may_hang(mount.type)) continue;
    const size_t slash = path.rfind('/');
    std::shared_ptr<MountNames>& here = names[slash == std::string::npos ? "" : path.substr(0, slash)];
    if (here == nullptr) here = std::make_shared<MountNames>();
    here->insert_or_assign(slash == std::string::npos ? path : path.substr(slash + 1), mount.dev);
  }
  for (auto& [directory, here] : names) hanging_.emplace(directory, std::move(here));
}

std::set<std::string> MountPlaces::read_again(const Locked& lock, const std::string& root_place) {
  std::set<std::string> places = std::exchange(places_, {});
  read(lock, root_place);
  places.insert(places_.begin(), places_.end());
  return places;
}

std::shared_ptr<const MountNames> MountPlaces::mounts_in(const Locked&, const std::string& path) const {
  if (hanging_.empty()) return nullptr;
  const auto found = hanging_.find(path);
  return found == hanging_.end() ? nullptr : found->second;
}

}  // namespace fustor
