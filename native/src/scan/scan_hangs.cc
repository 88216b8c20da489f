// File systems that may not answer during a scan.
#include "scan/scan_run.h"

#include <algorithm>
#include <iterator>
#include <system_error>

#include "base/mount_table.h"
#include "scan/mounts.h"

namespace fustor {

namespace {
constexpr auto kWatchTick = std::chrono::milliseconds(100);
}  // namespace

void Scanner::find_regions(const std::string& root_place) {
  const std::shared_ptr<const MountTable> mounts = current_mounts();
  const Mount* root = mount_of(root_place, *mounts);
  mounts_.regions.back().may_hang = root != nullptr && may_hang(root->type);
  std::string path;
  for (const Mount& mount : mounts->all()) {
    if (!is_below(root_place, mount.place, path)) continue;
    if (!may_hang(mount.type)) continue;
    const size_t slash = path.rfind('/');
    Places& here = mounts_.places[slash == std::string::npos ? "" : path.substr(0, slash)];
    here[slash == std::string::npos ? path : path.substr(slash + 1)] = static_cast<uint32_t>(mounts_.regions.size());
    mounts_.regions.emplace_back();
    mounts_.regions.back().path = path;
    mounts_.regions.back().type = mount.type;
    mounts_.regions.back().may_hang = true;
  }
  const std::lock_guard lock(mutex_);
  const auto may_hang_itself = [](const Region& region) { return region.may_hang; };
  mounts_.nothing_hangs = std::none_of(mounts_.regions.begin(), mounts_.regions.end(), may_hang_itself);
  watch_.notify_all();
}

uint32_t Scanner::region_of(const std::string& path) const {
  uint32_t found = 0;
  for (uint32_t i = 1; i < mounts_.regions.size(); i++) {
    const std::string& place = mounts_.regions[i].path;
    if (path.starts_with(place + '/') && place.size() >= mounts_.regions[found].path.size()) found = i;
  }
  return found;
}

bool Scanner::goes_into(Hand& hand, uint32_t region, const std::string& path) {
  hand.region = region;
  hand.watched = mounts_.regions[region].may_hang;
  if (!hand.watched) return true;
  hand.asked = path;
  return !mounts_.regions[region].hung;
}

void Scanner::watch_hands() {
  std::unique_lock lock(mutex_);
  while (!cancelled_ && !mounts_.nothing_hangs && ended_ == Clock::time_point{}) {
    watch_.wait_for(lock, kWatchTick);
    const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
    const std::vector<std::shared_ptr<Hand>> hands = hands_;
    for (const auto& hand : hands) {
      if (!hand->hangs.abandon_after(config_.hang_ms * 1'000'000, now)) continue;
      lock.unlock();
      replace(*hand);
      lock.lock();
    }
  }
}

void Scanner::replace(Hand& hand) {
  mounts_.regions[hand.region].hung = true;
  if (hand.finishing) return end(false);
  const bool no_root = !has_root();
  if (no_root) {
    root_error_ = ETIMEDOUT;
    cancel();
  } else {
    fail(hand, hand.asked, ETIMEDOUT, "open");
  }
  hand_over(hand);
  merge(hand);
  std::unique_lock lock(mutex_);
  shared_.insert(shared_.end(), std::make_move_iterator(hand.todo.begin()), std::make_move_iterator(hand.todo.end()));
  hand.todo.clear();
  try {
    if (!no_root) return start_thread(hand.beginning);  // it counts as active in the place of the one that hangs
  } catch (const std::system_error&) {
  }
  threads_.active--;
  offered_.notify_all();
  lock.unlock();
  if (--threads_.running == 0) end(false);
}

uint32_t Scanner::mount_at(const std::string& parent, std::string_view name) const {
  if (mounts_.places.empty()) return 0;
  const auto here = mounts_.places.find(parent);
  return here == mounts_.places.end() ? 0 : mount_at(&here->second, name);
}

uint32_t Scanner::mount_at(const Places* here, std::string_view name) {
  if (here == nullptr) return 0;
  const auto found = here->find(std::string(name));
  return found == here->end() ? 0 : found->second;
}

int Scanner::stat_name(Hand& hand, int directory_fd, const std::string& parent, const char* name, uint32_t mount,
                       FileStat& out) {
  if (mount == 0) return ask(hand, [&] { return stat_at(directory_fd, name, out); });
  if (mounts_.regions[mount].hung) return ETIMEDOUT;
  const int error = prober_.stat(directory_fd, name, parent.empty() ? name : parent + '/' + name, out);
  if (error == ETIMEDOUT) mounts_.regions[mount].hung = true;
  return error;
}

}  // namespace fustor
