#include "base/name_codec.h"

#include <array>
#include <cstdint>

#include "check.h"

using fustor::decode_wire;
using fustor::encode_wire;

namespace {

const std::string kEscape = "\xE2\x80\x9B";

/** By arithmetic on the code point, unlike the table of byte ranges in the engine. 0 when `text` does not start with a character. */
size_t character_bytes(std::string_view text) {
  const auto byte = [text](size_t i) -> uint32_t { return static_cast<unsigned char>(text[i]); };
  size_t bytes = 1;
  uint32_t point = byte(0);
  if (point >= 0x80) {
    while (bytes <= 6 && (byte(0) << bytes & 0x80) != 0) bytes++;
    if (bytes < 2 || bytes > 4) return 0;  // as many bytes as leading ones; a single one is a continuation
    point = byte(0) & (0x7F >> bytes);
    if (text.size() < bytes) return 0;
    for (size_t i = 1; i < bytes; i++) {
      if (byte(i) >> 6 != 2) return 0;
      point = point << 6 | (byte(i) & 0x3F);
    }
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool shortest = bytes == 1 || point >= kLeast[bytes];
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return shortest && !surrogate && point <= 0x10FFFF ? bytes : 0;
}

void expected_wire(std::string_view raw, std::string& out) {
  while (!raw.empty()) {
    const size_t bytes = character_bytes(raw);
    if (bytes == 0) {
      char escaped[8];
      std::snprintf(escaped, sizeof(escaped), "%02X", static_cast<unsigned char>(raw[0]));
      out += kEscape + escaped;
      raw.remove_prefix(1);
      continue;
    }
    if (raw.substr(0, bytes) == kEscape) out += kEscape;
    out += raw.substr(0, bytes);
    raw.remove_prefix(bytes);
  }
}

/** Independent of decode_wire: the bytes a text stands for if read naively, then judged by the way back. */
bool expected_raw(std::string_view text, std::string& raw) {
  const auto hex = [](char digit) { return std::string_view("0123456789ABCDEF").find(digit); };
  for (size_t i = 0; i < text.size();) {
    if (text.substr(i, 3) != kEscape) {
      raw += text[i++];
    } else if (text.substr(i + 3, 3) == kEscape) {
      raw += kEscape;
      i += 6;
    } else if (i + 5 <= text.size() && hex(text[i + 3]) < 16 && hex(text[i + 4]) < 16) {
      raw += static_cast<char>(hex(text[i + 3]) * 16 + hex(text[i + 4]));
      i += 5;
    } else {
      return false;
    }
  }
  std::string again;
  expected_wire(raw, again);
  return again == text && raw.find('\0') == std::string::npos;
}

/** Encodes as expected, and comes back unless it holds a NUL. */
bool round_trips(std::string_view raw) {
  static std::string wire, expected, back;  // reused: this runs millions of times
  wire.clear();
  expected.clear();
  back.clear();
  encode_wire(raw, wire);
  expected_wire(raw, expected);
  if (wire != expected) return false;
  const bool decoded = decode_wire(wire, back);
  return raw.find('\0') == std::string_view::npos ? decoded && back == raw : !decoded;
}

void check_round_trip(std::string_view raw) {
  if (!round_trips(raw)) CHECK_EQ(raw, "a name that comes back");
}

}  // namespace

TEST("every name of one or two bytes encodes as an independent reader of UTF-8 says, and comes back") {
  for (int a = 0; a < 256; a++) {
    const char one[] = {static_cast<char>(a)};
    check_round_trip({one, 1});
    for (int b = 0; b < 256; b++) {
      const char two[] = {static_cast<char>(a), static_cast<char>(b)};
      check_round_trip({two, 2});
    }
  }
}

TEST("every name of three bytes that does not begin with plain ASCII does too") {
  for (int a = 0x7F; a < 256; a++) {  // 0x7F stands for ASCII, which leaves the two other bytes to themselves
    for (int b = 0; b < 256; b++) {
      for (int c = 0; c < 256; c++) {
        const char three[] = {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)};
        check_round_trip({three, 3});
      }
    }
  }
}

TEST("names of four bytes at every boundary of UTF-8 do too") {
  constexpr unsigned char kEdges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9B, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE2, 0xFF};
  for (int first = 0xDF; first < 256; first++) {
    for (int second = 0; second < 256; second++) {
      for (const unsigned char third : kEdges) {
        for (const unsigned char fourth : kEdges) {
          const char four[] = {static_cast<char>(first), static_cast<char>(second), static_cast<char>(third), static_cast<char>(fourth)};
          check_round_trip({four, 4});
        }
      }
    }
  }
}

TEST("a text decodes exactly when it is what encoding makes") {
  const std::string tokens[] = {kEscape, "F", "f", "4", "1", "C", "3", "A", "9", "/", "\xC3\xA9", "\xFF", std::string(1, '\0'), "B"};
  constexpr size_t kTokens = std::size(tokens);
  size_t accepted = 0;
  size_t combinations = 1;
  for (int length = 0; length <= 5; length++, combinations *= kTokens) {
    for (size_t n = 0; n < combinations; n++) {
      std::string text;
      for (size_t rest = n, i = 0; i < static_cast<size_t>(length); i++, rest /= kTokens) text += tokens[rest % kTokens];
      std::string raw, expected;
      const bool decoded = decode_wire(text, raw);
      const bool should = expected_raw(text, expected);
      if (decoded != should || (decoded && raw != expected)) CHECK_EQ(text, should ? "accepted" : "refused");
      accepted += decoded;
    }
  }
  CHECK(accepted > 1000);
}

TEST("what is appended to is left alone") {
  std::string out = "\xE2\x80";
  encode_wire("\x9B", out);
  CHECK_EQ(out, "\xE2\x80\xE2\x80\x9B" "9B");
  std::string raw = "\xC3";
  CHECK(decode_wire(kEscape + "A9", raw));
  CHECK_EQ(raw, "\xC3\xA9");
}

TEST("surrogates, overlong forms and what lies beyond U+10FFFF are bytes") {
  const std::pair<std::string_view, std::string> cases[] = {
      {"\xED\xA0\x80", kEscape + "ED" + kEscape + "A0" + kEscape + "80"},
      {"\xC0\xAF", kEscape + "C0" + kEscape + "AF"},
      {"\xF4\x90\x80\x80", kEscape + "F4" + kEscape + "90" + kEscape + "80" + kEscape + "80"},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
      {"a\xE2\x80\x9B" "b", "a" + kEscape + kEscape + "b"},
  };
  for (const auto& [raw, expected] : cases) {
    std::string wire;
    encode_wire(raw, wire);
    CHECK_EQ(wire, expected);
  }
}
