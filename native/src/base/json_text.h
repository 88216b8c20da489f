// Reading JSON text without making objects of it, and numbers as JavaScript reads and writes them. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fustor {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t skip_blanks(std::string_view text, size_t at);
/** Behind the closing quote of the string that begins at `at`; npos when there is none. */
size_t string_end(std::string_view text, size_t at);
/** Behind the value that begins at `at`. It finds only the end of the value: rows are valid JSON. */
size_t value_end(std::string_view text, size_t at);

/** Digits with a fraction and an exponent, and nothing else. */
bool is_decimal(std::string_view text);
bool parse_double(std::string_view text, double& number);

}  // namespace fustor
