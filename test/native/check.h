// The harness of the engine's tests: one executable per file, no dependency.
//
//   TEST("a directory's row comes before those of its children") { CHECK(...); CHECK_EQ(actual, expected); }
//
// A failed check is printed with its place and the test goes on; REQUIRE ends it. A test that cannot run here calls check::skipped and
// returns: the runner counts it, and CI fails unless test/allowed-skips.json names it. An argument runs only tests whose name contains it.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace check {

struct Test {
  std::string name;
  std::function<void()> body;
};

struct Abandoned {};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

/** Failures of the running test. */
inline int& failures() {
  static int count = 0;
  return count;
}

struct Registration {
  Registration(std::string name, std::function<void()> body) { tests().push_back({std::move(name), std::move(body)}); }
};

/** Says that what follows in this test cannot be tried here, and why. scripts/test-native.mjs reads the line; a forked child may say it, too. */
inline void skipped(const std::string& why) {
  std::printf("  skipped: %s\n", why.c_str());
  std::fflush(stdout);
}

/** Control characters and what is not ASCII as \xNN: names in these tests are odd on purpose. */
inline std::string printable(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) {
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), c < 0x20 || c >= 0x7F ? "\\x%02X" : "%c", c);
    out += escaped;
  }
  return out;
}

template <class Value>
std::string show(const Value& value) {
  std::ostringstream text;
  if constexpr (std::is_enum_v<Value>) {
    text << static_cast<long long>(value);
  } else {
    text << std::boolalpha << value;
  }
  return printable(text.str());
}

inline void fail(const char* file, int line, const std::string& what) {
  failures()++;
  if (failures() <= 20) std::printf("  %s:%d: %s\n", file, line, what.c_str());
  if (failures() == 21) std::printf("  ... more\n");
}

inline bool that(bool holds, const char* file, int line, const char* expression) {
  if (!holds) fail(file, line, expression);
  return holds;
}

template <class Actual, class Expected>
bool equal(const Actual& actual, const Expected& expected, const char* file, int line, const char* expression) {
  if (actual == expected) return true;
  fail(file, line, std::string(expression) + ": " + show(actual) + ", expected " + show(expected));
  return false;
}

inline int run(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  int passed = 0;
  int failed = 0;
  for (const Test& test : tests()) {
    if (argc > 1 && test.name.find(argv[1]) == std::string::npos) continue;
    failures() = 0;
    const auto begun = std::chrono::steady_clock::now();
    try {
      test.body();
    } catch (const Abandoned&) {
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    std::printf("%s %s (%.1f s)\n", failures() == 0 ? "ok  " : "FAIL", test.name.c_str(), seconds);
    (failures() == 0 ? passed : failed)++;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace check

#define CHECK_JOIN_(a, b) a##b
#define CHECK_JOIN(a, b) CHECK_JOIN_(a, b)
#define TEST(name)                                                                                              \
  static void CHECK_JOIN(test_, __LINE__)();                                                                    \
  static const check::Registration CHECK_JOIN(registration_, __LINE__)(name, &CHECK_JOIN(test_, __LINE__));     \
  static void CHECK_JOIN(test_, __LINE__)()

#define CHECK(expression) check::that(static_cast<bool>(expression), __FILE__, __LINE__, #expression)
#define CHECK_EQ(actual, expected) check::equal(actual, expected, __FILE__, __LINE__, #actual)
#define REQUIRE(expression) \
  if (!CHECK(expression)) throw check::Abandoned {}
#define REQUIRE_EQ(actual, expected) \
  if (!CHECK_EQ(actual, expected)) throw check::Abandoned {}

int main(int argc, char** argv) { return check::run(argc, argv); }
