#include "watch/schedule/created_names.h"

#include <algorithm>
#include <utility>

namespace fustor {

namespace {
/** Whether all that is known of a new name leaves a close to be expected. */
bool expects_close(uint16_t flags) {
  return (flags & kMarkCreated) && (flags & ~(kMarkCreated | kMarkModified | kMarkAttrib)) == 0;
}
}  // namespace

bool CreatedNames::is_due(DirId directory, std::string_view name, Mark& mark, int64_t& arrived_ns) {
  for (size_t at = count_; at-- > 0;) {
    Name& known = names_[at];
    if (known.directory != directory || known.name != name) continue;
    known.mark.flags = merge_marks(known.mark.flags, mark.flags);
    if (mark.inode != 0) known.mark.inode = mark.inode;
    if (expects_close(known.mark.flags)) return false;
    mark = known.mark;
    arrived_ns = known.arrived_ns;
    remove(at);
    return true;
  }
  if (!expects_close(mark.flags) || count_ == kMost) return true;
  Name& fresh = names_[count_++];
  fresh.directory = directory;
  fresh.name = name;
  fresh.mark = mark;
  fresh.arrived_ns = arrived_ns;
  return false;
}

bool CreatedNames::take(int64_t now_ns, Name& out) {
  if (count_ == 0 || next_ns() > now_ns) return false;
  std::swap(out, names_[0]);
  remove(0);
  return true;
}

void CreatedNames::remove(size_t at) {
  const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(at);
  std::rotate(begin, begin + 1, names_.begin() + static_cast<std::ptrdiff_t>(count_));
  count_--;
}

}  // namespace fustor
