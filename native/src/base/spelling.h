// File systems and directories that find a name under other spellings than the one they list it under: FAT, NTFS, CIFS,
// casefold directories of ext4. There a stat proves nothing about a spelling: only a listing does.
//
// Any thread may call these functions. Those with a descriptor ask its file system and may wait for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fustor {

enum class Spelling : uint8_t {
  unknown,
  exact,          // one name, one spelling
  free,           // every directory of the file system answers to any spelling
  per_directory,  // some directories may (`folds_case`)
};

/** `name` with its ASCII letters in the other case; "" when it has no ASCII letter. */
std::string respelled(std::string_view name);

/** The name in lower case (ASCII only): the same text for all spellings that differ in the case of ASCII letters. */
std::string folded(std::string_view name);

/**
 * How this directory's file system spells, found out with a name that exists in the directory; `unknown` when that name
 * does not show it.
 */
Spelling spelling_of(int directory_fd, const std::string& name);

/**
 * For `per_directory`: whether this directory finds names under other spellings. False also when the file system does
 * not say.
 */
bool folds_case(int directory_fd);

/**
 * Removes from `names` those that a listing has; false when the directory could not be listed to its end, with `names`
 * as they were.
 */
bool names_not_listed(int directory_fd, std::vector<std::string>& names);

}  // namespace fustor
