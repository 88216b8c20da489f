#pragma once

#include <string_view>

namespace fustor {

/**
 * Shell pattern over bytes with UTF-8 characters: `*` any run without a slash, `?` one character, `[a-z]`, `[!x]`,
 * `[^x]` classes (an unclosed bracket is itself), `**` any run with slashes; at the start of a segment and before a
 * slash it stands for any number of directories, none too. No escapes, as in Python's fnmatch. Never exponential: at
 * most pattern times text times longest segment.
 */
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace fustor
