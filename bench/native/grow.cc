// `grow SHAPE FILES SEED ROOT`: fills the empty directory ROOT with a tree that depends on SHAPE, FILES and SEED alone. Prints
// {"files":n,"directories":n}. Two threads, directories relative to their descriptors: a disk is filled as fast as it takes it.
//
//   wide   10,000 files in each directory, all directories in the root
//   deep   chains of 64 directories inside one another, 20 files in each
//   small  4 files in each directory, fan-out 16
//   mixed  directories at random depths with 0 to 40 files, some of them huge
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Directory {
  uint32_t parent;  // of the root: itself
  uint32_t files;
};

/** SplitMix64. */
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t mixed = (state_ += 0x9e3779b97f4a7c15ULL);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }
  uint64_t below(uint64_t bound) { return next() % bound; }

 private:
  uint64_t state_;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "grow: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

uint64_t take(uint64_t wanted, uint64_t& left) {
  const uint64_t taken = wanted < left ? wanted : left;
  left -= taken;
  return taken;
}

/** The directories in an order in which every parent comes first. */
std::vector<Directory> plan(const std::string& shape, uint64_t files, Random& random) {
  std::vector<Directory> all{{0, 0}};
  const auto add = [&](uint32_t parent, uint64_t wanted) { all.push_back({parent, static_cast<uint32_t>(take(wanted, files))}); };
  if (shape == "wide") {
    while (files > 0) add(0, 10'000);
  } else if (shape == "deep") {
    while (files > 0) {
      add(0, 20);
      for (int level = 1; level < 64 && files > 0; level++) add(static_cast<uint32_t>(all.size() - 1), 20);
    }
  } else if (shape == "small") {
    while (files > 0) add(static_cast<uint32_t>((all.size() - 1) / 16), 4);
  } else if (shape == "mixed") {
    while (files > 0) {
      const bool huge = random.below(2000) == 0;
      add(static_cast<uint32_t>(random.below(all.size())), huge ? 5000 : random.below(41));
    }
  } else {
    std::fprintf(stderr, "grow: no such shape: %s\n", shape.c_str());
    std::exit(64);
  }
  return all;
}

/** Some files have a size; nobody's scan depends on which. */
void fill(int directory, uint32_t count, uint64_t first) {
  char name[32];
  for (uint32_t at = 0; at < count; at++) {
    const uint64_t number = first + at;
    std::snprintf(name, sizeof name, "file-%08llu.dat", static_cast<unsigned long long>(number));
    const int fd = ::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) fail(name);
    if (number % 8 == 0 && ::ftruncate(fd, static_cast<off_t>(number % 1'000'000)) != 0) fail(name);
    ::close(fd);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: grow SHAPE FILES SEED ROOT\n");
    return 64;
  }
  const uint64_t files = std::strtoull(argv[2], nullptr, 10);
  Random random(std::strtoull(argv[3], nullptr, 10));
  const auto directories = plan(argv[1], files, random);

  std::vector<std::string> paths{argv[4]};
  std::vector<uint64_t> first{0};
  uint64_t so_far = 0;
  for (size_t at = 1; at < directories.size(); at++) {
    paths.push_back(paths[directories[at].parent] + "/d" + std::to_string(at));
    if (::mkdir(paths[at].c_str(), 0755) != 0) fail(paths[at].c_str());
    first.push_back(so_far);
    so_far += directories[at].files;
  }

  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t at = next++; at < directories.size(); at = next++) {
      if (directories[at].files == 0) continue;
      const int fd = ::open(paths[at].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (fd < 0) fail(paths[at].c_str());
      fill(fd, directories[at].files, first[at]);
      ::close(fd);
    }
  };
  std::thread other(work);
  work();
  other.join();
  std::printf("{\"files\":%llu,\"directories\":%zu}\n", static_cast<unsigned long long>(so_far), directories.size() - 1);
}
