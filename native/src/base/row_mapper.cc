#include "base/row_mapper.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/json_row.h"
#include "base/json_text.h"

namespace fustor {

namespace {
bool is_word(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char c, char wanted) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) == wanted;
  });
}
}  // namespace

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
