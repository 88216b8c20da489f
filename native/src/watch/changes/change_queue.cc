#include "watch/changes/change_queue.h"

#include <sys/inotify.h>

#include <algorithm>

#include "base/name_codec.h"

namespace fustor {

namespace {
void append_number(std::string& out, uint64_t number) { out += std::to_string(number); }

void append_path(std::string& out, std::string_view json_dir, std::string_view name) {
  std::string wire;
  encode_wire(name, wire);
  out += json_dir;
  out += '/';
  append_json_text(wire, out);
}

constexpr struct {
  uint32_t bit;
  const char* name;
} kMaskNames[] = {
    {IN_ACCESS, "IN_ACCESS"},         {IN_MODIFY, "IN_MODIFY"},           {IN_ATTRIB, "IN_ATTRIB"},
    {IN_CLOSE_WRITE, "IN_CLOSE_WRITE"}, {IN_MOVED_FROM, "IN_MOVED_FROM"},   {IN_MOVED_TO, "IN_MOVED_TO"},
    {IN_CREATE, "IN_CREATE"},         {IN_DELETE, "IN_DELETE"},           {IN_DELETE_SELF, "IN_DELETE_SELF"},
    {IN_MOVE_SELF, "IN_MOVE_SELF"},   {IN_UNMOUNT, "IN_UNMOUNT"},         {IN_Q_OVERFLOW, "IN_Q_OVERFLOW"},
    {IN_IGNORED, "IN_IGNORED"},       {IN_ISDIR, "IN_ISDIR"},
};
}  // namespace

std::string& ChangeQueue::open_change(const char* operation, int64_t since_ns) {
  if (batches_.empty() || batches_.back().count >= kBatchChanges || batches_.back().json.size() >= kBatchBytes ||
      !batches_.back().mark.empty()) {
    batches_.emplace_back();
  }
  ChangeBatch& batch = batches_.back();
  if (batch.since_ns == 0 || since_ns < batch.since_ns) batch.since_ns = since_ns;
  batch.count++;
  count_++;
  std::string& out = batch.json;
  if (out.size() > 1) out += ',';
  out += R"({"op":")";
  out += operation;
  out += R"(","key":")";
  return out;
}

void ChangeQueue::close_change(size_t before) { bytes_ += batches_.back().json.size() - before; }

void ChangeQueue::upsert(std::string_view json_dir, std::string_view name, const FileStat& stat, AtomicFlag atomic, uint64_t sequence,
                         int64_t since_ns) {
  std::string& out = open_change("update", since_ns);
  const size_t before = out.size();
  append_path(out, json_dir, name);
  out += R"(","sequence":)";
  append_number(out, sequence);
  out += stat.kind == EntryKind::directory ? R"(,"isContainer":true,"row":)" : R"(,"isContainer":false,"row":)";
  append_fs_row(out, json_dir, name, stat, atomic);
  out += '}';
  close_change(before);
}

void ChangeQueue::upsert_root(const FileStat& stat, uint64_t sequence, int64_t since_ns) {
  std::string& out = open_change("update", since_ns);
  const size_t before = out.size();
  out += R"(/","sequence":)";
  append_number(out, sequence);
  out += R"(,"isContainer":true,"row":)";
  append_root_row(out, stat);
  out += '}';
  close_change(before);
}

void ChangeQueue::remove(std::string_view json_dir, std::string_view name, bool container, uint64_t sequence, int64_t since_ns) {
  std::string& out = open_change("delete", since_ns);
  const size_t before = out.size();
  append_path(out, json_dir, name);
  out += R"(","sequence":)";
  append_number(out, sequence);
  out += container ? R"(,"isContainer":true,"row":{"path":")" : R"(,"isContainer":false,"row":{"path":")";
  append_path(out, json_dir, name);
  out += R"("}})";
  close_change(before);
}

void ChangeQueue::mark(std::string text) {
  if (batches_.empty() || !batches_.back().mark.empty()) batches_.emplace_back();
  batches_.back().mark = std::move(text);
}

void ChangeQueue::raw(uint32_t mask, std::string_view json_path, uint32_t cookie, int32_t watch) {
  if (raw_.size() > kRawBytes) {  // the agent does not read: report once that events are missing, as the kernel does
    if (raw_lost_) return;
    raw_lost_ = true;
    mask = IN_Q_OVERFLOW;
    json_path = "";
    watch = -1;
  }
  raw_ += R"({"mask":[)";
  bool first = true;
  for (const auto& [bit, name] : kMaskNames) {
    if (!(mask & bit)) continue;
    raw_ += first ? "\"" : ",\"";
    raw_ += name;
    raw_ += '"';
    first = false;
  }
  raw_ += R"(],"path":")";
  raw_ += json_path;
  raw_ += R"(","cookie":)";
  append_number(raw_, cookie);
  raw_ += R"(,"wd":)";
  raw_ += std::to_string(watch);
  raw_ += "}\n";
}

bool ChangeQueue::take(ChangeBatch& out) {
  if (batches_.empty()) return false;
  out = std::move(batches_.front());
  batches_.pop_front();
  count_ -= out.count;
  if (batches_.empty()) {
    bytes_ = 0;
  } else {
    bytes_ -= std::min(bytes_, out.json.size());
  }
  out.json += ']';
  return true;
}

void ChangeQueue::drop_changes() {
  batches_.clear();
  bytes_ = count_ = 0;
}

}  // namespace fustor
