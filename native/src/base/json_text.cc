#include "base/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/row_mapper.h"

namespace fustor {

namespace {
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
}  // namespace

size_t skip_blanks(std::string_view text, size_t at) {
  while (at < text.size() && is_blank(text[at])) at++;
  return at;
}

size_t string_end(std::string_view text, size_t at) {
  for (at++; at < text.size(); at++) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') at++;
  }
  return std::string_view::npos;
}

size_t value_end(std::string_view text, size_t at) {
  if (at >= text.size()) return std::string_view::npos;
  if (text[at] == '"') return string_end(text, at);
  if (text[at] != '{' && text[at] != '[') {
    const size_t begin = at;
    while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' && !is_blank(text[at])) at++;
    return at == begin ? std::string_view::npos : at;
  }
  size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at);
      if (at == std::string_view::npos) return at;
      continue;
    }
    at++;
    if (c == '{' || c == '[') depth++;
    if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return std::string_view::npos;
}

bool is_decimal(std::string_view text) {
  size_t at = !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
  size_t digits = 0;
  for (; at < text.size() && is_digit(text[at]); at++) digits++;
  if (at < text.size() && text[at] == '.') {
    for (at++; at < text.size() && is_digit(text[at]); at++) digits++;
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    at++;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) at++;
    const size_t exponent = at;
    while (at < text.size() && is_digit(text[at])) at++;
    if (at == exponent) return false;
  }
  return at == text.size();
}

bool parse_double(std::string_view text, double& number) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

void append_js_number(double number, std::string& out) {
  if (std::signbit(number)) out += '-';
  number = std::fabs(number);
  if (number == 0) {
    out += '0';
    return;
  }
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number, std::chars_format::scientific);
  const char* const begin = text;
  const char* const mark = std::find(begin, static_cast<const char*>(end), 'e');
  std::string digits(1, text[0]);
  if (mark > begin + 2) digits.append(begin + 2, mark);
  int exponent = 0;
  std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (count <= point && point <= 21) {
    out.append(digits).append(static_cast<size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out.append(digits, 0, static_cast<size_t>(point)).append(1, '.').append(digits, static_cast<size_t>(point));
  } else if (-6 < point && point <= 0) {
    out.append("0.").append(static_cast<size_t>(-point), '0').append(digits);
  } else {
    out += digits[0];
    if (count > 1) out.append(1, '.').append(digits, 1);
    out.append(exponent < 0 ? "e-" : "e+").append(std::to_string(std::abs(exponent)));
  }
}

}  // namespace fustor
