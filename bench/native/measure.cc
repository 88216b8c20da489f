// `measure SECONDS COMMAND [ARG...]`: runs the command, its stdout where ours goes, and writes what it took to file descriptor 3:
// {"status":0,"wallSeconds":1.2,"userSeconds":0.5,"systemSeconds":0.6,"peakBytes":123}. CPU counts children it waited for, memory is
// that of its largest process. After SECONDS the whole process group is killed ("status":124).
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

pid_t child = -1;
volatile sig_atomic_t timed_out = 0;

void on_alarm(int) {
  timed_out = 1;
  ::kill(-child, SIGKILL);
}

void on_end(int signal) {
  ::kill(-child, SIGKILL);
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

double now() {
  timespec at{};
  ::clock_gettime(CLOCK_MONOTONIC, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) / 1e9;
}

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: measure SECONDS COMMAND [ARG...]\n");
    return 64;
  }
  const double begun = now();
  child = ::fork();
  if (child < 0) return 71;
  if (child == 0) {
    ::setpgid(0, 0);
    ::close(3);
    ::execvp(argv[2], argv + 2);
    ::_exit(127);
  }
  ::setpgid(child, child);
  ::signal(SIGALRM, on_alarm);
  ::signal(SIGINT, on_end);
  ::signal(SIGTERM, on_end);
  ::alarm(static_cast<unsigned>(std::atoi(argv[1])));
  int status = 0;
  rusage usage{};
  while (::wait4(child, &status, 0, &usage) < 0) {
  }
  const double wall = now() - begun;
  const int code = timed_out != 0 ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ::dprintf(3, "{\"status\":%d,\"wallSeconds\":%.6f,\"userSeconds\":%.6f,\"systemSeconds\":%.6f,\"peakBytes\":%lld}\n", code, wall,
            seconds(usage.ru_utime), seconds(usage.ru_stime), static_cast<long long>(usage.ru_maxrss) * 1024);
}
