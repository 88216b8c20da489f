// A name that came into the tree table or left it, as the journal of the index has it (index/journal_format.h).
//
// Records name no directory: they lie in the one that the last record of kind `directory` named.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/varint.h"

namespace fustor {

enum class NameKind : uint64_t {
  begin = 1,      // a checkpoint of this generation begins: a text
  written = 2,    // that checkpoint was written: a text. Between the two the table changed under the writer
  run = 3,        // another run goes on: nodes have other numbers
  directory = 4,  // what follows lies in it: its path
  file = 5,       // a name that is no directory came: the name
  made = 6,       // a directory came: name, inode
  moved = 7,      // a directory that had left came back here with what it held: name, inode, number of its node
  gone = 8,       // a name that is no directory left: the name
  left = 9,       // a directory left with what it held: name, number of its node
  doubted = 10,   // the receiver may lack this name and what lies below it: the name
};

constexpr bool has_inode(NameKind kind) { return kind == NameKind::made || kind == NameKind::moved; }
constexpr bool has_node(NameKind kind) { return kind == NameKind::left || kind == NameKind::moved; }

struct NameRecord {
  NameKind kind = NameKind::run;
  std::string_view text;
  uint64_t inode = 0;
  uint64_t node = 0;
};

/** The number of its kind, and what that kind has beside it. Texts are their length and their bytes. */
inline void append_record(std::string& out, const NameRecord& record) {
  append_varint(static_cast<uint64_t>(record.kind), out);
  if (record.kind != NameKind::run) {
    append_varint(record.text.size(), out);
    out.append(record.text);
  }
  if (has_inode(record.kind)) append_varint(record.inode, out);
  if (has_node(record.kind)) append_varint(record.node, out);
}

}  // namespace fustor
