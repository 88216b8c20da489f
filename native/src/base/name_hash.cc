#include "base/name_hash.h"

#include <sys/random.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace fustor {

namespace {

struct Key {
  uint64_t low;
  uint64_t high;
};

Key random_key() {
  Key key{};
  size_t got = 0;
  while (got < sizeof(key)) {
    const ssize_t more = ::getrandom(reinterpret_cast<char*>(&key) + got, sizeof(key) - got, 0);
    if (more > 0) got += static_cast<size_t>(more);
    if (more < 0 && errno != EINTR) break;
  }
  if (got == sizeof(key)) return key;
  // A kernel or a sandbox without getrandom: the address of the stack and the time, which outsiders cannot see well.
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  key.low ^= reinterpret_cast<uintptr_t>(&key) ^ static_cast<uint64_t>(now.tv_nsec) << 32;
  key.high ^= static_cast<uint64_t>(now.tv_sec) ^ static_cast<uint64_t>(::getpid()) << 32;
  return key;
}

const Key& the_key() {
  static const Key key = random_key();
  return key;
}

struct SipState {
  uint64_t v0, v1, v2, v3;

  SipState(uint64_t key0, uint64_t key1)
      : v0(key0 ^ 0x736f6d6570736575), v1(key1 ^ 0x646f72616e646f6d), v2(key0 ^ 0x6c7967656e657261), v3(key1 ^ 0x7465646279746573) {}

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
  uint64_t finish() {
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

uint64_t word_at(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

uint64_t siphash13(uint64_t key0, uint64_t key1, std::string_view text) {
  SipState state(key0, key1);
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= text.size(); at += sizeof(uint64_t)) state.take(word_at(text.data() + at));
  char rest[sizeof(uint64_t)] = {};
  std::memcpy(rest, text.data() + at, text.size() - at);
  state.take(word_at(rest) | static_cast<uint64_t>(text.size()) << 56);
  return state.finish();
}

uint64_t keyed_hash(std::string_view text) {
  const Key& key = the_key();
  return siphash13(key.low, key.high, text);
}

uint64_t keyed_hash(uint64_t one, uint64_t other) {
  const Key& key = the_key();
  SipState state(key.low, key.high);
  state.take(one);
  state.take(other);
  return state.finish();
}

}  // namespace fustor
