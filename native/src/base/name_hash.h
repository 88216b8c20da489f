// The hash of everything that other users choose: names, and numbers that a file system of theirs returns.
//
// SipHash-1-3 (Aumasson and Bernstein) with a key of 128 random bits, drawn once per process: a user who may create
// files in the tree cannot choose names that fall into one slot, which would make every look-up go through all of them.
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace fustor {

uint64_t keyed_hash(std::string_view text);
/** Of two numbers. */
uint64_t keyed_hash(uint64_t one, uint64_t other);

/** SipHash-1-3 itself, for its test vectors. */
uint64_t siphash13(uint64_t key0, uint64_t key1, std::string_view text);

/** For maps with names as keys; a string_view finds a string. */
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return static_cast<size_t>(keyed_hash(text)); }
};

/** For maps with inode numbers as keys. */
struct InodeHash {
  size_t operator()(uint64_t inode) const { return static_cast<size_t>(keyed_hash(inode, 0)); }
};

using SameName = std::equal_to<>;

}  // namespace fustor
