#include "watch/model/tree_table.h"

#include <map>
#include <random>
#include <set>

#include "check.h"

using namespace fustor;

namespace {

FileStat stat_of(uint64_t ino, EntryKind kind = EntryKind::file) {
  FileStat stat{};
  stat.dev = 1;
  stat.ino = ino;
  stat.size = ino * 10;
  stat.mtime = {static_cast<int64_t>(ino), 5};
  stat.ctime = {-1, 999'999'999};
  stat.kind = kind;
  stat.nlink = 1;
  return stat;
}

DirId add_directory(TreeTable& table, DirId parent, const std::string& name, uint64_t ino, bool alias = false) {
  const DirId id = table.add(parent, name, {1, ino}, alias);
  table.at(parent).insert(name, stat_of(ino, EntryKind::directory)).child = id;
  table.entry_count++;
  return id;
}

}  // namespace

TEST("an entry gives back the stat it was made of") {
  Directory directory;
  const FileStat stat = stat_of(7);
  const Entry& entry = directory.insert("name", stat);
  CHECK(entry.same_content(stat));
  CHECK_EQ(entry.to_stat().size, 70u);
  CHECK_EQ(entry.to_stat().ctime.nsec, 999'999'999u);
  CHECK_EQ(directory.name_of(entry), "name");
  FileStat other = stat;
  other.ctime.nsec--;
  CHECK(!entry.same_content(other));
  other = stat;
  other.ino++;
  CHECK(!entry.same_content(other));
}

TEST("a directory finds exactly the names that were inserted and not erased") {
  const uint32_t seed = std::random_device{}();
  std::printf("     seed %u\n", seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; round++) {
    Directory directory;
    std::map<std::string, uint64_t> wanted;
    directory.readers = round % 2;  // with a reader inside nothing moves
    for (int i = 0; i < 3000; i++) {
      const std::string name = "n" + std::to_string(random() % 400);
      Entry* found = directory.find(name);
      CHECK_EQ(found != nullptr, wanted.contains(name));
      if (found != nullptr && random() % 2 == 0) {
        CHECK_EQ(found->ino, wanted[name]);
        directory.erase(*found);
        wanted.erase(name);
      } else if (found == nullptr) {
        directory.insert(name, stat_of(static_cast<uint64_t>(i)));
        wanted[name] = static_cast<uint64_t>(i);
      }
      if (directory.readers == 0 && random() % 300 == 0) directory.pack();
    }
    CHECK_EQ(directory.live_entries(), wanted.size());
    size_t live = 0;
    for (const Entry& entry : directory.slots()) {
      if (entry.flags & kDead) continue;
      live++;
      const auto known = wanted.find(std::string(directory.name_of(entry)));
      CHECK(known != wanted.end() && known->second == entry.ino);
    }
    CHECK_EQ(live, wanted.size());
  }
}

TEST("slots stay where they are while a reader is inside, and dead ones go when it has left") {
  Directory directory;
  for (int i = 0; i < 100; i++) directory.insert(std::to_string(i), stat_of(static_cast<uint64_t>(i)));
  directory.readers = 1;
  for (int i = 0; i < 90; i++) directory.erase(*directory.find(std::to_string(i)));
  CHECK_EQ(directory.slots().size(), 100u);
  CHECK_EQ(directory.name_of(directory.slots()[95]), "95");
  directory.readers = 0;
  directory.compact();
  CHECK_EQ(directory.slots().size(), 10u);
  CHECK_EQ(directory.live_entries(), 10u);
  CHECK(directory.find("95") != nullptr);
  CHECK(directory.find("5") == nullptr);
}

TEST("names of 255 bytes with anything in them are kept apart") {
  Directory directory;
  const std::string longest(255, '\xff');
  std::string other = longest;
  other.back() = '\n';
  directory.insert(longest, stat_of(1));
  directory.insert(other, stat_of(2));
  CHECK_EQ(directory.find(longest)->ino, 1u);
  CHECK_EQ(directory.find(other)->ino, 2u);
  CHECK(directory.find(longest.substr(1)) == nullptr);
}

