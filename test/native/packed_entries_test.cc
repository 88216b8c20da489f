// Entries as bytes, and which directories the table packs.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "watch/model/packed_entries.h"
#include "watch/model/tree_table.h"

using namespace fustor;

namespace {

struct Known {
  Entry entry;
  std::string name;
};

bool is_same(const Entry& a, const Entry& b) {
  return a.ino == b.ino && a.size == b.size && a.mtime_sec == b.mtime_sec && a.mtime_nsec == b.mtime_nsec &&
         a.ctime_sec == b.ctime_sec && a.ctime_nsec == b.ctime_nsec && a.child == b.child && a.kind == b.kind &&
         a.flags == b.flags;
}

/** Small numbers, huge ones, and both ends of the range. */
template <class Number>
Number some(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0: return 0;
    case 1: return std::numeric_limits<Number>::min();
    case 2: return std::numeric_limits<Number>::max();
    case 3: return static_cast<Number>(random() % 1000);
    case 4: return static_cast<Number>(random() >> (random() % 64));
    default: return static_cast<Number>(random());
  }
}

std::string some_name(std::mt19937_64& random) {
  std::string name(random() % 8 == 0 ? random() % 1024 : random() % 40 + 1, '\0');
  for (char& byte : name) byte = static_cast<char>(random());
  return name;
}

