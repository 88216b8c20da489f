// `fields_mapping` for rows in bulk: a projection that reads JSON text and writes JSON text, compiled once.
//
// Its results are those of src/pipe/encode/field-mapper.ts. `map` returns false for a row that needs a full parser (an
// object or an array as text, a key or a number in an unusual spelling, a target inside an object of the row).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fustor {

enum class ConvertTo : uint8_t { nothing, string, integer, number, boolean };

struct MappingStep {
  std::vector<std::string> target;  // segments, UTF-8
  std::string constant;             // JSON text; wins over the source. "" = none
  std::string source;               // name of a member of the row, UTF-8
  ConvertTo type = ConvertTo::nothing;
};

/** For one thread at a time. Waits for nothing. */
class RowMapper {
 public:
  explicit RowMapper(const std::vector<MappingStep>& steps);

  /**
   * Appends the mapped row, or nothing when no target has a value. False when the row needs a full parser; then `out`
   * is as before. It leaves out steps whose target lies below a plain value, and adds their numbers to `conflicts`.
   */
  bool map(std::string_view row, std::string& out);

  /** Numbers of the steps that were left out so far; the caller may clear it. */
  std::vector<uint32_t> conflicts;

 private:
  enum class State : uint8_t { absent, value, object };
  /** A segment of a target, with its value in the present row. */
  struct Node {
    std::string name;
    std::string key;  // "name": in JSON
    std::vector<uint32_t> children;
    State state = State::absent;
    std::string_view value;
  };
  struct Step {
    std::vector<uint32_t> path;  // nodes from the top to the target
    std::string constant;
    int32_t member = -1;  // in members_
    ConvertTo type = ConvertTo::nothing;
  };
  struct Member {
    std::string name;
    std::string_view value;  // of the present row; empty = not there
  };

  bool read(std::string_view row);
  bool run();
  /** False when the row needs a full parser. `value` empty = the target is left out. */
  bool value_of(const Step& step, std::string_view& value);
  bool convert(ConvertTo type, std::string_view raw, std::string_view& value);
  bool to_number(bool whole, std::string_view raw, std::string_view& value);
  bool assign(uint32_t step_number, std::string_view value);
  std::string_view keep(std::string text);
  void write(const std::vector<uint32_t>& nodes, std::string& out) const;
  void clear_below(Node& node);

  std::vector<Node> nodes_;
  std::vector<uint32_t> top_;
  std::vector<Step> steps_;
  std::vector<Member> members_;
  // Texts of converted values; each has a fixed place, so that views of them stay valid.
  std::vector<std::string> made_;
  size_t made_count_ = 0;
};

/** As JavaScript writes a finite number, except that -0 keeps its sign. */
void append_js_number(double number, std::string& out);

}  // namespace fustor
