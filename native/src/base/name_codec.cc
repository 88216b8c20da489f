#include "base/name_codec.h"

#include <cstdint>

namespace fustor {

namespace {
constexpr std::string_view kEscape = "\xE2\x80\x9B";  // U+201B
constexpr char kUpperHex[] = "0123456789ABCDEF";

bool continues(uint8_t byte) { return (byte & 0xC0) == 0x80; }

/** Length of the valid UTF-8 sequence at the beginning of `text`, 0 when its first byte is not part of one. */
size_t sequence_length(std::string_view text) {
  const auto at = [text](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(at(1)) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(at(1)) || !continues(at(2))) return 0;
    if (first == 0xE0 && at(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && at(1) > 0x9F) return 0;  // surrogates
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(at(1)) || !continues(at(2)) || !continues(at(3))) return 0;
    if (first == 0xF0 && at(1) < 0x90) return 0;  // overlong
    if (first == 0xF4 && at(1) > 0x8F) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

size_t ascii_prefix(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && static_cast<uint8_t>(text[length]) < 0x80) length++;
  return length;
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}
}  // namespace

void encode_wire(std::string_view raw, std::string& out) {
  while (!raw.empty()) {
    const size_t plain = ascii_prefix(raw);
    out.append(raw.substr(0, plain));
    raw.remove_prefix(plain);
    if (raw.empty()) return;
    const size_t length = sequence_length(raw);
    if (length == 0) {
      const auto byte = static_cast<uint8_t>(raw[0]);
      out.append(kEscape);
      out += kUpperHex[byte >> 4];
      out += kUpperHex[byte & 15];
      raw.remove_prefix(1);
      continue;
    }
    const std::string_view character = raw.substr(0, length);
    if (character == kEscape) out.append(kEscape);
    out.append(character);
    raw.remove_prefix(length);
  }
}

bool decode_wire(std::string_view text, std::string& out) {
  const size_t begin = out.size();
  for (std::string_view rest = text; !rest.empty();) {
    if (!rest.starts_with(kEscape)) {
      if (rest[0] == '\0') return false;
      out += rest[0];
      rest.remove_prefix(1);
      continue;
    }
    rest.remove_prefix(kEscape.size());
    if (rest.starts_with(kEscape)) {
      out.append(kEscape);
      rest.remove_prefix(kEscape.size());
      continue;
    }
    const int high = rest.size() >= 2 ? hex_value(rest[0]) : -1;
    const int low = rest.size() >= 2 ? hex_value(rest[1]) : -1;
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high << 4 | low);
    rest.remove_prefix(2);
  }
  std::string again;
  encode_wire(std::string_view(out).substr(begin), again);
  return again == text;
}

}  // namespace fustor
