// How the consumer learns that there is something to fetch.
#pragma once

#include <functional>
#include <utility>

#include "watch/locked.h"

namespace fustor {

class Signal {
 public:
  explicit Signal(std::function<void()> on_readable) : on_readable_(std::move(on_readable)) {}

  /** There are changes. Does nothing when it was said before and `was_drained` did not follow. */
  void changes(const Locked&) {
    if (raised_ || ended_) return;
    raised_ = true;
    on_readable_();
  }
  /** The state changed: says so in any case. */
  void state(const Locked& lock) {
    raised_ = false;
    changes(lock);
  }
  /** The consumer found nothing more. */
  void was_drained(const Locked&) { raised_ = false; }
  /** The engine stops. */
  void end(const Locked&) { ended_ = true; }

 private:
  const std::function<void()> on_readable_;
  bool raised_ = false;
  bool ended_ = false;
};

}  // namespace fustor
