// How long the reader pauses after a read. In a storm it does: the kernel need not wake a reader that sleeps outside of
// poll(2), fewer and larger reads fight less for the lock of the kernel's queue, and a directory is opened once for
// more names. The writers pay for all of it, and so does the agent.
//
// What counts is the rate, not only the size of one read: beside other work the reader may get the processor after each
// single event of a writer.
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fustor {

class ReadPace {
 public:
  /** Microseconds to pause after a read of so many events that ended at that time. */
  unsigned pause_us(size_t events, int64_t now_ns) {
    counted_ += events;
    const int64_t passed_ns = now_ns - since_ns_;
    if (passed_ns >= kWindowNs) {
      per_ms_ = counted_ * 1'000'000 / static_cast<uint64_t>(passed_ns);
      counted_ = 0;
      since_ns_ = now_ns;
    }
    if (events == 0 || events >= kLongRead) return 0;
    if (per_ms_ >= kFlatOut) return kLongPauseUs;
    return events >= kBusyRead || per_ms_ >= kStorm ? kPauseUs : 0;
  }

 private:
  static constexpr int64_t kWindowNs = 2'000'000;
  static constexpr size_t kBusyRead = 256;    // so many events in one read are a storm, whatever they are about
  static constexpr uint64_t kStorm = 24;      // events a millisecond
  static constexpr uint64_t kFlatOut = 160;
  // A million events a second put 5,000 into the queue meanwhile; an inotify instance keeps 16,384 by default.
  static constexpr unsigned kPauseUs = 2500;
  static constexpr unsigned kLongPauseUs = 5000;
  static constexpr size_t kLongRead = 1536;  // it may have filled the buffer: read on at once

  uint64_t counted_ = 0;  // since since_ns_
  int64_t since_ns_ = 0;
  uint64_t per_ms_ = 0;
};

}  // namespace fustor
