#include "base/row_mapper.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/json_row.h"

namespace fustor {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t skip_blanks(std::string_view text, size_t at) {
  while (at < text.size() && is_blank(text[at])) at++;
  return at;
}

/** Behind the closing quote of the string that begins at `at`; npos when there is none. */
size_t string_end(std::string_view text, size_t at) {
  for (at++; at < text.size(); at++) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') at++;
  }
  return std::string_view::npos;
}

/** Behind the value that begins at `at`. It finds only the end of the value: rows are valid JSON. */
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

bool is_word(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char c, char wanted) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) == wanted;
  });
}

/** Digits with a fraction and an exponent, and nothing else. */
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

}  // namespace

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

RowMapper::RowMapper(const std::vector<MappingStep>& steps) {
  for (const MappingStep& from : steps) {
    Step step;
    step.constant = from.constant;
    step.type = from.type;
    for (const std::string& segment : from.target) {
      auto& siblings = step.path.empty() ? top_ : nodes_[step.path.back()].children;
      const auto found = std::find_if(siblings.begin(), siblings.end(), [&](uint32_t id) { return nodes_[id].name == segment; });
      uint32_t id = static_cast<uint32_t>(nodes_.size());
      if (found != siblings.end()) {
        id = *found;
      } else {
        siblings.push_back(id);  // before the nodes move
        Node node;
        node.name = segment;
        node.key = "\"";
        append_json_text(segment, node.key);
        node.key += "\":";
        nodes_.push_back(std::move(node));
      }
      step.path.push_back(id);
    }
    if (step.path.empty()) continue;
    if (step.constant.empty()) {
      const auto found = std::find_if(members_.begin(), members_.end(), [&](const Member& member) { return member.name == from.source; });
      step.member = static_cast<int32_t>(found - members_.begin());
      if (found == members_.end()) members_.push_back({from.source, {}});
    }
    steps_.push_back(std::move(step));
  }
  made_.resize(steps_.size());
}

bool RowMapper::map(std::string_view row, std::string& out) {
  for (Node& node : nodes_) node.state = State::absent;
  made_count_ = 0;
  if (!read(row) || !run()) return false;
  if (std::none_of(top_.begin(), top_.end(), [this](uint32_t id) { return nodes_[id].state != State::absent; })) return true;
  write(top_, out);
  return true;
}

/** Finds the members that steps ask for. Of two with the same name the later one counts. */
bool RowMapper::read(std::string_view row) {
  for (Member& member : members_) member.value = {};
  size_t at = skip_blanks(row, 0);
  if (at >= row.size() || row[at] != '{') return false;
  at = skip_blanks(row, at + 1);
  if (at < row.size() && row[at] == '}') return true;
  for (;;) {
    if (at >= row.size() || row[at] != '"') return false;
    const size_t key_end = string_end(row, at);
    if (key_end == std::string_view::npos) return false;
    const std::string_view key = row.substr(at + 1, key_end - at - 2);
    if (key.find('\\') != std::string_view::npos) return false;
    at = skip_blanks(row, key_end);
    if (at >= row.size() || row[at] != ':') return false;
    at = skip_blanks(row, at + 1);
    const size_t end = value_end(row, at);
    if (end == std::string_view::npos) return false;
    for (Member& member : members_) {
      if (member.name == key) member.value = row.substr(at, end - at);
    }
    at = skip_blanks(row, end);
    if (at < row.size() && row[at] == '}') return skip_blanks(row, at + 1) == row.size();
    if (at >= row.size() || row[at] != ',') return false;
    at = skip_blanks(row, at + 1);
  }
}

bool RowMapper::run() {
  for (uint32_t i = 0; i < steps_.size(); i++) {
    std::string_view value;
    if (!value_of(steps_[i], value)) return false;
    if (!value.empty() && !assign(i, value)) return false;
  }
  return true;
}

bool RowMapper::value_of(const Step& step, std::string_view& value) {
  if (!step.constant.empty()) {
    value = step.constant;
    return true;
  }
  const std::string_view raw = members_[static_cast<size_t>(step.member)].value;
  if (raw.empty() || raw == "null") return true;
  return convert(step.type, raw, value);
}

