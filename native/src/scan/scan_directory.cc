// One directory of a scan, and the rows of its entries.
#include "scan/scan_run.h"

#include <fcntl.h>

#include "base/json_row.h"
#include "base/name_codec.h"
#include "base/open_beneath.h"
#include "fustor/clock.h"
#include "scan/mounts.h"

namespace fustor {

namespace {
constexpr uint32_t kGroupRows = 1024;  // a long directory gets a new reading of the clock this often
constexpr uint32_t kPayRows = 64;      // a limit on entries a second is heeded this often
}  // namespace

void Scanner::scan_directory(Hand& hand, const Work& work) {
  if (is_too_deep(work.path)) return fail(hand, work.path, ENAMETOOLONG, "open");
  if (!goes_into(hand, work.region, work.path)) return fail(hand, work.path, ETIMEDOUT, "open");
  UniqueFd directory;
  FileStat self;
  bool opened = false;
  const int root = root_of(hand);
  int error = ask(hand, [&] {
    const int found = open_directory_beneath(root, work.path, directory);
    opened = found == 0;
    return opened ? stat_at(directory.get(), "", self) : found;
  });
  if (hand.hangs.is_abandoned()) return;
  // Gone since it was listed, or now a file or a link: a realtime row or the next scan reports that.
  if (error == ENOENT || error == ENOTDIR || error == ELOOP) {
    hand.counts.vanished++;
    return;
  }
  if (error != 0) return fail(hand, work.path, error, opened ? "stat" : "open");
  if (self.dev != work.dev) {
    const auto barred = [&] { return is_barred(self, work.dev) || is_pseudo_filesystem(directory.get()) ? EXDEV : 0; };
    if (ask(hand, barred) != 0) return;
  }
  const auto places = mounts_.places.empty() ? mounts_.places.end() : mounts_.places.find(work.path);
  const Places* mounts_here = places == mounts_.places.end() ? nullptr : &places->second;

  hand.json_dir.clear();
  append_json_dir(work.path, hand.json_dir);
  uint32_t rows = 0;
  const auto on_entry = [&](std::string_view name, unsigned char d_type) {
    const EntryKind hint = kind_of_dirent(d_type);
    if (!filter_.wants(work.path, name, hint)) return true;
    const auto server_snapshot = [&] { return is_server_snapshot(directory.get(), name) ? EEXIST : 0; };
    if (name.starts_with('.') && ask(hand, server_snapshot) != 0) {
      return !hand.hangs.is_abandoned();
    }
    const bool new_group = rows++ % kGroupRows == 0;
    if (new_group) hand.sequence = next_sequence();
    FileStat stat;
    const uint32_t mount = mount_at(mounts_here, name);
    const int failed = stat_name(hand, directory.get(), work.path, name.data(), mount, stat);
    if (hand.hangs.is_abandoned()) return false;
    if (failed == ENOENT) {
      hand.counts.vanished++;
      rows--;
      return true;
    }
    if (failed != 0) {
      rows--;
      if (mount != 0) hand.counts.failed_directories++;
      note_error(hand, work.path.empty() ? std::string(name) : work.path + '/' + std::string(name), failed, "stat");
      return true;
    }
    if (hint != stat.kind && !filter_.wants(work.path, name, stat.kind)) return true;
    hand.row.clear();
    append_fs_row(hand.row, hand.json_dir, name, stat, AtomicFlag::absent);
    if (!append(hand, new_group)) return false;
    count(hand.counts, stat.kind);
    if (limit_.limits() && ++hand.unpaid >= kPayRows) pay(hand);
    const bool enter = stat.kind == EntryKind::directory && is_listed(work.depth + 1) &&
                       may_enter(directory.get(), self, name.data(), stat, mount);
    if (enter) {
      std::string path = work.path.empty() ? std::string(name) : work.path + '/' + std::string(name);
      hand.todo.push_back({std::move(path), self.dev, work.depth + 1, mount != 0 ? mount : work.region});
    }
    return !cancelled_.load(std::memory_order_relaxed);
  };
  if (hand.watched) {
    hand.hangs.enter();
    const auto come_back = [&](std::string_view name, unsigned char d_type) {
      if (!hand.hangs.leave()) return false;
      const bool go_on = on_entry(name, d_type);
      if (!hand.hangs.is_abandoned()) hand.hangs.enter();
      return go_on;
    };
    error = hand.lister.list(directory.get(), come_back, &cancelled_);
    if (!hand.hangs.leave()) return;
  } else {
    error = hand.lister.list(directory.get(), on_entry, &cancelled_);
  }
  if (error != 0 && error != ECANCELED) fail(hand, work.path, error, "list");
}

bool Scanner::is_barred(const FileStat& directory, uint64_t parent_dev) const {
  return !config_.cross_mounts && directory.dev != parent_dev && directory.is_mounted(parent_dev);
}

bool Scanner::may_enter(int parent_fd, const FileStat& parent, const char* name, const FileStat& directory,
                        uint32_t mount) const {
  if (directory.dev == parent.dev) return true;
  if (is_barred(directory, parent.dev)) return false;
  if (mount != 0) return mounts_.regions[mount].type != "autofs";
  const UniqueFd place(::openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  return place && !is_pseudo_filesystem(place.get());
}

}  // namespace fustor
