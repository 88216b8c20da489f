#include "base/glob.h"

#include <cstdint>

namespace fustor {

namespace {
size_t character_length(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  const size_t wanted = first < 0xC2 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 1;
  if (wanted > text.size()) return 1;
  for (size_t i = 1; i < wanted; i++) {
    if ((static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) return 1;
  }
  return wanted;
}

uint32_t character_at(std::string_view text, size_t length) {
  uint32_t value = 0;
  for (size_t i = 0; i < length; i++) value = value << 8 | static_cast<uint8_t>(text[i]);
  return value;  // byte order keeps code point order
}

/** Length of the class at the start of the pattern (`[` to `]`), 0 when it is not closed. */
size_t class_length(std::string_view pattern) {
  size_t at = 1;
  if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) at++;
  if (at < pattern.size() && pattern[at] == ']') at++;
  while (at < pattern.size() && pattern[at] != ']') at++;
  return at < pattern.size() ? at + 1 : 0;
}

bool class_matches(std::string_view body, uint32_t character) {
  const bool negated = !body.empty() && (body[0] == '!' || body[0] == '^');
  if (negated) body.remove_prefix(1);
  bool found = false;
  while (!body.empty()) {
    const size_t low_length = character_length(body);
    const uint32_t low = character_at(body, low_length);
    body.remove_prefix(low_length);
    uint32_t high = low;
    if (body.size() >= 2 && body[0] == '-') {
      body.remove_prefix(1);
      const size_t high_length = character_length(body);
      high = character_at(body, high_length);
      body.remove_prefix(high_length);
    }
    found = found || (character >= low && character <= high);
  }
  return found != negated;
}

/** Matches one element that is no star at the start of both; 0 pattern bytes when it does not match. */
struct Step {
  size_t pattern;
  size_t text;
};

Step match_one(std::string_view pattern, std::string_view text) {
  if (text.empty()) return {0, 0};
  const size_t length = character_length(text);
  if (pattern[0] == '?') return text[0] == '/' ? Step{0, 0} : Step{1, length};
  if (pattern[0] == '[') {
    const size_t whole = class_length(pattern);
    if (whole > 0) {
      const bool matches = text[0] != '/' && class_matches(pattern.substr(1, whole - 2), character_at(text, length));
      return matches ? Step{whole, length} : Step{0, 0};
    }
  }
  return pattern[0] == text[0] ? Step{1, 1} : Step{0, 0};
}
}  // namespace

// Two places to return to are enough: the last `*` and the last `**`. A later star of a kind makes earlier ones of that
// kind superfluous.
bool glob_match(std::string_view pattern, std::string_view text) {
  struct Star {
    size_t pattern;
    size_t text;
    bool set = false;
    bool segments = false;  // `**/`: goes on at the beginning of a segment only
  };
  Star single{0, 0};
  Star doubled{0, 0};
  size_t p = 0;
  size_t t = 0;
  for (;;) {
    if (p < pattern.size() && pattern[p] == '*') {
      const bool deep = p + 1 < pattern.size() && pattern[p + 1] == '*';
      const bool at_segment = p == 0 || pattern[p - 1] == '/';
      while (p < pattern.size() && pattern[p] == '*') p++;
      const bool segments = deep && at_segment && p < pattern.size() && pattern[p] == '/';
      if (segments) p++;
      (deep ? doubled : single) = {p, t, true, segments};
      if (deep) single.set = false;
      continue;
    }
    if (p == pattern.size() && t == text.size()) return true;
    const Step step = p < pattern.size() ? match_one(pattern.substr(p), text.substr(t)) : Step{0, 0};
    if (step.pattern > 0) {
      p += step.pattern;
      t += step.text;
      continue;
    }
    if (single.set && single.text < text.size() && text[single.text] != '/') {
      single.text += character_length(text.substr(single.text));
      p = single.pattern;
      t = single.text;
    } else if (single.set && single.text == text.size()) {
      return false;  // tried to the end of the text: a later place of the `**` would only try less
    } else if (doubled.set && doubled.text < text.size()) {
      if (doubled.segments) {
        const size_t slash = text.find('/', doubled.text);
        if (slash == std::string_view::npos) return false;
        doubled.text = slash + 1;
      } else {
        doubled.text += character_length(text.substr(doubled.text));
      }
      single.set = false;
      p = doubled.pattern;
      t = doubled.text;
    } else {
      return false;
    }
  }
}

}  // namespace fustor
