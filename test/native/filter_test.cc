#include "base/filter.h"

#include <chrono>
#include <random>

#include "base/glob.h"
#include "check.h"

using namespace fustor;

namespace {

/** The definition, spelled out over ASCII with every way to split tried once: slow and plain. */
class Oracle {
 public:
  Oracle(std::string_view pattern, std::string_view text) : pattern_(pattern), text_(text) {}
  bool matches() { return from(0, 0); }

 private:
  bool from(size_t p, size_t t) {
    if (p == pattern_.size()) return t == text_.size();
    int8_t& known = known_[p * (text_.size() + 1) + t];
    if (known == 0) known = decide(p, t) ? 1 : 2;
    return known == 1;
  }

  bool decide(size_t p, size_t t) {
    if (pattern_[p] == '*') {
      size_t stars = 1;
      while (p + stars < pattern_.size() && pattern_[p + stars] == '*') stars++;
      const bool at_segment = p == 0 || pattern_[p - 1] == '/';
      if (stars > 1 && at_segment && p + stars < pattern_.size() && pattern_[p + stars] == '/') return directories(p + stars + 1, t);
      for (size_t end = t;; end++) {
        if (from(p + stars, end)) return true;
        if (end == text_.size() || (stars == 1 && text_[end] == '/')) return false;
      }
    }
    if (t == text_.size()) return false;
    const size_t close = pattern_.find(']', p + (pattern_.substr(p + 1, 1) == "!" ? 3 : 2));
    if (pattern_[p] == '?') return text_[t] != '/' && from(p + 1, t + 1);
    if (pattern_[p] == '[' && close != std::string::npos) {
      return text_[t] != '/' && in_class(pattern_.substr(p + 1, close - p - 1), text_[t]) && from(close + 1, t + 1);
    }
    return pattern_[p] == text_[t] && from(p + 1, t + 1);
  }

  /** A double star before a slash: any number of whole segments. */
  bool directories(size_t p, size_t t) {
    for (size_t at = t; at <= text_.size(); at++) {
      if ((at == t || text_[at - 1] == '/') && from(p, at)) return true;
    }
    return false;
  }

  static bool in_class(std::string body, char c) {
    const bool negated = body[0] == '!';
    if (negated) body.erase(0, 1);
    for (size_t i = 0; i < body.size(); i++) {
      const bool range = i + 2 < body.size() && body[i + 1] == '-';
      if (c >= body[i] && c <= (range ? body[i + 2] : body[i])) return !negated;
      if (range) i += 2;
    }
    return negated;
  }

  const std::string pattern_;
  const std::string text_;
  std::vector<int8_t> known_ = std::vector<int8_t>((pattern_.size() + 1) * (text_.size() + 1), 0);
};

std::string random_text(std::mt19937& random, std::string_view alphabet, size_t longest) {
  std::string text;
  for (size_t i = random() % (longest + 1); i > 0; i--) text += alphabet[random() % alphabet.size()];
  return text;
}

bool wants(const FilterSpec& spec, std::string_view directory, std::string_view name, EntryKind kind = EntryKind::file) {
  return Filter(spec, "/root").wants(directory, name, kind);
}

}  // namespace

TEST("a pattern matches what its definition says") {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"*", "", true},           {"*", "a.txt", true},     {"*", "a/b", false},      {"**", "a/b/c", true},   {"*.txt", ".txt", true},
      {"a**z", "a/b/z", true},   {"a/*/c", "a/b/c", true}, {"a/*/c", "a/b/b/c", false}, {"?", "\xC3\xA9", true}, {"?", "/", false},
      {"??", "\xC3\xA9", false}, {"[a-c]x", "bx", true},   {"[!a-c]x", "bx", false}, {"[!a]", "/", false},    {"[]]", "]", true},
      {"[!]]", "]", false},      {"[a", "[a", true},       {"[a-]", "-", true},      {"[\xC3\xA0-\xC3\xBF]", "\xC3\xA9", true},
      {"a.c", "abc", false},     {"\\*", "\\x", true},     {"", "", true},           {"", "a", false},        {"?", "\xFF", true},
  };
  for (const auto& [pattern, text, expected] : cases) {
    if (glob_match(pattern, text) != expected) CHECK_EQ(std::string(pattern) + " on " + text, expected ? "a match" : "no match");
  }
}