bool RowMapper::convert(ConvertTo type, std::string_view raw, std::string_view& value) {
  const char first = raw[0];
  const bool is_container = first == '{' || first == '[';
  const bool is_number = is_digit(first) || first == '-';
  value = raw;
  switch (type) {
    case ConvertTo::nothing: return true;
    case ConvertTo::string: {
      if (first == '"') return true;
      if (is_container) return false;
      if (!is_number) {
        value = keep('"' + std::string(raw) + '"');
        return true;
      }
      double number = 0;
      if (!parse_double(raw, number)) return false;
      std::string text = "\"";
      append_js_number(number == 0 ? 0.0 : number, text);
      value = keep(std::move(text) + '"');
      return true;
    }
    case ConvertTo::integer:
    case ConvertTo::number: return to_number(type == ConvertTo::integer, raw, value);
    case ConvertTo::boolean: {
      if (first == 't' || first == 'f') return true;
      bool truth = true;
      if (first == '"') {
        if (raw.find('\\') != std::string_view::npos) return false;
        const std::string_view text = raw.substr(1, raw.size() - 2);
        truth = is_word(text, "true") || text == "1" || is_word(text, "yes") || is_word(text, "on");
      } else if (is_number) {
        double number = 0;
        if (!parse_double(raw, number)) return false;
        truth = number != 0;
      }
      value = truth ? "true" : "false";
      return true;
    }
  }
  return false;
}

/**
 * A value that does not convert stays as it is. Text that only JavaScript reads as a number ("0x1f", " 7 ") is left to
 * the full parser.
 */
bool RowMapper::to_number(bool whole, std::string_view raw, std::string_view& value) {
  const char first = raw[0];
  if (first == 't' || first == 'f') {
    value = first == 't' ? "1" : "0";
    return true;
  }
  if (first == '{' || first == '[') return true;
  const bool is_text = first == '"';
  const std::string_view text = is_text ? raw.substr(1, raw.size() - 2) : raw;
  if (is_text) {
    if (text.empty()) return true;
    if (text.find('\\') != std::string_view::npos) return false;
    const auto c = static_cast<unsigned char>(text[0]);
    // No number begins like this.
    if (c > ' ' && c < 0x80 && !is_digit(text[0]) && std::strchr("+-.I", c) == nullptr) return true;
    if (!is_decimal(text)) return false;
  }
  if (!is_text && !whole) return true;
  double number = 0;
  if (!parse_double(text, number)) return false;
  if (whole && is_text && number != std::trunc(number)) return true;
  std::string out;
  append_js_number(whole ? std::trunc(number) : number, out);
  value = keep(std::move(out));
  return true;
}

/** False when the target lies inside an object of the row or of a constant: that needs the full parser. */
bool RowMapper::assign(uint32_t step_number, std::string_view value) {
  const std::vector<uint32_t>& path = steps_[step_number].path;
  for (size_t i = 0; i + 1 < path.size(); i++) {
    Node& node = nodes_[path[i]];
    if (node.state == State::value) {
      if (node.value[0] == '{') return false;
      if (std::find(conflicts.begin(), conflicts.end(), step_number) == conflicts.end()) conflicts.push_back(step_number);
      return true;
    }
    node.state = State::object;
  }
  Node& node = nodes_[path.back()];
  if (node.state == State::object) clear_below(node);
  node.state = State::value;
  node.value = value;
  return true;
}

void RowMapper::clear_below(Node& node) {
  for (const uint32_t id : node.children) {
    clear_below(nodes_[id]);
    nodes_[id].state = State::absent;
  }
}

std::string_view RowMapper::keep(std::string text) {
  std::string& place = made_[made_count_++];
  place = std::move(text);
  return place;
}

void RowMapper::write(const std::vector<uint32_t>& nodes, std::string& out) const {
  char separator = '{';
  for (const uint32_t id : nodes) {
    const Node& node = nodes_[id];
    if (node.state == State::absent) continue;
    out += separator;
    separator = ',';
    out.append(node.key);
    if (node.state == State::value) {
      out.append(node.value);
    } else {
      write(node.children, out);
    }
  }
  out.append(separator == '{' ? "{}" : "}");
}

}  // namespace fustor
