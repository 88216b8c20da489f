// Which directories are open (directory_facts.h), the one that was opened first at the front, and how many entries they
// have in all. Guarded by the engine's mutex, as the table is.
#pragma once

#include <cstddef>
#include <deque>

namespace fustor {

class DirectoryFacts;

class OpenDirectories {
 public:
  void push(DirectoryFacts& directory) { queue_.push_back(&directory); }
  /** One that is not open any more may still come, and one that was opened twice may come twice. */
  DirectoryFacts& pop() {
    DirectoryFacts& directory = *queue_.front();
    queue_.pop_front();
    return directory;
  }
  size_t size() const { return queue_.size(); }

  void count_in(size_t entries) { entries_ += entries; }
  void count_out(size_t entries) { entries_ -= entries; }
  /** Dead ones included. */
  size_t entries() const { return entries_; }

 private:
  std::deque<DirectoryFacts*> queue_;
  size_t entries_ = 0;
};

}  // namespace fustor
