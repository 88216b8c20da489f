// The judge of the watch tests: what the engine said, applied to a map, against what lstat says. And the tree the tests play in.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fustor/chunk_pool.h"
#include "base/name_codec.h"
#include "each_engine.h"
#include "patience.h"
#include "fustor/watch.h"
#include "watch/make_watcher.h"
#include "watch/source/inotify_source.h"
#include "watch/source/ladder_source.h"

namespace watching {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

struct Row {
  std::string size, modified, created;
  bool directory = false;
  std::string atomic;  // "true", "false" or absent; the disk does not know it
  bool operator==(const Row& other) const {
    return size == other.size && modified == other.modified && created == other.created && directory == other.directory;
  }
};
using Tree = std::map<std::string, Row>;  // by wire path, "/" is the root

struct Change {
  std::string op, key;
  uint64_t sequence = 0;
  bool container = false;
  Row row;
};

// ---- JSON as the engine writes it -----------------------------------------------------------------------------------------------

/** Flat access to one JSON text: members of nested objects are called "row.size". Aborts on anything malformed. */
class JsonReader {
 public:
  using Members = std::map<std::string, std::string>;
  explicit JsonReader(std::string_view text) : text_(text) {}

  std::vector<Members> array() {
    std::vector<Members> all;
    take('[');
    while (peek() != ']') {
      if (!all.empty()) take(',');
      all.push_back(object());
    }
    take(']');
    if (at_ != text_.size()) broken();
    return all;
  }
  Members object() {
    Members members;
    object_into(members, "");
    return members;
  }

