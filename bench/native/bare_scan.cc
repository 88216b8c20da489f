// `bare_scan ROOT [THREADS]`: the scan engine without Node, its JSON chunks thrown away. Prints {"seconds":1.2,"entries":n}.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "scan/scanner.h"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bare_scan ROOT [THREADS]\n");
    return 64;
  }
  fustor::ScanConfig config;
  config.root = argv[1];
  config.threads = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 2;
  const auto scan = fustor::start_scan(config);

  std::mutex mutex;
  std::condition_variable ready;
  bool rung = false;
  scan->set_on_ready([&] {
    const std::lock_guard lock(mutex);
    rung = true;
    ready.notify_one();
  });
  for (;;) {
    fustor::Chunk* chunk = nullptr;
    const auto poll = scan->poll_next(chunk);
    if (poll == fustor::Poll::chunk) {
      scan->release(chunk->slot);
    } else if (poll == fustor::Poll::pending) {
      std::unique_lock lock(mutex);
      ready.wait(lock, [&] { return rung; });
      rung = false;
    } else {
      if (poll == fustor::Poll::failed) {
        std::fprintf(stderr, "bare_scan: the root cannot be read (errno %d)\n", scan->root_error());
        return 1;
      }
      break;
    }
  }
  const auto summary = scan->summary();
  std::printf("{\"seconds\":%.6f,\"entries\":%llu}\n", summary.elapsed_ms / 1e3, static_cast<unsigned long long>(summary.rows));
  return summary.complete ? 0 : 1;
}
