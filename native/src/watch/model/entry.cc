#include "watch/model/entry.h"

namespace fustor {

void Entry::assign(const FileStat& stat) {
  ino = stat.ino;
  size = stat.size;
  mtime_sec = stat.mtime.sec;
  mtime_nsec = stat.mtime.nsec;
  ctime_sec = stat.ctime.sec;
  ctime_nsec = stat.ctime.nsec;
  kind = stat.kind;
}

FileStat Entry::to_stat() const {
  FileStat stat{};
  stat.ino = ino;
  stat.size = size;
  stat.mtime = {mtime_sec, mtime_nsec};
  stat.ctime = {ctime_sec, ctime_nsec};
  stat.kind = kind;
  return stat;
}

}  // namespace fustor
