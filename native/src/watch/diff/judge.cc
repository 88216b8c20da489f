#include "watch/diff/judge.h"

#include <cerrno>

namespace fustor {

NameVerdict judge_name(const KnownName& known, const Observation& observation, bool by_pass) {
  const bool by_listing_of_walk = by_pass && observation.flags == 0;
  if (observation.error == ENOENT && known.is_lost_mount) return NameVerdict::keep;  // even its mount point is gone
  const bool set_aside_above = known.is_directory && known.is_missing && by_listing_of_walk;
  // The end of the tree walk decides.
  if (set_aside_above && !(observation.error == 0 && known.has_same_identity)) return NameVerdict::keep;
  if (observation.error == ENOENT) {
    if (!by_listing_of_walk) return NameVerdict::gone;
    return known.is_known ? NameVerdict::set_aside : NameVerdict::keep;
  }
  if (observation.error == 0) {
    return known.is_missing && !known.is_directory ? NameVerdict::found_again : NameVerdict::seen;
  }
  return observation.mount ? NameVerdict::silent : NameVerdict::unreadable;
}

FileVerdict judge_file(const KnownFile& known, const Observation& observation, const LookContext& context) {
  const uint16_t flags = observation.flags;
  const uint8_t before = known.is_known ? known.flags : 0;
  const bool due = (flags & kMarkSettle) || (flags == 0 && context.settle);
  FileVerdict now;
  now.quiet = context.quiet && !known.is_known && !known.told_gone;
  now.writing = before & kWriting;
  now.unsettled = before & kUnsettled;
  if (observation.stat.kind != EntryKind::file || (flags & (kMarkClosed | kMarkMovedTo))) {
    now.writing = now.unsettled = false;
  } else if (flags & kMarkModified) {
    now.writing = true;
    now.unsettled = false;
  } else if (flags == 0 && (now.writing || now.unsettled)) {
    // A listing may follow lost events, and the close may be one of them: now the file has to be quiet for a while.
    now.writing = false;
    now.unsettled = known.is_young;
  } else if (due) {
    now.unsettled = now.unsettled && known.is_young;
  } else if (flags & kMarkCreated) {
    now.unsettled = observation.stat.nlink == 1;  // a link to a complete file is complete
  } else if (known.is_changed && !now.writing && !now.quiet && !(flags & kMarkAttrib)) {
    now.unsettled = known.is_young;
  }
  if ((flags & kMarkModified) && (flags & kMarkMovedTo)) now.writing = !(flags & kMarkClosed);

  const bool confirmed = (before & (kWriting | kUnsettled)) && now.is_complete();
  const bool announce = context.announce || (flags & kMarkAnnounce);
  now.report = announce || ((known.is_changed || confirmed) && !now.quiet);
  now.settle_later = now.unsettled && (!(before & kUnsettled) || due);
  return now;
}

DirectoryVerdict judge_directory(const KnownDirectory& known, const Observation& observation,
                                 const LookContext& context) {
  // A btrfs subvolume that was deleted and made again has the same numbers, but other contents.
  const bool made_again = (observation.flags & kMarkCreated) && known.is_other_device;
  const bool may_be_readable = observation.flags == 0 || (observation.flags & kMarkAttrib);
  if (context.list && context.recursive) return DirectoryVerdict::list_recursively;
  if (made_again) return DirectoryVerdict::list_what_was_hidden;
  if (known.lost_watch) return DirectoryVerdict::list;
  if (known.unreadable == ETIMEDOUT) return DirectoryVerdict::list_what_was_hidden;
  if ((known.unreadable != 0 || known.hides) && may_be_readable) return DirectoryVerdict::list_what_was_hidden;
  return DirectoryVerdict::wake;
}

}  // namespace fustor