Known some_entry(std::mt19937_64& random) {
  Known known{};
  known.name = some_name(random);
  known.entry.ino = some<uint64_t>(random);
  known.entry.size = some<uint64_t>(random);
  known.entry.mtime_sec = some<int64_t>(random);
  known.entry.mtime_nsec = static_cast<uint32_t>(random() % 3 == 0 ? 0 : random() % 1'000'000'000);
  const bool same_times = random() % 2 == 0;
  known.entry.ctime_sec = same_times ? known.entry.mtime_sec : some<int64_t>(random);
  known.entry.ctime_nsec = same_times ? known.entry.mtime_nsec : static_cast<uint32_t>(random() % 1'000'000'000);
  known.entry.kind = static_cast<EntryKind>(random() % 8);
  known.entry.child = random() % 3 == 0 ? static_cast<DirId>(random() % kNoDir) : kNoDir;
  known.entry.flags = static_cast<uint8_t>(random() & ~uint64_t{kDead});
  return known;
}

FileStat stat_of(uint64_t ino) {
  FileStat stat{};
  stat.ino = ino;
  stat.kind = EntryKind::file;
  return stat;
}

DirId add_directory(TreeTable& table, const std::string& name, uint64_t ino, int files) {
  const DirId id = table.add(kRootDir, name, {1, ino}, false);
  for (int i = 0; i < files; i++) table.at(id).insert("file" + std::to_string(i), stat_of(ino * 1000 + i));
  return id;
}

}  // namespace

TEST("entries of any kind come back from their bytes as they were, without the dead ones") {
  const uint64_t seed = std::random_device{}();
  std::printf("     seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; round++) {
    std::vector<Entry> entries;
    std::vector<Known> wanted;
    std::string names;
    for (size_t i = random() % 50; i > 0; i--) {
      Known known = some_entry(random);
      known.entry.name_offset = names.size();
      known.entry.name_length = static_cast<uint16_t>(known.name.size());
      names += known.name;
      entries.push_back(known.entry);
      if (random() % 5 == 0) {
        entries.back().flags = kDead;
      } else {
        wanted.push_back(known);
      }
    }
    const PackedEntries packed(entries, names);
    CHECK_EQ(packed.count(), wanted.size());
    PackedEntries::Reader reader(packed);
    Entry entry;
    std::string_view name;
    for (const Known& known : wanted) {
      CHECK(reader.next(entry, name));
      CHECK(is_same(entry, known.entry));
      CHECK_EQ(std::string(name), known.name);
    }
    CHECK(!reader.next(entry, name));
  }
}

TEST("a file that was written and left alone takes at most 20 bytes beside its name") {
  std::vector<Entry> entries;
  std::string names;
  for (uint64_t i = 0; i < 1000; i++) {
    Entry entry{};
    entry.ino = 5'000'000 + i * 3;
    entry.size = 100'000 + i * 37;
    entry.mtime_sec = entry.ctime_sec = 1'700'000'000 + static_cast<int64_t>(i);
    entry.mtime_nsec = entry.ctime_nsec = 123'456'789;
    entry.kind = EntryKind::file;
    entry.child = kNoDir;
    entry.name_offset = names.size();
    entry.name_length = 8;
    names += "file0000";
    entries.push_back(entry);
  }
  const PackedEntries packed(entries, names);
  CHECK(packed.bytes() - packed.name_bytes() <= 20 * entries.size());
}

namespace {
constexpr uint32_t kNow = 1000;
}

TEST("directories that nothing looks at are packed, and those that are in use stay open") {
  TreeTable table;
  const DirId owned = add_directory(table, "owned", 2, 10);
  const DirId read = add_directory(table, "read", 3, 10);
  table.at(owned).busy = true;
  table.at(read).readers = 1;
  std::vector<DirId> others;
  for (int i = 0; i < 5000; i++) {
    others.push_back(add_directory(table, "d" + std::to_string(i), 100 + static_cast<uint64_t>(i), 20));
    table.pack_idle(kNow);
  }
  CHECK(table.at(owned).is_open());
  CHECK(table.at(read).is_open());
  CHECK(!table.at(others.front()).is_open());
  CHECK(table.at(others.back()).is_open());
  size_t open = 0;
  for (const DirId id : others) open += table.at(id).is_open() ? table.at(id).live_entries() : 0;
  CHECK(open <= 32'768);
  for (size_t i = 0; i < others.size(); i++) {
    Directory& directory = table.at(others[i]);
    CHECK_EQ(directory.live_entries(), 20u);
    const Entry* entry = directory.find("file7");
    CHECK(entry != nullptr && entry->ino == (100 + i) * 1000 + 7);
    CHECK(directory.find("file20") == nullptr);
    table.pack_idle(kNow);
  }
}

TEST("a directory in use again and again is not packed") {
  TreeTable table;
  const DirId used = add_directory(table, "used", 2, 10);
  for (int i = 0; i < 20'000; i++) {
    add_directory(table, "d" + std::to_string(i), 100 + static_cast<uint64_t>(i), 5);
    table.pack_idle(kNow);
    CHECK(table.at(used).is_open());
    CHECK(table.at(used).find("file1") != nullptr);
  }
}

TEST("directories in which something changed a moment ago stay open, unless far too many are") {
  TreeTable table(1000);
  std::vector<DirId> active;
  for (int i = 0; i < 100; i++) {
    active.push_back(add_directory(table, "a" + std::to_string(i), 100 + static_cast<uint64_t>(i), 70));
    table.at(active.back()).last_active = kNow;
  }
  const auto open = [&] { return std::ranges::count_if(active, [&](DirId id) { return table.at(id).is_open(); }); };
  const auto rest = [&](uint32_t now) {
    for (int i = 0; i < 50; i++) table.pack_idle(now);
  };
  rest(kNow + 1);
  CHECK_EQ(open(), 100);
  add_directory(table, "more", 1000, 1500);
  rest(kNow + 1);
  CHECK(open() < 100);  // 8,500 entries
  CHECK(open() > 80);
  rest(kNow + 10);
  CHECK(open() <= 14);
}

TEST("packing goes on where one call stopped, until no more is open than may be") {
  TreeTable table(100);
  std::vector<DirId> all;
  for (int i = 0; i < 500; i++) all.push_back(add_directory(table, "d" + std::to_string(i), 100 + static_cast<uint64_t>(i), 10));
  int calls = 1;
  while (table.pack_idle(kNow) && calls < 1000) calls++;
  CHECK(calls > 10);  // a call does a little
  CHECK(calls < 100);
  CHECK(std::ranges::count_if(all, [&](DirId id) { return table.at(id).is_open(); }) <= 10);
}

TEST("a directory too large to be opened quickly stays open, and one that was removed costs nothing") {
  TreeTable table;
  const DirId large = add_directory(table, "large", 2, 40'000);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 3000; i++) {
      const DirId id = add_directory(table, "d", 100 + static_cast<uint64_t>(i), 20);
      table.pack_idle(kNow);
      if (i % 2 == 0) table.remove(id);
    }
  }
  CHECK(table.at(large).is_open());
  CHECK(table.at(large).find("file39999") != nullptr);
  size_t open = 0;
  for (DirId id = 0; id < table.capacity(); id++) {
    if (id != large && table.at(id).is_open()) open += table.at(id).live_entries();
  }
  CHECK(open <= 32'768);
}

TEST("an entry of a directory that was packed can be removed, and another inserted") {
  TreeTable table;
  const DirId id = add_directory(table, "d", 2, 30);
  std::map<std::string, uint64_t> wanted;
  for (int i = 0; i < 30; i++) wanted["file" + std::to_string(i)] = 2000 + static_cast<uint64_t>(i);
  for (int i = 0; i < 30; i += 3) {
    table.at(id).pack();
    table.at(id).erase(*table.at(id).find("file" + std::to_string(i)));
    wanted.erase("file" + std::to_string(i));
    table.at(id).pack();
    table.at(id).insert("new" + std::to_string(i), stat_of(static_cast<uint64_t>(i)));
    wanted["new" + std::to_string(i)] = static_cast<uint64_t>(i);
  }
  table.at(id).pack();
  std::map<std::string, uint64_t> found;
  table.at(id).each([&](const Entry& entry, std::string_view name) { found.emplace(name, entry.ino); });
  CHECK(found == wanted);
}