TEST("random patterns match random texts exactly as the plain definition does") {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  int matches = 0;
  for (int i = 0; i < 300'000; i++) {
    const std::string pattern = random_text(random, "aab/**?[!-]", 9);
    const std::string text = random_text(random, "aaab/-", 8);
    const bool expected = Oracle(pattern, text).matches();
    matches += expected;
    if (glob_match(pattern, text) != expected) {
      CHECK_EQ(pattern + " on " + text, expected ? "a match" : "no match");
      std::printf("  seed %u\n", seed);
    }
  }
  CHECK(matches > 1000);
}

TEST("no pattern takes exponential time") {
  const std::string text = std::string(255, 'a');
  const std::string patterns[] = {"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "**a**a**a**a**a**a**a**a**a**a**b", "**a*a**a*a**a*a**a*a**a*a**a*a**b"};
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& pattern : patterns) CHECK(!glob_match(pattern, text));
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took < std::chrono::seconds(5));  // tried one by one, the ways to split are more than 10^20
}

TEST("the file pattern judges everything but directories") {
  const FilterSpec spec{.file_pattern = "*.txt"};
  CHECK(wants(spec, "a", "b.txt"));
  CHECK(!wants(spec, "a", "b.log"));
  CHECK(wants(spec, "a", "b.log", EntryKind::directory));
  CHECK(!wants(spec, "a", "b.log", EntryKind::symlink));
  CHECK(!wants(spec, "a", "b.log", EntryKind::fifo));
  CHECK(wants(spec, "a", "b.log", EntryKind::unknown));
}

TEST("an exclude without a slash matches a name at any depth") {
  const FilterSpec spec{.exclude = {"*.tmp", "node_modules"}};
  CHECK(!wants(spec, "", "x.tmp"));
  CHECK(!wants(spec, "a/b", "x.tmp", EntryKind::directory));
  CHECK(!wants(spec, "a", "node_modules"));
  CHECK(wants(spec, "node_modules", "a"));  // asked about only if the walker went where it should not
  CHECK(wants(spec, "", "x.tmpl"));
}

TEST("an exclude with a slash matches the path from the root") {
  const FilterSpec spec{.exclude = {"/build", "a/*.o", "deep/**/x"}};
  CHECK(!wants(spec, "", "build"));
  CHECK(wants(spec, "a", "build"));
  CHECK(!wants(spec, "a", "m.o"));
  CHECK(wants(spec, "b/a", "m.o"));
  CHECK(wants(spec, "a/b", "m.o"));
  CHECK(!wants(spec, "deep/1/2", "x"));
  CHECK(!wants(spec, "deep", "x"));
}

TEST("a trailing slash restricts an exclude to directories") {
  const FilterSpec spec{.exclude = {"cache/", "/var/run/"}};
  CHECK(!wants(spec, "", "cache", EntryKind::directory));
  CHECK(!wants(spec, "a/b", "cache", EntryKind::directory));
  CHECK(wants(spec, "", "cache", EntryKind::file));
  CHECK(wants(spec, "", "cache", EntryKind::symlink));
  CHECK(!wants(spec, "var", "run", EntryKind::directory));
  CHECK(wants(spec, "b/var", "run", EntryKind::directory));
}

TEST("excluded paths are exact, whatever characters they hold") {
  const FilterSpec spec{.exclude_paths = {"/root/a/[x]*", "/root/home/", "/elsewhere", "/rootling/b"}};
  CHECK(!wants(spec, "a", "[x]*"));
  CHECK(wants(spec, "a", "xy"));
  CHECK(wants(spec, "b/a", "[x]*"));
  CHECK(!wants(spec, "", "home", EntryKind::directory));
  CHECK(wants(spec, "", "home2"));
  CHECK(wants(spec, "", "elsewhere"));
  CHECK(wants(spec, "", "b"));
}

TEST("an excluded path at or above the root leaves nothing") {
  for (const char* path : {"/", "/top", "/top/root", "/top/root/"}) CHECK(!Filter({.exclude_paths = {path}}, "/top/root").wants_root());
  for (const char* path : {"/top/roo", "/top/root2", "/top/root/x"}) CHECK(Filter({.exclude_paths = {path}}, "/top/root").wants_root());
}

TEST("below the root directory itself excluded paths work too") {
  const Filter filter({.exclude_paths = {"/proc", "/var/lib/x"}}, "/");
  CHECK(filter.wants_root());
  CHECK(!filter.wants("", "proc", EntryKind::directory));
  CHECK(!filter.wants("var/lib", "x", EntryKind::directory));
  CHECK(filter.wants("var", "proc", EntryKind::directory));
}
