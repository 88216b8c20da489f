// File systems and directories that find a name under other spellings than the one they list it under: FAT, NTFS, CIFS, casefold
// directories of ext4. There a stat proves nothing about a spelling: only a listing does.
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

/** `name` with its ASCII letters in the other case; "" when it has none. */
std::string respelled(std::string_view name);

/** The same text for all spellings that differ in the case of ASCII letters. */
std::string folded(std::string_view name);

/** How the file system below this directory spells, found out with a name that exists in it; `unknown` when that name does not tell. */
Spelling spelling_of(int directory_fd, const std::string& name);

/** Whether this directory answers to other spellings, where that is a property of directories. */
bool folds_case(int directory_fd);

/** Of these names those that no listing has; false when the directory could not be listed to its end. */
bool names_not_listed(int directory_fd, std::vector<std::string>& names);

}  // namespace fustor
