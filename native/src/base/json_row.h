// Rows of the fs schema as JSON text, written once and sent as they are. Times are `sec.nnnnnnnnn`: the shortest text
// that keeps every nanosecond and parses to the double nearest to it.
#pragma once

#include <string>
#include <string_view>

#include "base/file_stat.h"

namespace fustor {

enum class AtomicFlag : int8_t { absent = -1, no = 0, yes = 1 };

/** Appends UTF-8 text with JSON escapes, without quotes. */
void append_json_text(std::string_view utf8, std::string& out);

/** Before 1970 too: sec -2 and nsec 500000000 is -1.500000000. */
void append_timestamp(Timestamp time, std::string& out);

/**
 * A directory's wire path, JSON-escaped, without trailing slash: "" for the root. `raw` is relative, without leading
 * slash.
 */
void append_json_dir(std::string_view raw, std::string& out);

/** A whole row; `json_dir` as above. */
void append_fs_row(std::string& out, std::string_view json_dir, std::string_view raw_name, const FileStat& stat,
                   AtomicFlag atomic);

/** Adds to a file's row the state of its directory from which the file was read. */
void append_listed_in(std::string& row, std::string_view json_dir, Timestamp directory_mtime);

/** Adds to a directory's row that its children are not all in this audit. */
void append_audit_skipped(std::string& row);

/** The root's own row: path "/", file_name "". */
void append_root_row(std::string& out, const FileStat& stat);

}  // namespace fustor
