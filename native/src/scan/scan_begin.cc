// Where a scan begins: the root, and the paths that were asked for.
#include "scan/scan_run.h"

#include <fcntl.h>

#include "base/json_row.h"
#include "base/name_codec.h"
#include "base/open_beneath.h"
#include "fustor/clock.h"
#include "scan/mounts.h"

namespace fustor {

bool Scanner::has_root() const {
  std::lock_guard lock(mutex_);
  return root_.fd != nullptr && *root_.fd;
}

int Scanner::root_of(Hand& hand) const {
  if (hand.root == nullptr) {
    std::lock_guard lock(mutex_);
    hand.root = root_.fd;
  }
  return hand.root->get();
}

void Scanner::begin(Hand& hand) {
  if (!has_root() && !open_root(hand)) return;
  if (config_.paths.empty() && next_path_++ == 0) begin_at(hand, "");
  while (!hand.hangs.is_abandoned() && next_path_ < config_.paths.size()) begin_at(hand, config_.paths[next_path_++]);
  if (hand.hangs.is_abandoned()) return;
  hand.beginning = false;
  merge(hand);
}

bool Scanner::open_root(Hand& hand) {
  UniqueFd root;
  FileStat stat{};
  std::string identity;
  goes_into(hand, 0, "");
  const int error = ask(hand, [&] {
    root.reset(::open(config_.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
    const int failed = root ? stat_at(root.get(), "", stat) : errno;
    if (failed == 0 && config_.identify) identity = config_.identify(root.get(), stat);
    if (failed != 0 || config_.expected_root.empty()) return failed;
    return is_same_root(identity, config_.expected_root) ? 0 : ESTALE;
  });
  if (hand.hangs.is_abandoned()) return false;
  root_.stat = stat;
  root_.identity = std::move(identity);
  hand.root = std::make_shared<const UniqueFd>(std::move(root));
  {
    std::lock_guard lock(mutex_);
    root_.fd = hand.root;
  }
  if (error == 0) find_regions(place_of(hand.root->get()));
  if (error != 0 || !filter_.wants_root()) {
    root_error_ = error != 0 ? error : ENOENT;
    cancel();
    return false;
  }
  return true;
}

void Scanner::begin_at(Hand& hand, const std::string& path) {
  if (cancelled_) return;
  hand.sequence = next_sequence();
  hand.row.clear();
  hand.json_dir.clear();
  if (path.empty()) {
    append_root_row(hand.row, root_.stat);
    hand.counts.directories++;
    append(hand, true);
    if (config_.recursive) hand.todo.push_back({"", root_.stat.dev, 1});
    return;
  }
  const size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  UniqueFd directory;
  FileStat above;
  FileStat stat;
  if (!goes_into(hand, region_of(path), path)) return fail(hand, path, ETIMEDOUT, "open");
  const int root = root_of(hand);
  int error = ask(hand, [&] {
    int found = open_path_beneath(root, parent, directory);
    if (found == 0) found = stat_at(directory.get(), "", above);
    return found;
  });
  if (hand.hangs.is_abandoned()) return;
  const uint32_t mount = mount_at(parent, name);
  if (error == 0) error = stat_name(hand, directory.get(), parent, name.c_str(), mount, stat);
  if (error == ENOTDIR) error = ask(hand, [&] { return is_link(root, parent) ? ELOOP : ENOTDIR; });
  if (hand.hangs.is_abandoned()) return;
  if (error == ENOENT || error == ENOTDIR) return;
  if (error != 0) return fail(hand, path, error, "open");
  const auto leaves_root = [&] { return leaves_file_system(root, parent) ? EXDEV : 0; };
  const bool leaves = !config_.cross_mounts && ask(hand, leaves_root) != 0;
  if (hand.hangs.is_abandoned() || leaves || !wants_whole(path, stat.kind)) return;
  append_json_dir(parent, hand.json_dir);
  append_fs_row(hand.row, hand.json_dir, name, stat, AtomicFlag::absent);
  append(hand, true);
  count(hand.counts, stat.kind);
  const bool enter = config_.recursive && stat.kind == EntryKind::directory;
  if (!enter || !may_enter(directory.get(), above, name.c_str(), stat, mount)) return;
  hand.todo.push_back({path, above.dev, 1, mount != 0 ? mount : hand.region});
}

bool Scanner::is_link(int root, const std::string& path) {
  const size_t slash = path.rfind('/');
  UniqueFd directory;
  FileStat stat;
  const int error = open_path_beneath(root, slash == std::string::npos ? "" : path.substr(0, slash), directory);
  const char* name = path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
  return error == 0 && stat_at(directory.get(), name, stat) == 0 &&
         stat.kind == EntryKind::symlink;
}

bool Scanner::wants_whole(const std::string& path, EntryKind kind) const {
  for (size_t from = 0, slash; (slash = path.find('/', from)) != std::string::npos; from = slash + 1) {
    const std::string_view above = from == 0 ? std::string_view{} : std::string_view(path).substr(0, from - 1);
    if (!filter_.wants(above, std::string_view(path).substr(from, slash - from), EntryKind::directory)) return false;
  }
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return filter_.wants("", path, kind);
  return filter_.wants(std::string_view(path).substr(0, slash), std::string_view(path).substr(slash + 1), kind);
}

bool Scanner::leaves_file_system(int root, const std::string& path) const {
  uint64_t dev = root_.stat.dev;
  for (size_t end = 0; end != std::string::npos && !path.empty();) {
    end = path.find('/', end + 1);
    UniqueFd directory;
    FileStat stat;
    if (open_path_beneath(root, path.substr(0, end), directory) != 0) return true;
    if (stat_at(directory.get(), "", stat) != 0) return true;
    if (is_barred(stat, dev)) return true;
    dev = stat.dev;
  }
  return false;
}

bool Scanner::is_same_root(const std::string& seen, const std::string& expected) const {
  return config_.is_same ? config_.is_same(expected, seen) : expected == seen;
}

bool Scanner::root_still_there(Hand& hand) {
  if (!goes_into(hand, 0, "")) return false;
  const auto is_same = [this] {
    UniqueFd now(::open(config_.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    FileStat stat;
    if (!now || stat_at(now.get(), "", stat) != 0) return false;
    if (config_.identify) return is_same_root(config_.identify(now.get(), stat), root_.identity);
    if (stat.dev != root_.stat.dev) return false;
    return stat.ino == root_.stat.ino || !keeps_inode_numbers(now.get());
  };
  return ask(hand, [&] { return is_same() ? 0 : ESTALE; }) == 0;
}

void Scanner::finish(Hand& hand) {
  hand.finishing = true;
  const bool complete = !cancelled_ && root_error_ == 0 && root_still_there(hand);
  if (hand.hangs.is_abandoned()) return;
  {
    std::lock_guard lock(mutex_);
    root_.fd.reset();
  }
  end(complete);
}

void Scanner::end(bool complete) {
  {
    std::lock_guard lock(mutex_);
    summary_.complete = complete;
    ended_ = Clock::now();
    watch_.notify_all();
  }
  queue_.finish();
}

}  // namespace fustor
