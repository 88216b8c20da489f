// The form of a journal: which names came into the tree table, left it, or were put in doubt since a checkpoint began
// (docs/decisions/0033).
//
//   file    = magic, version (u32), frame of the header, frames of records
//   frame   = length (u32), checksum of the length (u32), checksum of the payload (u32), payload of so many bytes
//   header  = boot, name of this journal, name of the journal before it (texts)
//   record  = changes/name_record.h
//
// Both checksums go on from the checksum of the header and from the number of the frame. The length has one of its own,
// so that a changed length is not taken for a cut.
//
// Names stand in the directory that the last record of kind `directory` named; each frame begins without one. A frame is
// what one write(2) took. A kill may cut the last one: what it holds was not handed over yet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "watch/changes/name_record.h"
#include "watch/index/index_format.h"

namespace fustor {

constexpr std::string_view kJournalMagic = "fustor agent jrn";
constexpr uint32_t kJournalVersion = 1;
constexpr size_t kFrameHeadBytes = 12;
constexpr size_t kMostFrameBytes = 256u << 20;

/** False when it is none. */
inline bool next_record(IndexDecoder& decoder, NameRecord& record) {
  const uint64_t kind = decoder.number();
  if (kind < static_cast<uint64_t>(NameKind::begin) || kind > static_cast<uint64_t>(NameKind::doubted)) return false;
  record = {static_cast<NameKind>(kind), {}, 0, 0};
  if (record.kind != NameKind::run) record.text = decoder.text();
  if (has_inode(record.kind)) record.inode = decoder.number();
  if (has_node(record.kind)) record.node = decoder.number();
  return decoder.is_good();
}

/** Who wrote a journal, and what it continues. */
struct JournalHeader {
  std::string boot;      // of the machine
  std::string name;      // of this file, unlike any other
  std::string previous;  // of the journal that it continues; "" = of none
};

}  // namespace fustor
