#include "watch/index/live_index.h"

#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "watch/index/index_reader.h"
#include "watch/index/journal_replay.h"
#include "watch/index/sync_folder.h"

namespace fustor {

namespace {
constexpr const char* kCheckpointSuffix = ".checkpoint";
constexpr const char* kJournalSuffix = ".journal";
constexpr const char* kNextCheckpointSuffix = ".checkpoint.next";
constexpr const char* kNextJournalSuffix = ".journal.next";

std::string new_journal_name() {
  unsigned char random[16];
  if (::getrandom(random, sizeof(random), 0) != sizeof(random)) return {};
  std::string text;
  for (const unsigned char byte : random) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string trouble_text(const char* what, int error) { return std::string(what) + std::strerror(error); }

bool stands(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }
}  // namespace

// ---- what an earlier run left -----------------------------------------------------------------------------------

IndexOutcome LiveIndex::load(const std::string& path, const std::string& settings, TreeTable& table,
                             IndexHeader& header) {
  const Held held(files_);
  path_ = path;
  IndexOutcome outcome =
      stands(path) ? load_left_in_order(settings, table, header) : load_checkpoint(settings, table, header);
  if (!outcome.reason.empty()) {
    journal_.close();
    remove_files(held);
    if (stands(path) || stands(name(kCheckpointSuffix))) outcome.reason = "it cannot be removed";
    return outcome;
  }
  if (kept_.empty()) return outcome;
  const Locked lock(mutex_);
  names_.begin(lock);
  return outcome;
}

/**
 * From now on it is one that only this boot of the machine vouches for: a crash of the machine must not leave it under
 * its old name.
 */
IndexOutcome LiveIndex::load_left_in_order(const std::string& settings, TreeTable& table, IndexHeader& header) {
  IndexReader reader;
  IndexOutcome outcome = reader.read(path_, settings);
  if (outcome.reason.empty()) {
    const std::string trouble = boot_.empty() ? "the boot is unknown" : adopt(outcome.generation);
    if (!trouble.empty()) {  // it serves this once
      trouble_ = trouble;
      kept_.clear();
      journal_.close();
      for (const char* suffix : {kCheckpointSuffix, kJournalSuffix}) ::unlink(name(suffix).c_str());
      if ((::unlink(path_.c_str()) != 0 && errno != ENOENT) || sync_folder_of(path_) != 0) {
        outcome.reason = "it cannot be removed: " + std::string(std::strerror(errno));
      }
    }
  }
  if (!outcome.reason.empty()) return outcome;
  header = reader.header();
  std::swap(table, reader.table());
  return outcome;
}

std::string LiveIndex::adopt(const std::string& generation) {
  for (const char* suffix : {kNextCheckpointSuffix, kNextJournalSuffix}) ::unlink(name(suffix).c_str());
  const std::string journal_name = new_journal_name();
  if (journal_name.empty()) return "there are no random numbers";
  if (const int error = journal_.create(name(kJournalSuffix), {boot_, journal_name, {}}); error != 0) {
    return trouble_text("its journal cannot be written: ", error);
  }
  std::string records;
  append_record(records, {NameKind::begin, generation});
  append_record(records, {NameKind::written, generation});
  if (const int error = journal_.append(records); error != 0) {
    return trouble_text("its journal cannot be written: ", error);
  }
  if (::rename(path_.c_str(), name(kCheckpointSuffix).c_str()) != 0) return trouble_text("it cannot be moved: ", errno);
  if (const int error = sync_folder_of(path_); error != 0) return trouble_text("it cannot be moved: ", error);
  kept_ = generation;
  return "";
}

IndexOutcome LiveIndex::load_checkpoint(const std::string& settings, TreeTable& table, IndexHeader& header) {
  IndexReader reader;
  IndexOutcome outcome = reader.read(name(kCheckpointSuffix), settings);
  if (outcome.reason.empty()) outcome.reason = replay(reader.table(), outcome.generation);
  if (!outcome.reason.empty()) return outcome;
  kept_ = outcome.generation;
  ::unlink(name(kNextCheckpointSuffix).c_str());
  header = reader.header();
  std::swap(table, reader.table());
  outcome.entries = table.entry_count;
  return outcome;
}

/** Afterwards this run goes on in the last journal. */
std::string LiveIndex::replay(TreeTable& table, const std::string& generation) {
  JournalReader journals[2];
  std::string reason = journals[0].read(name(kJournalSuffix));
  if (!reason.empty()) return reason;
  const size_t count = stands(name(kNextJournalSuffix)) ? 2 : 1;
  if (count == 2) reason = journals[1].read(name(kNextJournalSuffix));
  if (reason.empty()) reason = check_chain(journals, count);
  if (!reason.empty()) return reason;
  JournalReplay replay(table, generation);
  for (size_t i = 0; i < count; i++) {
    if (!replay.apply(journals[i])) return "its journal is damaged";
  }
  if (!replay.finish()) return "its journal is that of another one";
  const JournalReader& last = journals[count - 1];
  has_next_ = count == 2;
  bytes_before_ = has_next_ ? journals[0].end().bytes : 0;
  if (journal_.go_on(name(has_next_ ? kNextJournalSuffix : kJournalSuffix), last.header(), last.end()) != 0) {
    return "its journal cannot be continued";
  }
  std::string record;
  append_record(record, {});
  return journal_.append(record) == 0 ? "" : "its journal cannot be continued";
}

std::string LiveIndex::check_chain(const JournalReader* journals, size_t count) const {
  for (size_t i = 0; i < count; i++) {
    const JournalHeader& header = journals[i].header();
    if (boot_.empty() || header.boot != boot_) {
      return "the machine was started anew since, and the run before did not end in order";
    }
    if (i + 1 == count) continue;
    if (journals[i].is_cut() || journals[i + 1].header().previous != header.name) return "its journal is damaged";
  }
  return "";
}

// ---- checkpoints ------------------------------------------------------------------------------------------------

std::string LiveIndex::begin(const std::string& path, const std::string& generation) {
  const Held held(files_);
  if (boot_.empty()) return "the kernel does not say which boot this is";
  path_ = path;
  if (!journal_.is_open()) remove_files(held);
  ::unlink(next_checkpoint().c_str());
  int error = journal_.is_open() && has_next_ ? 0 : begin_next_journal(held);
  if (error == 0) {
    {
      const Locked lock(mutex_);
      names_.begin(lock);
    }
    const NameRecord record{NameKind::begin, generation};
    error = append_names(held, &record);
  }
  if (error != 0) {
    fail(held, trouble_text("the journal cannot be written: ", error));
    return trouble_;
  }
  next_ = generation;
  next_is_written_ = false;
  trouble_.clear();
  return "";
}

/** tree.journal.next becomes the one that is written. What was noted until now belongs to the one before. 0 or errno. */
int LiveIndex::begin_next_journal(const Held& held) {
  const std::string journal_name = new_journal_name();
  if (journal_name.empty()) return EIO;
  std::string previous;
  uint64_t bytes = 0;
  if (journal_.is_open()) {
    if (const int error = append_names(held, nullptr); error != 0) return error;
    previous = journal_.header().name;
    bytes = journal_.bytes();
  }
  JournalFile next;
  if (const int error = next.create(name(kNextJournalSuffix), {boot_, journal_name, previous}); error != 0) return error;
  journal_ = std::move(next);
  has_next_ = true;
  bytes_before_ = bytes;
  return 0;
}

std::string LiveIndex::written(const std::string& generation) {
  const Held held(files_);
  if (next_ != generation || !journal_.is_open()) return trouble_.empty() ? "another one was begun" : trouble_;
  const NameRecord record{NameKind::written, generation};
  if (const int error = append_names(held, &record); error != 0) {
    fail(held, trouble_text("the journal cannot be written: ", error));
    return trouble_;
  }
  next_is_written_ = true;
  return "";
}

std::string LiveIndex::keep(const std::string& generation) {
  const Held held(files_);
  if (kept_ == generation) return "";
  if (next_ != generation || !next_is_written_ || !journal_.is_open()) return "there is none of that name";
  // Between the two, the younger checkpoint stands beside the older journal, which says nothing of it; the next one does.
  const bool moved = ::rename(next_checkpoint().c_str(), name(kCheckpointSuffix).c_str()) == 0 &&
                     (!has_next_ || ::rename(name(kNextJournalSuffix).c_str(), name(kJournalSuffix).c_str()) == 0);
  if (!moved) {
    fail(held, trouble_text("the checkpoint cannot be moved: ", errno));
    return trouble_;
  }
  kept_ = std::exchange(next_, {});
  has_next_ = next_is_written_ = false;
  bytes_before_ = 0;
  return "";
}

// ---- the journal ------------------------------------------------------------------------------------------------

void LiveIndex::write_names() {
  const Held held(files_);
  if (!journal_.is_open()) return;
  if (const int error = append_names(held, nullptr); error != 0) {
    fail(held, trouble_text("the journal cannot be written: ", error));
  }
}

int LiveIndex::append_names(const Held&, const NameRecord* record) {
  std::string payload;
  is_writing_.store(true, std::memory_order_release);
  {
    const Locked lock(mutex_);
    payload = names_.take(lock);
  }
  if (record != nullptr) append_record(payload, *record);
  const int error = payload.empty() ? 0 : journal_.append(payload);
  is_writing_.store(false, std::memory_order_release);
  return error;
}

void LiveIndex::give_up(const std::string& reason) {
  const Held held(files_);
  if (journal_.is_open()) fail(held, reason);
}

void LiveIndex::fail(const Held& held, const std::string& reason) {
  trouble_ = reason;
  journal_.close();
  {
    const Locked lock(mutex_);
    names_.stop(lock);
  }
  remove_files(held);
}

void LiveIndex::end() {
  const Held held(files_);
  if (path_.empty()) return;
  journal_.close();
  for (const char* suffix : {kCheckpointSuffix, kNextCheckpointSuffix, kNextJournalSuffix, kJournalSuffix}) {
    ::unlink(name(suffix).c_str());
  }
}

/** The checkpoint first: without it the journals say nothing. */
void LiveIndex::remove_files(const Held&) {
  ::unlink(path_.c_str());
  for (const char* suffix : {kCheckpointSuffix, kNextCheckpointSuffix, kNextJournalSuffix, kJournalSuffix}) {
    ::unlink(name(suffix).c_str());
  }
  sync_folder_of(path_);
  kept_.clear();
  next_.clear();
  has_next_ = next_is_written_ = false;
  bytes_before_ = 0;
}

JournalStatus LiveIndex::status() const {
  const Held held(files_);
  return {.kept = kept_, .next = next_is_written_ ? next_ : "", .trouble = trouble_,
          .bytes = journal_.is_open() ? bytes_before_ + journal_.bytes() : 0};
}

}  // namespace fustor
