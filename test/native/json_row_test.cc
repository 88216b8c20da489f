#include "base/json_row.h"

#include <cinttypes>
#include <limits>
#include <random>

#include "base/name_codec.h"
#include "check.h"

using namespace fustor;

namespace {

std::string timestamp(int64_t sec, uint32_t nsec) {
  std::string out;
  append_timestamp({sec, nsec}, out);
  return out;
}

/** In nanoseconds, with 128 bits: no case distinction to get wrong. */
std::string expected_timestamp(int64_t sec, uint32_t nsec) {
  const __int128 total = static_cast<__int128>(sec) * 1'000'000'000 + nsec;
  const unsigned __int128 magnitude = total < 0 ? -static_cast<unsigned __int128>(total) : static_cast<unsigned __int128>(total);
  char text[64];
  std::snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu64, total < 0 ? "-" : "", static_cast<uint64_t>(magnitude / 1'000'000'000),
                static_cast<uint64_t>(magnitude % 1'000'000'000));
  return text;
}

FileStat a_file() { return {.dev = 1, .ino = 2, .size = 42, .mtime = {1, 5}, .ctime = {2, 0}, .kind = EntryKind::file, .nlink = 1}; }

std::string row(std::string_view raw_directory, std::string_view raw_name, const FileStat& stat, AtomicFlag atomic) {
  std::string dir, out;
  append_json_dir(raw_directory, dir);
  append_fs_row(out, dir, raw_name, stat, atomic);
  return out;
}

/** The text of a JSON string that begins at `text[at]`, escapes undone. Control characters in it are an error ("!"). */
std::string json_string(std::string_view text, size_t at) {
  std::string out;
  for (size_t i = at + 1; i < text.size() && text[i] != '"'; i++) {
    if (static_cast<unsigned char>(text[i]) < 0x20) return "!";
    if (text[i] != '\\') {
      out += text[i];
    } else if (text[i + 1] == 'u') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 4)), nullptr, 16));
      i += 5;
    } else {
      out += text[++i];
    }
  }
  return out;
}

std::string member(const std::string& row, const std::string& key) {
  const size_t at = row.find('"' + key + "\":\"");
  return at == std::string::npos ? "!" : json_string(row, at + key.size() + 3);
}

}  // namespace

TEST("times before 1970 print as the right decimal") {
  CHECK_EQ(timestamp(0, 0), "0.000000000");
  CHECK_EQ(timestamp(-1, 0), "-1.000000000");
  CHECK_EQ(timestamp(-1, 500'000'000), "-0.500000000");
  CHECK_EQ(timestamp(-1, 999'999'999), "-0.000000001");
  CHECK_EQ(timestamp(-2, 500'000'000), "-1.500000000");
  CHECK_EQ(timestamp(1'700'000'000, 123'456'789), "1700000000.123456789");
}

TEST("every time equals the decimal of its nanoseconds") {
  const int64_t edges[] = {std::numeric_limits<int64_t>::min(), -1'000'000'000, -2, -1, 0, 1, 4'294'967'296,
                           std::numeric_limits<int64_t>::max()};
  for (const int64_t sec : edges) {
    for (const uint32_t nsec : {0u, 1u, 10u, 500'000'000u, 999'999'999u}) CHECK_EQ(timestamp(sec, nsec), expected_timestamp(sec, nsec));
  }
  const unsigned seed = std::random_device{}();
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100'000; i++) {
    const auto sec = static_cast<int64_t>(random()) >> random() % 64;
    const auto nsec = static_cast<uint32_t>(random() % 1'000'000'000);
    if (!CHECK_EQ(timestamp(sec, nsec), expected_timestamp(sec, nsec))) std::printf("  seed %u\n", seed);
  }
}

TEST("a file's row is this text") {
  const std::string expected =
      R"({"path":"/a/b","file_name":"b","size":42,"modified_time":1.000000005,"created_time":2.000000000,"is_directory":false})";
  CHECK_EQ(row("a", "b", a_file(), AtomicFlag::absent), expected);
}

TEST("the atomic flag appears only when it is known") {
  CHECK(row("", "b", a_file(), AtomicFlag::yes).ends_with(R"("is_directory":false,"is_atomic_write":true})"));
  CHECK(row("", "b", a_file(), AtomicFlag::no).ends_with(R"("is_directory":false,"is_atomic_write":false})"));
  CHECK(row("", "b", a_file(), AtomicFlag::absent).find("atomic") == std::string::npos);
}

TEST("a row of the largest size keeps it exactly") {
  FileStat stat = a_file();
  stat.size = std::numeric_limits<uint64_t>::max();
  CHECK(row("", "b", stat, AtomicFlag::absent).find(R"("size":18446744073709551615,)") != std::string::npos);
}

TEST("only a directory is a directory, whatever else an entry is") {
  for (const EntryKind kind : {EntryKind::file, EntryKind::directory, EntryKind::symlink, EntryKind::fifo, EntryKind::socket,
                               EntryKind::block_device, EntryKind::char_device}) {
    FileStat stat = a_file();
    stat.kind = kind;
    const bool says_so = row("", "x", stat, AtomicFlag::absent).find(R"("is_directory":true)") != std::string::npos;
    CHECK_EQ(says_so, kind == EntryKind::directory);
  }
}

TEST("the root's own row has the path / and no name") {
  FileStat stat = a_file();
  stat.kind = EntryKind::directory;
  std::string out;
  append_root_row(out, stat);
  CHECK_EQ(out, R"({"path":"/","file_name":"","size":42,"modified_time":1.000000005,"created_time":2.000000000,"is_directory":true})");
}

TEST("names of any one and two bytes come back out of the row's JSON") {
  for (int a = 1; a < 256; a++) {
    for (int b = 1; b < 256; b++) {
      if (a == '/' || b == '/') continue;
      const char bytes[] = {static_cast<char>(a), static_cast<char>(b)};
      const std::string_view raw(bytes, 2);
      const std::string text = row(raw, raw.substr(0, 1), a_file(), AtomicFlag::absent);
      std::string path, name;
      REQUIRE(decode_wire(member(text, "path"), path));
      REQUIRE(decode_wire(member(text, "file_name"), name));
      REQUIRE_EQ(path, "/" + std::string(raw) + "/" + bytes[0]);
      REQUIRE_EQ(name, std::string(1, bytes[0]));
    }
  }
}

TEST("quotes, backslashes and control characters are escaped") {
  std::string out;
  append_json_text("a\"b\\c\n\x01\x7F", out);
  CHECK_EQ(out, R"(a\"b\\c\u000a\u0001\u007f)");
}
