#include "base/json_row.h"

#include <algorithm>
#include <charconv>

#include "base/name_codec.h"

namespace fustor {

namespace {
constexpr char kLowerHex[] = "0123456789abcdef";

bool needs_escape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c == 0x7F; }

/** Printable ASCII without quotes or backslashes: nearly every name. */
bool is_plain(std::string_view text) {
  for (const unsigned char c : text) {
    if (c >= 0x7F || needs_escape(c)) return false;
  }
  return true;
}

template <class Number>
void append_integer(Number number, std::string& out) {
  char text[24];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
  out.append(text, end);
}

/** Name or path segment: wire form, then JSON. */
void append_json_name(std::string_view raw, std::string& out) {
  if (is_plain(raw)) {
    out.append(raw);
    return;
  }
  std::string wire;
  encode_wire(raw, wire);
  append_json_text(wire, out);
}

void append_columns(std::string& out, const FileStat& stat, AtomicFlag atomic) {
  out.append(R"(","size":)");
  append_integer(stat.size, out);
  out.append(R"(,"modified_time":)");
  append_timestamp(stat.mtime, out);
  out.append(R"(,"created_time":)");
  append_timestamp(stat.ctime, out);
  out.append(stat.kind == EntryKind::directory ? R"(,"is_directory":true)" : R"(,"is_directory":false)");
  if (atomic == AtomicFlag::yes) out.append(R"(,"is_atomic_write":true)");
  if (atomic == AtomicFlag::no) out.append(R"(,"is_atomic_write":false)");
  out += '}';
}
}  // namespace

void append_json_text(std::string_view utf8, std::string& out) {
  for (const char raw : utf8) {
    const auto c = static_cast<unsigned char>(raw);
    if (!needs_escape(c)) {
      out += raw;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += raw;
    } else {
      out.append("\\u00");
      out += kLowerHex[c >> 4];
      out += kLowerHex[c & 15];
    }
  }
}

void append_timestamp(Timestamp time, std::string& out) {
  int64_t sec = time.sec;
  uint32_t nsec = std::min(time.nsec, 999'999'999u);  // the value may come from a server
  if (sec < 0) {
    out += '-';
    if (nsec > 0) {
      sec++;
      nsec = 1'000'000'000 - nsec;
    }
  }
  const uint64_t magnitude = sec < 0 ? 0 - static_cast<uint64_t>(sec) : static_cast<uint64_t>(sec);
  append_integer(magnitude, out);
  char fraction[10] = {'.', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
  for (int i = 9; nsec > 0; i--, nsec /= 10) fraction[i] = static_cast<char>('0' + nsec % 10);
  out.append(fraction, sizeof(fraction));
}

void append_json_dir(std::string_view raw, std::string& out) {
  if (raw.empty()) return;
  out += '/';
  append_json_name(raw, out);
}

void append_fs_row(std::string& out, std::string_view json_dir, std::string_view raw_name, const FileStat& stat, AtomicFlag atomic) {
  out.append(R"({"path":")");
  out.append(json_dir);
  out += '/';
  const size_t name_at = out.size();
  append_json_name(raw_name, out);
  const size_t name_length = out.size() - name_at;
  out.append(R"(","file_name":")");
  out.append(out, name_at, name_length);
  append_columns(out, stat, atomic);
}

void append_listed_in(std::string& row, std::string_view json_dir, Timestamp directory_mtime) {
  row.pop_back();
  row.append(R"(,"parent_path":")");
  row.append(json_dir.empty() ? "/" : json_dir);
  row.append(R"(","parent_mtime":)");
  append_timestamp(directory_mtime, row);
  row += '}';
}

void append_audit_skipped(std::string& row) {
  row.pop_back();
  row.append(R"(,"audit_skipped":true})");
}

void append_root_row(std::string& out, const FileStat& stat) {
  out.append(R"({"path":"/","file_name":")");
  append_columns(out, stat, AtomicFlag::absent);
}

}  // namespace fustor
