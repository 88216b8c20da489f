#include "base/filter.h"

#include "base/glob.h"

namespace fustor {

namespace {
/**
 * One spelling for one absolute path: no doubled or trailing slashes, no `.` segments. `..` stays, because only the
 * disk shows where it leads.
 */
std::string normalized(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    if (segment.empty() || segment == ".") continue;
    out += '/';
    out += segment;
  }
  return out.empty() ? "/" : out;
}

bool is_same_or_below(std::string_view path, std::string_view top) {
  if (top == "/") return true;
  return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/');
}
}  // namespace

Filter::Filter(const FilterSpec& spec, std::string_view absolute_root) : file_pattern_(spec.file_pattern) {
  every_name_ = file_pattern_.empty() || file_pattern_ == "*";
  for (std::string pattern : spec.exclude) {
    const bool directories_only = pattern.size() > 1 && pattern.ends_with('/');
    while (pattern.size() > 1 && pattern.ends_with('/')) pattern.pop_back();
    const bool anchored = pattern.find('/') != std::string::npos;
    if (pattern.starts_with('/')) pattern.erase(0, 1);
    if (pattern.empty()) continue;
    needs_path_ = needs_path_ || anchored;
    excludes_.push_back({std::move(pattern), anchored, directories_only});
  }
  const std::string root = normalized(absolute_root);
  for (const std::string& excluded : spec.exclude_paths) {
    const std::string path = normalized(excluded);
    if (is_same_or_below(root, path)) {
      root_excluded_ = true;
    } else if (is_same_or_below(path, root)) {
      exact_.emplace_back(path.substr(root == "/" ? 1 : root.size() + 1));
      needs_path_ = true;
    }
  }
}

bool Filter::wants(std::string_view directory, std::string_view name, EntryKind kind) const {
  if (!every_name_ && kind != EntryKind::directory && kind != EntryKind::unknown && !glob_match(file_pattern_, name)) return false;
  if (excludes_.empty() && exact_.empty()) return true;
  std::string path;
  if (needs_path_) {
    path.reserve(directory.size() + name.size() + 1);
    path.append(directory);
    if (!path.empty()) path += '/';
    path.append(name);
  }
  for (const std::string& exact : exact_) {
    if (path == exact) return false;
  }
  for (const Exclude& exclude : excludes_) {
    if (exclude.directories_only && kind != EntryKind::directory) continue;
    if (glob_match(exclude.pattern, exclude.anchored ? std::string_view(path) : name)) return false;
  }
  return true;
}

}  // namespace fustor