 private:
  [[noreturn]] void broken() const {
    std::printf("broken JSON at %zu: %s\n", at_, std::string(text_.substr(0, 500)).c_str());
    std::abort();
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void take(char wanted) {
    if (peek() != wanted) broken();
    at_++;
  }
  void object_into(Members& members, const std::string& prefix) {
    take('{');
    for (bool first = true; peek() != '}'; first = false) {
      if (!first) take(',');
      const std::string name = prefix + string();
      take(':');
      if (peek() == '{') {
        object_into(members, name + ".");
      } else {
        members[name] = peek() == '"' ? string() : word();
      }
    }
    take('}');
  }
  std::string word() {
    const size_t begin = at_;
    while (std::strchr("+-.0123456789abcdefghijklmnopqrstuvwxyz", peek()) != nullptr && peek() != '\0') at_++;
    if (at_ == begin) broken();
    return std::string(text_.substr(begin, at_ - begin));
  }
  std::string string() {
    std::string out;
    take('"');
    while (peek() != '"') {
      if (static_cast<unsigned char>(peek()) < 0x20) broken();
      if (peek() != '\\') {
        out += text_[at_++];
        continue;
      }
      at_++;
      const char escaped = peek();
      at_++;
      if (escaped == 'u') {
        out += static_cast<char>(std::stoi(std::string(text_.substr(at_, 4)), nullptr, 16));  // control characters only
        at_ += 4;
      } else if (escaped == '"' || escaped == '\\') {
        out += escaped;
      } else {
        broken();
      }
    }
    at_++;
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

inline std::string member(const JsonReader::Members& members, const std::string& name) {
  const auto found = members.find(name);
  return found == members.end() ? std::string() : found->second;
}

inline Row row_of(const JsonReader::Members& members, const std::string& prefix) {
  return {member(members, prefix + "size"), member(members, prefix + "modified_time"), member(members, prefix + "created_time"),
          member(members, prefix + "is_directory") == "true", member(members, prefix + "is_atomic_write")};
}

// ---- the disk -------------------------------------------------------------------------------------------------------------------

inline std::string time_text(const timespec& time) {
  char text[48];
  std::snprintf(text, sizeof(text), "%lld.%09ld", static_cast<long long>(time.tv_sec), time.tv_nsec);
  return text;
}

inline Row row_of(const struct stat& info) {
  return {std::to_string(info.st_size), time_text(info.st_mtim), time_text(info.st_ctim), S_ISDIR(info.st_mode), ""};
}

/** By descriptors, so that no path is too long. Directories for which `enter` is false are rows without contents. */
inline void walk(int directory_fd, const std::string& raw, Tree& tree, const std::function<bool(const std::string&)>& enter) {
  DIR* directory = ::fdopendir(directory_fd);
  if (directory == nullptr) {
    ::close(directory_fd);
    return;
  }
  while (const dirent* entry = ::readdir(directory)) {
    const std::string name = entry->d_name;
    struct stat info;
    if (name == "." || name == ".." || ::fstatat(::dirfd(directory), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const std::string path = raw + "/" + name;
    std::string wire;
    fustor::encode_wire(path, wire);
    tree[wire] = row_of(info);
    if (!S_ISDIR(info.st_mode) || (enter && !enter(path))) continue;
    const int child = ::openat(::dirfd(directory), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (child >= 0) walk(child, path, tree, enter);
  }
  ::closedir(directory);
}

inline Tree disk(const std::string& root, const std::function<bool(const std::string&)>& enter = {}) {
  Tree tree;
  struct stat info;
  const int fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || ::fstat(fd, &info) != 0) return tree;
  tree["/"] = row_of(info);
  walk(fd, "", tree, enter);
  return tree;
}

/** A few lines of how two trees differ, "" when they are equal. */
inline std::string difference(const Tree& wanted, const Tree& seen) {
  std::string out;
  int lines = 0;
  const auto say = [&](const std::string& what) {
    if (lines++ < 12) out += "    " + what + "\n";
  };
  for (const auto& [path, row] : wanted) {
    const auto found = seen.find(path);
    if (found == seen.end()) {
      say("missing " + path);
    } else if (!(found->second == row)) {
      const Row& other = found->second;
      say("differs " + path + " disk " + row.size + " " + row.modified + " " + row.created + " view " + other.size + " " + other.modified +
          " " + other.created);
    }
  }
  for (const auto& [path, row] : seen) {
    if (!wanted.contains(path)) say("ghost " + path);
  }
  return out;
}

// ---- the view -------------------------------------------------------------------------------------------------------------------

/** What a consumer makes of changes and snapshot rows, by the rule of docs/protocol.md. */
class View {
 public:
  Tree rows;
  std::vector<Change> log;
  bool complete = false;             // since a whole snapshot: from here on no row may come before that of its directory
  std::vector<std::string> orphans;  // rows that did

  void apply(const std::string& json) {
    for (const JsonReader::Members& members : JsonReader(json).array()) {
      Change change{member(members, "op"), member(members, "key"), std::stoull(member(members, "sequence")),
                    member(members, "isContainer") == "true", row_of(members, "row.")};
      if (member(members, "row.path") != change.key || change.sequence <= last_) {
        std::printf("out of order after %llu: %s\n", static_cast<unsigned long long>(last_), json.substr(0, 2000).c_str());
        std::abort();
      }
      last_ = change.sequence;
      apply(change);
      log.push_back(std::move(change));
    }
  }

  /** A row is dropped when a change of its key, or the deletion of a container above it, is younger than its group. */
  void apply_snapshot(const fustor::Chunk& chunk) {
    size_t group = 0;
    for (uint32_t i = 0; i < chunk.rows; i++) {
      while (group + 1 < chunk.group_first_row.size() && chunk.group_first_row[group + 1] <= i) group++;
      const std::string_view text(chunk.data + chunk.row_offsets[i], chunk.row_offsets[i + 1] - 1 - chunk.row_offsets[i]);
      const JsonReader::Members members = JsonReader(text).object();
      const std::string key = member(members, "path");
      if (key.substr(0, key.rfind('/')) != directory_of(chunk, group)) {
        std::printf("in the wrong group: %s\n", key.c_str());
        std::abort();
      }
      if (!superseded(key, static_cast<uint64_t>(chunk.group_sequence.at(group)))) rows[key] = row_of(members, "");
    }
  }

  size_t count(std::string_view op, std::string_view key) const {
    size_t found = 0;
    for (const Change& change : log) found += change.op == op && change.key == key;
    return found;
  }
  const Change* last(std::string_view key) const {
    for (auto at = log.rbegin(); at != log.rend(); ++at) {
      if (at->key == key) return &*at;
    }
    return nullptr;
  }

 private:
  static std::string directory_of(const fustor::Chunk& chunk, size_t group) {
    const size_t begin = group == 0 ? 0 : chunk.group_dir_ends.at(group - 1);
    const std::string text = chunk.group_dirs.substr(begin, chunk.group_dir_ends.at(group) - begin);
    return member(JsonReader("{\"directory\":\"" + text + "\"}").object(), "directory");
  }
  void apply(const Change& change) {
    touched_[change.key] = change.sequence;
    if (change.op == "update") {
      const std::string parent = change.key.substr(0, change.key.rfind('/'));
      if (complete && !parent.empty() && !rows.contains(parent)) orphans.push_back(change.key + " " + history(parent));
      rows[change.key] = change.row;
      return;
    }
    rows.erase(change.key);
    if (!change.container) return;
    deleted_[change.key] = change.sequence;
    const std::string below = change.key + "/";
    const auto first = rows.lower_bound(below);
    auto end = first;
    while (end != rows.end() && end->first.starts_with(below)) ++end;
    rows.erase(first, end);
  }
  /** What was said of a path and those above it, the last few things. */
  std::string history(const std::string& path) const {
    std::string told;
    int count = 0;
    for (auto at = log.rbegin(); at != log.rend() && count < 8; ++at) {
      if (at->key != path && !path.starts_with(at->key + "/")) continue;
      told = " " + at->op + " " + at->key + " (" + std::to_string(at->sequence) + ")" + told;
      count++;
    }
    return "after" + told;
  }
  bool superseded(const std::string& key, uint64_t sequence) const {
    const auto touched = touched_.find(key);
    if (touched != touched_.end() && touched->second > sequence) return true;
    for (size_t slash = key.rfind('/'); slash != std::string::npos && slash > 0; slash = key.rfind('/', slash - 1)) {
      const auto deleted = deleted_.find(key.substr(0, slash));
      if (deleted != deleted_.end() && deleted->second > sequence) return true;
    }
    return false;
  }

  std::map<std::string, uint64_t> touched_;
  std::map<std::string, uint64_t> deleted_;  // containers
  uint64_t last_ = 0;
};

// ---- the engine under test ------------------------------------------------------------------------------------------------------

const auto kPatience = std::chrono::seconds(20) * patience_factor();

inline std::unique_ptr<fustor::EventSource> source_for(fustor::WatchMode mode) {
  switch (mode) {
    case fustor::WatchMode::automatic: return std::make_unique<fustor::LadderSource>(fustor::EngineMode::automatic);
    case fustor::WatchMode::fanotify: return std::make_unique<fustor::LadderSource>(fustor::EngineMode::fanotify);
    case fustor::WatchMode::inotify:
    case fustor::WatchMode::poll: break;  // polling never opens it
  }
  return std::make_unique<fustor::InotifySource>();
}

/** An engine on a root, and the view of one who drains it. Not thread safe: the test's thread does everything. */
class Watch {
 public:
  /** With the real event source of the mode, unless one is given. */
  explicit Watch(fustor::WatchConfig config, std::unique_ptr<fustor::EventSource> source = nullptr) : root(config.root) {
    if (source == nullptr) source = source_for(config.mode);
    engine = fustor::make_watcher(std::move(config), std::move(source), [bell = bell_] {
      std::lock_guard lock(bell->mutex);
      bell->rung = true;
      bell->changed.notify_all();
    });
  }
  ~Watch() { engine->close(); }

  const std::string root;
  std::shared_ptr<fustor::Watcher> engine;
  View view;

  /** Drains what is there, but not for ever when writers are faster; true when there was something. */
  bool drain() {
    fustor::LiveBatch batch;
    bool any = false;
    for (int i = 0; i < 32 && engine->drain(batch); i++) {
      if (live_waits_) {
        waiting_.push_back(batch.json);
      } else {
        view.apply(batch.json);
      }
      any = true;
    }
    return any;
  }

  /** Drains until the condition holds; false when it does not in time. */
  bool until(const std::function<bool()>& holds, Clock::duration patience = kPatience) {
    const auto deadline = Clock::now() + patience;
    for (;;) {
      drain();
      if (holds()) return true;
      if (Clock::now() > deadline) return false;
      std::unique_lock lock(bell_->mutex);
      bell_->changed.wait_for(lock, std::chrono::milliseconds(5), [this] { return bell_->rung; });
      bell_->rung = false;
    }
  }

  bool available() const {
    std::string reason;
    return engine->root_state(reason) == fustor::RootState::available;
  }
  std::string why_unavailable() const {
    std::string reason;
    return engine->root_state(reason) == fustor::RootState::unavailable ? reason : "";
  }

  /** Takes a whole snapshot into the view beside the changes; false when it does not end well. */
  bool take_snapshot(size_t chunk_bytes = 1 << 20, uint32_t chunks = 4) {
    const auto stream = engine->open_snapshot({chunk_bytes, chunks});
    return take(*stream);
  }
  bool take(fustor::BulkStream& stream, Clock::duration patience = kPatience) {
    fustor::Poll last = fustor::Poll::pending;
    const bool ended = until(
        [&] {
          fustor::Chunk* chunk;
          while ((last = stream.poll_next(chunk)) == fustor::Poll::chunk) {
            view.apply_snapshot(*chunk);
            stream.release(chunk->slot);
          }
          return last != fustor::Poll::pending;
        },
        patience);
    return ended && last == fustor::Poll::end && stream.summary().complete;
  }

  /** Start, first pass and a snapshot: the view equals the disk. */
  bool begin() {
    engine->start();
    view.complete = until([this] { return available(); }) && take_snapshot();
    return view.complete;
  }

  /** The same beside the first pass, by a consumer that applies every row in bulk before any change, as it may. Writers have to stop. */
  bool begin_bulk_first() {
    engine->start();
    live_waits_ = true;
    const bool whole = take_snapshot(4096, 4);
    live_waits_ = false;
    for (const std::string& json : std::exchange(waiting_, {})) view.apply(json);
    while (drain()) {
    }
    view.complete = whole;
    return whole;
  }

  /** What still differs when the patience has run out, "" when view and disk are equal and the engine is at rest. */
  std::string settle(Clock::duration patience = kPatience, const std::function<bool(const std::string&)>& enter = {}) {
    // The comparison costs more than the engine's own work, so there is none while the engine is known to be busy.
    const auto compare = [&] { return difference(disk(root, enter), view.rows); };
    const auto settled = [&] { return engine->status().queue_depth == 0 && compare().empty() && !drain(); };
    std::string rest = until(settled, patience) ? "" : compare();
    for (const std::string& key : view.orphans) rest += "    before its directory " + key + "\n";
    return rest;
  }

 private:
  struct Bell {
    std::mutex mutex;
    std::condition_variable changed;
    bool rung = false;
  };
  std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  bool live_waits_ = false;
  std::vector<std::string> waiting_;
};

// ---- the tree -------------------------------------------------------------------------------------------------------------------

/** A folder of its own with an empty `root` in it, removed at the end. */
class Place {
 public:
  Place() {
    std::string name = (fs::temp_directory_path() / "fustor-watch-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    top = name;
    root = top + "/root";
    fs::create_directory(root);
  }
  ~Place() {
    std::error_code ignored;
    fs::remove_all(top, ignored);
  }
  std::string top, root;

  std::string operator/(std::string_view below) const { return root + "/" + std::string(below); }
  void make(std::string_view directory) const { fs::create_directories(*this / directory); }
  void write(std::string_view file, std::string_view text = "x") const { std::ofstream(*this / file) << text; }
  bool rename(std::string_view from, std::string_view to) const {
    return ::rename((*this / from).c_str(), (*this / to).c_str()) == 0;
  }
  bool away(std::string_view from, std::string_view to) const {  // out of the root
    return ::rename((*this / from).c_str(), (top + "/" + std::string(to)).c_str()) == 0;
  }
  void remove(std::string_view path) const { fs::remove_all(*this / path); }

  fustor::WatchConfig config() const {
    fustor::WatchConfig config;
    config.root = root;
    config.threads = 2;
    config.open_entries = 4;  // trees of tests are small, and packed directories are to be met all the time
    config.young_ms = 0;  // what a test makes in a slow moment is not to be found by a look that nothing asked for
    return config;
  }
  fustor::WatchConfig config(const Engine& engine) const {
    fustor::WatchConfig config = this->config();
    config.mode = engine.mode;
    if (engine.polls()) config.poll_ms = 100;
    return config;
  }
};

}  // namespace watching