TEST("renaming a directory renames the paths of everything below it") {
  TreeTable table;
  const DirId a = add_directory(table, kRootDir, "a", 10);
  const DirId b = add_directory(table, a, "b", 11);
  const DirId c = add_directory(table, b, "c", 12);
  CHECK_EQ(table.path_of(c), "a/b/c");
  CHECK_EQ(table.path_of(kRootDir), "");
  CHECK_EQ(table.resolve("a/b/c"), c);
  CHECK_EQ(table.resolve("a/x"), kNoDir);
  CHECK_EQ(table.resolve(""), kRootDir);
  table.at(a).erase(*table.at(a).find("b"));
  table.detach(b);
  CHECK(!table.reachable(c));
  CHECK(table.reachable(a));
  table.attach(b, kRootDir, "moved");
  table.at(kRootDir).insert("moved", stat_of(11, EntryKind::directory)).child = b;
  CHECK_EQ(table.path_of(c), "moved/c");
  CHECK(table.reachable(c));
  CHECK_EQ(table.resolve("moved/c"), c);
}

TEST("an alias does not answer for the inode, and its end does not take the answer away") {
  TreeTable table;
  const DirId real = add_directory(table, kRootDir, "real", 10);
  const DirId alias = add_directory(table, kRootDir, "alias", 10, true);
  CHECK_EQ(table.by_identity({1, 10}), real);
  table.remove(alias);
  CHECK_EQ(table.by_identity({1, 10}), real);
  table.remove(real);
  CHECK_EQ(table.by_identity({1, 10}), kNoDir);
}

TEST("an id is given out again only when neither a worker nor a reader holds it") {
  TreeTable table;
  const DirId held = add_directory(table, kRootDir, "held", 10);
  const DirId read = add_directory(table, kRootDir, "read", 11);
  const DirId idle = add_directory(table, kRootDir, "idle", 12);
  table.at(held).busy = true;
  table.at(read).readers = 1;
  table.at(idle).watch = 5;
  table.at(idle).listed = true;
  for (const DirId id : {held, read, idle}) table.remove(id);
  CHECK(!table.valid(held));
  CHECK_EQ(table.directory_count(), 1u);
  const DirId reused = table.add(kRootDir, "new", {1, 20}, false);
  CHECK_EQ(reused, idle);
  CHECK_EQ(table.at(reused).watch, -1);
  CHECK(!table.at(reused).listed);
  const DirId fresh = table.add(kRootDir, "fresh", {1, 21}, false);
  CHECK(fresh != held && fresh != read);
  table.at(held).busy = false;
  table.recycle(held);
  CHECK_EQ(table.add(kRootDir, "last", {1, 22}, false), held);
}

TEST("the count of entries follows a directory that is removed with what is in it") {
  TreeTable table;
  const DirId a = add_directory(table, kRootDir, "a", 10);
  for (int i = 0; i < 5; i++) {
    table.at(a).insert(std::to_string(i), stat_of(static_cast<uint64_t>(20 + i)));
    table.entry_count++;
  }
  CHECK_EQ(table.entry_count, 6u);
  table.at(kRootDir).erase(*table.at(kRootDir).find("a"));
  table.entry_count--;
  table.remove(a);
  CHECK_EQ(table.entry_count, 0u);
}

TEST("a file system that gets another device number keeps its directories, and those of others below it keep theirs") {
  TreeTable table;
  table.set_identity(kRootDir, {1, 2});
  FileStat stat{};
  stat.kind = EntryKind::directory;
  const auto put = [&](DirId parent, const char* name, Identity identity) {
    const DirId id = table.add(parent, name, identity, false);
    table.at(parent).insert(name, stat).child = id;
    return id;
  };
  const DirId a = put(kRootDir, "a", {1, 10});
  const DirId mount = put(a, "m", {7, 2});
  const DirId below = put(a, "b", {1, 11});
  table.change_device(kRootDir, 1, 5);
  CHECK_EQ(table.by_identity({5, 11}), below);
  CHECK_EQ(table.by_identity({5, 2}), kRootDir);
  CHECK_EQ(table.by_identity({7, 2}), mount);
  CHECK_EQ(table.by_identity({1, 10}), kNoDir);
}
