#pragma once

#include <string_view>

namespace fustor {

/**
 * Shell pattern over bytes with UTF-8 characters: `*` any run without a slash, `?` one character, `[a-z]`, `[!x]`, `[^x]` classes (an
 * unclosed bracket is itself), `**` any run with slashes. No escapes, as in Python's fnmatch. Time is at most pattern length times text
 * length.
 */
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace fustor
