// `pace ROOT DIRECTORIES FIRST COUNT PER_SECOND SIZE TIMES`: creates, writes (SIZE bytes) and closes COUNT files fFIRST, ... in the
// directories d0, d1, ... of ROOT, in bursts of a millisecond. Keeps in TIMES when each was closed (doubles, nanoseconds of
// CLOCK_MONOTONIC); prints the nanoseconds that all took. Cheap, so that the machine is left to what is measured.
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr double kBurstNs = 1e6;

double now() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "pace: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void sleep_ns(double ns) {
  const timespec span{static_cast<time_t>(ns / 1e9), static_cast<long>(ns) % 1'000'000'000};
  ::nanosleep(&span, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fprintf(stderr, "usage: pace ROOT DIRECTORIES FIRST COUNT PER_SECOND SIZE TIMES\n");
    return 64;
  }
  const std::string root = argv[1];
  const int count_of_directories = std::atoi(argv[2]);
  const long first = std::atol(argv[3]);
  const size_t count = static_cast<size_t>(std::atol(argv[4]));
  const double interval = 1e9 / std::atof(argv[5]);
  const std::string contents(static_cast<size_t>(std::atol(argv[6])), 'x');
  std::vector<int> directories;
  for (int at = 0; at < count_of_directories; at++) {
    const std::string path = root + "/d" + std::to_string(at);
    directories.push_back(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (directories.back() < 0) fail(path);
  }

  std::vector<double> closed(count);
  const double begun = now();
  for (size_t file = 0; file < count; file++) {
    const double due = begun + static_cast<double>(file) * interval;
    for (double early = due - now(); early > 0; early = due - now()) sleep_ns(early > kBurstNs ? early : kBurstNs);
    char name[32];
    std::snprintf(name, sizeof name, "f%ld", first + static_cast<long>(file));
    const int fd = ::openat(directories[file % directories.size()], name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) fail(name);
    if (!contents.empty() && ::write(fd, contents.data(), contents.size()) < 0) fail(name);
    ::close(fd);
    closed[file] = now();
  }
  std::printf("%.0f", now() - begun);
  std::FILE* times = std::fopen(argv[7], "wb");
  if (times == nullptr || std::fwrite(closed.data(), sizeof(double), count, times) != count || std::fclose(times) != 0) fail(argv[7]);
}
