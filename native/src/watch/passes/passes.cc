#include "watch/passes/passes.h"

#include <algorithm>

#include "watch/monotonic.h"

namespace fustor {

void Passes::begin(const Locked& lock, bool quiet, const std::string& reason) {
  walk_.begin(quiet);
  missing_.forget_all(lock);
  resync_.forget();
  if (!quiet && !reason.empty()) {
    resyncs_++;
    last_reason_ = reason;
  }
  source_.tell_unarmed(unknown_directories_.are_wanted() && !config_.raw);
  schedule_.list(lock, kRootDir,
                 {.recursive = true, .quiet = quiet, .pass = walk_.number(), .since_ns = monotonic_ns()});
}

void Passes::finish_if_done(const Locked& lock) {
  if (walk_.has_pending() || !walk_.is_running() || root_.is_unavailable()) return;
  walk_.end(monotonic_ns());
  crew_.helpers_allowed = 0;
  if (primed_ns_ == 0) primed_ns_ = walk_.ended_ns();
  source_.tell_unarmed(false);
  unknown_directories_.forget_elsewhere();
  missing_.judge(lock);
  root_.state = RootState::available;
  streams_.pass_ended(lock);
  begin_audits(lock);
  if (resync_.is_made()) crew_.wake_reader();
  signal_.state(lock);
}

void Passes::want_resync(const Locked&, const std::string& reason) {
  if (resync_.make(reason, monotonic_ns(), walk_.ended_ns())) crew_.wake_reader();
}

void Passes::begin_audits(const Locked& lock) {
  if (!streams_.wants_walk(lock)) return;
  begin(lock, false, "");
  streams_.begin_waiting(lock, walk_.number());
}

void Passes::go_on_without(const Locked& lock, DirId id, int error) {
  if (!table_.valid(id)) return;
  Directory& directory = table_.at(id);
  directory.unreadable = error;
  directory.listed = true;
  reporter_.forget_early_deletes(lock, id);
  if (dirty_.has(id)) {
    DirtyDirectory& dirty = dirty_.of(id, 0);
    walk_.count_out(dirty.pass);
    dirty.pass = 0;
    dirty.quiet = false;  // a snapshot that ends meanwhile has no rows of it, so they have to come as changes
  }
  streams_.directory_listed(lock, id);
  finish_if_done(lock);
}

int64_t Passes::next_ns(const Locked& lock) const {
  if (!may_begin()) return INT64_MAX;
  return missing_.is_held(lock) ? std::min(resync_.due_ns(), missing_.held_until_ns(lock)) : resync_.due_ns();
}

void Passes::run_timers(const Locked& lock, int64_t now_ns) {
  if (resync_.is_due(now_ns) && may_begin()) begin(lock, false, resync_.reason());
  if (missing_.is_held(lock) && now_ns >= missing_.held_until_ns(lock) && may_begin()) missing_.look(lock);
}

}  // namespace fustor
