// Threads of a scan: how they begin, divide the work and end.
#include "scan/scan_run.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <thread>

namespace fustor {

namespace {
constexpr size_t kWorthSharing = 2;  // directories a thread has to have before it gives some away
constexpr auto kNoticeable = std::chrono::milliseconds(50);  // a thread that waits longer hands its rows over first
constexpr size_t kMostStarts = 8;  // times the most threads at once
constexpr auto kLeavePatience = std::chrono::seconds(2);
}  // namespace

void Scanner::leave() {
  cancel();
  set_on_ready({});
  std::unique_lock lock(mutex_);
  ended_thread_.wait_for(lock, kLeavePatience, [this] { return threads_.live == 0; });
}

void Scanner::start() {
  mounts_.regions.emplace_back();
  mounts_.regions.back().may_hang = true;  // until the root was opened
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  threads_.least = config_.threads > 0 ? config_.threads : cores;
  const bool fixed = config_.threads > 0 || limit_.limits();
  threads_.most = fixed ? threads_.least : std::max(threads_.least, std::min(kMostThreads, pool_.size()));
  threads_.running = threads_.active = threads_.workers = threads_.least;
  std::lock_guard lock(mutex_);
  for (unsigned i = 0; i < threads_.least; i++) start_thread(i == 0);
  threads_.live++;
  std::thread([self = shared_from_this()] {
    self->watch_hands();
    self->thread_ends();
  }).detach();
}

void Scanner::cancel() {
  cancelled_ = true;
  pool_.cancel();
  std::lock_guard lock(mutex_);
  offered_.notify_all();
  watch_.notify_all();
}

ScanSummary Scanner::summary() const {
  std::lock_guard lock(mutex_);
  ScanSummary summary = summary_;
  const auto end = ended_ == Clock::time_point{} ? Clock::now() : ended_;
  summary.elapsed_ms = std::chrono::duration<double, std::milli>(end - begun_).count();
  return summary;
}

void Scanner::start_thread(bool begins) {
  const auto hand = std::make_shared<Hand>();
  hand->beginning = begins;
  std::thread([self = shared_from_this(), hand] {
    self->run(*hand);
    {
      std::lock_guard lock(self->mutex_);
      std::erase(self->hands_, hand);
    }
    self->thread_ends();
  }).detach();
  hands_.push_back(hand);
  threads_.live++;
  threads_.started++;
}

void Scanner::thread_ends() {
  std::lock_guard lock(mutex_);
  threads_.live--;
  ended_thread_.notify_all();
}

void Scanner::run(Hand& hand) {
  apply_politeness(config_.politeness);
  if (hand.beginning) begin(hand);
  Work work;
  bool retired = false;
  while (!hand.hangs.is_abandoned() && !retired && next(hand, work)) {
    scan_directory(hand, work);
    if (hand.hangs.is_abandoned()) return;
    merge(hand);
    if (threads_.idle.load(std::memory_order_relaxed) > 0 && hand.todo.size() >= kWorthSharing) share(hand);
    if (threads_.most > threads_.least) retired = !is_needed(hand);
  }
  if (hand.hangs.is_abandoned()) return;
  hand_over(hand);
  hand.root.reset();
  if (--threads_.running == 0) finish(hand);
}

bool Scanner::is_needed(Hand& hand) {
  const StorageVerdict storage = hand.meter.judge();
  if (storage == StorageVerdict::slow && hand.todo.size() >= kWorthSharing) start_another();
  return storage != StorageVerdict::quick || !retire(hand);
}

void Scanner::start_another() {
  std::lock_guard lock(mutex_);
  if (cancelled_ || threads_.workers >= threads_.most || threads_.idle > 0) return;
  if (threads_.started >= threads_.most * kMostStarts) return;
  threads_.running++;  // before it runs: otherwise the last of the other threads would end the scan
  try {
    start_thread(false);
  } catch (const std::system_error&) {
    threads_.running--;  // the kernel grants no thread
    return;
  }
  threads_.workers++;
  threads_.active++;
}

bool Scanner::retire(Hand& hand) {
  {
    std::lock_guard lock(mutex_);
    if (threads_.workers <= threads_.least) return false;
    threads_.workers--;
  }
  hand_over(hand);
  std::lock_guard lock(mutex_);
  shared_.insert(shared_.end(), std::make_move_iterator(hand.todo.begin()), std::make_move_iterator(hand.todo.end()));
  hand.todo.clear();
  threads_.active--;
  offered_.notify_all();
  return true;
}

bool Scanner::next(Hand& hand, Work& work) {
  if (cancelled_) return false;
  if (!hand.todo.empty()) {
    work = std::move(hand.todo.back());
    hand.todo.pop_back();
    return true;
  }
  hand_over(hand);
  std::unique_lock lock(mutex_);
  if (--threads_.active == 0 && shared_.empty()) offered_.notify_all();
  threads_.idle++;
  offered_.wait(lock, [this] { return cancelled_ || !shared_.empty() || threads_.active == 0; });
  threads_.idle--;
  if (cancelled_ || shared_.empty()) return false;
  threads_.active++;
  work = std::move(shared_.front());
  shared_.pop_front();
  hand.meter.restart();
  return true;
}

void Scanner::pay(Hand& hand) {
  const auto wait = limit_.take(hand.unpaid, Clock::now());
  hand.unpaid = 0;
  if (wait <= Clock::duration::zero()) return;
  if (wait > kNoticeable) hand_over(hand);
  std::unique_lock lock(mutex_);
  offered_.wait_for(lock, wait, [this] { return cancelled_.load(); });
}

void Scanner::share(Hand& hand) {
  {
    std::lock_guard lock(mutex_);
    if (!shared_.empty()) return;
  }
  hand_over(hand);
  const auto half = hand.todo.begin() + static_cast<std::ptrdiff_t>((hand.todo.size() + 1) / 2);
  std::lock_guard lock(mutex_);
  shared_.insert(shared_.end(), std::make_move_iterator(hand.todo.begin()), std::make_move_iterator(half));
  hand.todo.erase(hand.todo.begin(), half);
  offered_.notify_all();
}

}  // namespace fustor
