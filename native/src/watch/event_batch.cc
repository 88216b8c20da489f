#include "watch/event_batch.h"

#include <chrono>
#include <mutex>
#include <utility>

namespace fustor {

namespace {
constexpr size_t kMostUnlocked = 32'768;  // two of the kernel's queues
constexpr std::chrono::microseconds kReadAgain{2000};
}  // namespace

Locked EventBatch::read_and_lock(bool readable, size_t& read) {
  events_.clear();
  kept_names_.clear();
  if (readable) read_once(read);
  size_t kept = 0;
  // In the mutex's queue, not by looking at it now and then: other threads that take it often would leave no moment in
  // which a look finds it free.
  while (events_.size() < kMostUnlocked) {
    if (mutex_.try_lock_for(kReadAgain)) return Locked(mutex_, std::adopt_lock);
    keep_names(std::exchange(kept, events_.size()));
    read_once(read);
  }
  return Locked(mutex_);
}

void EventBatch::read_once(size_t& read) {
  const size_t before = events_.size();
  source_.read(events_);
  read += events_.size() - before + source_.foreign_in_last_read();
}

void EventBatch::keep_names(size_t from) {
  size_t length = 0;
  for (size_t i = from; i < events_.size(); i++) length += events_[i].name.size() + events_[i].handle.bytes.size();
  std::string& kept = kept_names_.emplace_back();
  kept.reserve(length);  // it does not move from here on
  const auto keep = [&kept](std::string_view& text) {
    const size_t at = kept.size();
    kept.append(text);
    text = std::string_view(kept).substr(at);
  };
  for (size_t i = from; i < events_.size(); i++) {
    keep(events_[i].name);
    keep(events_[i].handle.bytes);
  }
}

}  // namespace fustor
