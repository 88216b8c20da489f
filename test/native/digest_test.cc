// Digests against the vectors that their makers publish, and the table that keeps them.
#include "sweep/hash/digest.h"

#include <algorithm>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "watch/sweep/digest_table.h"

using namespace fustor;

namespace {

/** The bytes 0, 1, ... 250, 0, 1, ...: what BLAKE3's vectors are made of. */
std::vector<uint8_t> counted(size_t length) {
  std::vector<uint8_t> bytes(length);
  for (size_t i = 0; i < length; i++) bytes[i] = static_cast<uint8_t>(i % 251);
  return bytes;
}

std::string hex(DigestKind kind, const Digest& digest) {
  std::string text;
  for (size_t i = 0; i < digest_bytes(kind); i++) {
    char two[3];
    std::snprintf(two, sizeof(two), "%02x", digest[i]);
    text += two;
  }
  return text;
}

std::string hex_of(DigestKind kind, const std::vector<uint8_t>& bytes) {
  Digester digester;
  digester.begin(kind);
  digester.update(bytes.data(), bytes.size());
  return hex(kind, digester.finish());
}

struct Vector {
  size_t length;
  const char* xxh3;
  const char* sha256;
  const char* blake3;
};

const Vector kVectors[] = {
    {0, "99aa06d3014798d86001c324468d497f",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {1, "a6cd5e9392000f6ac44bdff4074eecdb",
     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
     "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
    {64, "9c6e140a465545e590c1971ddb04ce74",
     "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108",
     "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
    {240, "65b5be86da5540e7c92b68e16f83bbb6",
     "abf4bafcddb38bbf3855e47b5e61b75dedbcf42aa44ffd4bb85d0b08d97e2682",
     "45e1a0dc23dbe51733d7269a3c0f519c2a63b0718835b2b537677eba734db0d8"},
    {241, "1da1cb61bcb8a2a102e8cd95421c6d02",
     "211882aeac8a599b0a55ec280e1a978923edef69cd86541bcbd58db864c45eac",
     "749b36ae651c22e8567db692a6876e0ca4fd3daeb7aa8fa3ab2f642ccc69a8f6"},
    {1023, "4325711b0ed4d742d3d91d80ac495685",
     "1c5e88a585b61754df6137d66632a7348557a88358afc401b0a0a4fc427104a9",
     "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
    {1024, "d0ac1f7b93bf57b9e5d78bafa45b2aa5",
     "2bce1ba628720664be4b9fdd77aae0678e5f0f3f02fc6ff641ec879094f6a404",
     "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    {8193, "eaa446aa30f78391d6735a2b792cf505",
     "7e3691790cd64b19d4edb1a80e988214515abeb53aa0f34ffbfe4b4bf405d120",
     "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
    {31744, "786ea195976b880d5162bbaf8b257803",
     "3cfe29c8d109f9f2c47826c78f931f31fdec70a2cf0ddfbba8fe8009a729dd42",
     "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
    {102400, "ecd387d36185351b1428e17f1cac2837",
     "74588b7f0bcc354ac14d9cf199fa3a20c05f0c7293b9075b2f2e146e718de800",
     "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
};

SweepFacts facts_of(uint64_t ino) { return {ino, 10, {5, 6}, {7, 8}, EntryKind::file}; }

Digest digest_of(uint8_t first) {
  Digest digest{};
  digest[0] = first;
  return digest;
}

}  // namespace

TEST("every digest is that of the algorithm's own implementations") {
  for (const Vector& vector : kVectors) {
    const auto bytes = counted(vector.length);
    CHECK_EQ(hex_of(DigestKind::xxh3, bytes), vector.xxh3);
    CHECK_EQ(hex_of(DigestKind::sha256, bytes), vector.sha256);
    CHECK_EQ(hex_of(DigestKind::blake3, bytes), vector.blake3);
  }
}

TEST("a digest in pieces, continued from copied bytes, is that of the whole") {
  const uint32_t seed = std::random_device{}();
  std::printf("     seed %u\n", seed);
  std::mt19937 random(seed);
  const auto bytes = counted(300'000);
  for (const DigestKind kind : {DigestKind::xxh3, DigestKind::sha256, DigestKind::blake3}) {
    Digester digester;
    digester.begin(kind);
    for (size_t at = 0; at < bytes.size();) {
      const size_t length = std::min<size_t>(random() % 5000, bytes.size() - at);
      digester.update(bytes.data() + at, length);
      at += length;
      const Digester copy = digester;
      digester.begin(DigestKind::sha256);
      digester = copy;
    }
    CHECK_EQ(hex(kind, digester.finish()), hex_of(kind, bytes));
  }
}

TEST("zeros of a hole count as zeros") {
  for (const DigestKind kind : {DigestKind::xxh3, DigestKind::sha256, DigestKind::blake3}) {
    Digester digester;
    digester.begin(kind);
    digester.update_zeros(700'001);
    CHECK_EQ(hex(kind, digester.finish()), hex_of(kind, std::vector<uint8_t>(700'001)));
  }
}

namespace {

DigestKey key_of(uint64_t ino, DigestKind kind = DigestKind::xxh3, uint64_t dev = 1) { return {kind, dev, facts_of(ino)}; }

void drop_rest(DigestTable& table) {
  size_t segment = 0;
  while (table.drop_rest(segment)) continue;
}

double thread_ms() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e3 + static_cast<double>(spent.tv_nsec) / 1e6;
}

}  // namespace

TEST("the table knows a digest again, tells another one, and forgets what was not kept") {
  DigestTable table;
  for (uint64_t ino = 0; ino < 100'000; ino++) {
    CHECK(table.put(key_of(ino), digest_of(1)) == DigestTable::Known::first);
  }
  CHECK_EQ(table.size(), 100'000u);
  for (const uint64_t ino : {5, 6}) table.keep(key_of(ino));
  drop_rest(table);
  CHECK_EQ(table.size(), 2u);
  CHECK(table.put(key_of(5), digest_of(1)) == DigestTable::Known::same);
  CHECK(table.put(key_of(6), digest_of(2)) == DigestTable::Known::other);
  CHECK(table.put(key_of(6), digest_of(2)) == DigestTable::Known::same);
  CHECK(table.put(key_of(6, DigestKind::xxh3, 2), digest_of(2)) == DigestTable::Known::first);
  CHECK(table.put(key_of(6, DigestKind::sha256), digest_of(2)) == DigestTable::Known::first);
  SweepFacts touched = facts_of(6);
  touched.ctime.nsec++;
  CHECK(table.put({DigestKind::xxh3, 1, touched}, digest_of(2)) == DigestTable::Known::first);
  CHECK(table.put(key_of(7), digest_of(1)) == DigestTable::Known::first);
  drop_rest(table);
  CHECK_EQ(table.size(), 0u);
}

TEST("the table takes at most 40 bytes a file while it grows and shrinks, and no call stops its caller for long") {
  DigestTable table;
  double slowest = 0;
  const auto timed = [&](auto call) {
    const double begun = thread_ms();
    const auto answer = call();
    slowest = std::max(slowest, thread_ms() - begun);
    return answer;
  };
  for (uint64_t ino = 0; ino < 600'000; ino++) {
    timed([&] { return table.put(key_of(ino), digest_of(1)); });
    if (ino >= 100'000 && ino % 1000 == 0) CHECK(table.bytes() <= 40 * table.size());
  }
  for (uint64_t ino = 0; ino < 600'000; ino += 3) table.keep(key_of(ino));
  size_t segment = 0;
  while (timed([&] { return table.drop_rest(segment); })) continue;
  CHECK_EQ(table.size(), 200'000u);
  CHECK(table.bytes() <= 40 * table.size());
  for (uint64_t ino = 0; ino < 600'000; ino += 3) CHECK(table.put(key_of(ino), digest_of(1)) == DigestTable::Known::same);
  std::printf("     slowest call %.1f ms\n", slowest);
  CHECK(slowest < 20);  // a table in one piece: 100 ms here, unsanitized
}

TEST("the table says what was put since the last time, and since when a file waits for its digest") {
  DigestTable table;
  CHECK(!table.was_put(key_of(1)));
  table.put(key_of(1), digest_of(1));
  CHECK(table.was_put(key_of(1)));
  CHECK_EQ(table.waits_since(key_of(2), 70), 70u);
  table.wait(key_of(2), 50);
  table.wait(key_of(2), 60);
  CHECK_EQ(table.waits_since(key_of(2), 70), 50u);
  CHECK(!table.was_put(key_of(2)));
  for (const uint64_t ino : {1, 2}) table.keep(key_of(ino));
  drop_rest(table);
  CHECK(!table.was_put(key_of(1)));
  CHECK_EQ(table.waits_since(key_of(2), 70), 50u);
  CHECK(table.put(key_of(2), digest_of(1)) == DigestTable::Known::first);
  CHECK_EQ(table.waits_since(key_of(2), 70), 70u);
  table.wait(key_of(1), 80);
  CHECK(table.put(key_of(1), digest_of(1)) == DigestTable::Known::same);
}
