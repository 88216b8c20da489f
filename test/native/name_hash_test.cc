#include "base/name_hash.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "watch/schedule/dirty_set.h"
#include "watch/model/tree_table.h"

namespace {

constexpr uint64_t kMul = 0xc6a4a7935bd1e995;

uint64_t inverse(uint64_t odd) {
  uint64_t guess = odd;
  for (int i = 0; i < 6; i++) guess *= 2 - odd * guess;
  return guess;
}
uint64_t shift_mix(uint64_t v) { return v ^ (v >> 47); }
uint64_t block(uint64_t v) { return shift_mix(v * kMul) * kMul; }
uint64_t unblock(uint64_t v) { return shift_mix(v * inverse(kMul)) * inverse(kMul); }

/** Names of 16 bytes that the standard library's hash, whose seed is known to all, takes for one. */
std::vector<std::string> names_that_meet(size_t count) {
  std::vector<std::string> names;
  const uint64_t start = 0xc70f6907ull ^ (16 * kMul);
  for (uint64_t free = 1; names.size() < count; free++) {
    uint64_t words[2] = {free * 0x9e3779b97f4a7c15, 0};
    const uint64_t middle = (start ^ block(words[0])) * kMul;
    words[1] = unblock(middle ^ 0x0123456789abcdef);
    std::string name(16, '\0');
    std::memcpy(name.data(), words, 16);
    if (name.find('\0') == std::string::npos && name.find('/') == std::string::npos) names.push_back(name);
  }
  return names;
}

double seconds_of(const std::function<void()>& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

void fill_directory(const std::vector<std::string>& names) {
  fustor::Directory directory;
  const fustor::FileStat stat{};
  for (const std::string& name : names) {
    if (directory.find(name) == nullptr) directory.insert(name, stat);
  }
  CHECK_EQ(directory.live_entries(), names.size());
}

}  // namespace

TEST("SipHash-1-3 is the one everybody knows") {
  const uint64_t key0 = 0x0706050403020100;
  const uint64_t key1 = 0x0f0e0d0c0b0a0908;
  CHECK_EQ(fustor::siphash13(key0, key1, ""), 0xabac0158050fc4dcu);
  CHECK(fustor::siphash13(key0, key1, "a") != fustor::siphash13(key0 + 1, key1, "a"));
  CHECK(fustor::siphash13(key0, key1, "a") != fustor::siphash13(key0, key1 + 1, "a"));
  CHECK_EQ(fustor::keyed_hash("same"), fustor::keyed_hash(std::string("same")));
}

TEST("names that somebody chose to meet in one slot cost no more than others") {
  constexpr size_t kNames = 20'000;
  const std::vector<std::string> chosen = names_that_meet(kNames);
#ifdef __GLIBCXX__
  CHECK_EQ(std::hash<std::string_view>{}(chosen.front()), std::hash<std::string_view>{}(chosen.back()));
#endif
  std::vector<std::string> others;
  for (size_t i = 0; i < kNames; i++) others.push_back("measurement-" + std::to_string(10'000 + i));
  const double usual = seconds_of([&] { fill_directory(others); });
  const double worst = seconds_of([&] { fill_directory(chosen); });
  CHECK(worst < usual * 20 + 0.05);  // the other hash takes a thousand times as long
  fustor::MarkedNames marks;
  const double marking = seconds_of([&] {
    for (const std::string& name : chosen) marks[name].flags = 1;
  });
  CHECK(marking < usual * 20 + 0.05);
}
