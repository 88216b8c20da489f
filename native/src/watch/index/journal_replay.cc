#include "watch/index/journal_replay.h"

#include <vector>

#include "watch/index/index_format.h"
#include "watch/monotonic.h"

namespace fustor {

namespace {
constexpr uint64_t kNoInode = UINT64_MAX;  // no file system gives it to a directory

FileStat unknown_facts(EntryKind kind, uint64_t inode) {
  FileStat stat{};
  stat.kind = kind;
  stat.ino = inode;
  stat.size = UINT64_MAX;
  return stat;
}
}  // namespace

bool JournalReplay::apply(const JournalReader& journal) {
  IndexDecoder decoder;
  for (const std::string_view frame : journal.frames()) {
    decoder.begin_chunk(frame);
    directory_ = kNoDir;
    while (!decoder.is_at_end()) {
      NameRecord record;
      if (!next_record(decoder, record) || !apply(record)) return false;
    }
    table_.pack_idle(monotonic_seconds());
  }
  return true;
}

bool JournalReplay::finish() {
  forget_nodes();
  return has_begun_ && is_written_;
}

bool JournalReplay::apply(const NameRecord& record) {
  switch (record.kind) {
    case NameKind::begin:
      if (record.text != generation_) return true;
      if (has_begun_) return false;
      has_begun_ = true;
      return true;
    case NameKind::written:
      if (record.text == generation_) is_written_ = has_begun_;
      return true;
    case NameKind::run: forget_nodes(); return true;
    case NameKind::directory:
      directory_ = kNoDir;
      return !has_begun_ || enter(record.text);
    default: break;
  }
  if (!may_be_name(record.text)) return false;
  if (record.kind == NameKind::left) drop_node(record.node);  // its number may have been another's
  if (directory_ == kNoDir) return true;
  switch (record.kind) {
    case NameKind::file:
    case NameKind::gone:
    case NameKind::made: appeared(record); return true;
    case NameKind::moved: moved(record); return true;
    case NameKind::left: left(record); return true;
    case NameKind::doubted: {
      Entry* entry = find(record.text);
      if (entry == nullptr) {
        make_stub(record.text);
      } else {
        entry->size = UINT64_MAX;
        if (entry->child != kNoDir) doubt_below(entry->child);
      }
      return true;
    }
    default: return false;
  }
}

bool JournalReplay::is_stub(DirId id) const { return table_.at(id).identity.ino == kNoInode; }

bool JournalReplay::enter(std::string_view path) {
  directory_ = kRootDir;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (!may_be_name(name)) return false;
    const Entry* entry = find(name);
    // The checkpoint was written while the directory was elsewhere, or it stands in the place of a file.
    if (entry == nullptr || entry->child == kNoDir) make_stub(name);
    directory_ = find(name)->child;
    if (is_stub(directory_)) {
      directory_ = kNoDir;
      return true;
    }
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return true;
}

void JournalReplay::add_file(std::string_view name) {
  table_.at(directory_).insert(name, unknown_facts(EntryKind::file, 0)).child = kNoDir;
  table_.entry_count++;
}

DirId JournalReplay::add_directory(std::string_view name, uint64_t inode) {
  const DirId child = table_.add(directory_, name, {0, inode}, inode == kNoInode);
  table_.at(directory_).insert(name, unknown_facts(EntryKind::directory, inode)).child = child;
  table_.entry_count++;
  return child;
}

void JournalReplay::make_stub(std::string_view name) {
  if (Entry* entry = find(name)) {
    if (entry->child != kNoDir && is_stub(entry->child)) return;
    const DirId child = entry->child;
    take_out(*entry);
    if (child != kNoDir) remove_below(child);
  }
  add_directory(name, kNoInode);
}

/** The name is free then; a directory's node stays. */
void JournalReplay::take_out(Entry& entry) {
  table_.at(directory_).erase(entry);
  table_.entry_count--;
}

void JournalReplay::appeared(const NameRecord& record) {
  Entry* entry = find(record.text);
  const bool is_directory = record.kind == NameKind::made;
  if (entry == nullptr) {
    if (is_directory) {
      add_directory(record.text, record.inode);
    } else {
      add_file(record.text);
    }
  } else if (is_directory && !is_written_ && entry->child != kNoDir && entry->ino == record.inode) {
    entry->size = UINT64_MAX;  // the writer of the checkpoint came here after it was made
  } else if (is_directory || entry->child != kNoDir) {
    make_stub(record.text);
  } else {
    entry->size = UINT64_MAX;
  }
}

void JournalReplay::moved(const NameRecord& record) {
  const auto node = nodes_.find(record.node);
  if (node == nodes_.end() || find(record.text) != nullptr) {
    drop_node(record.node);
    return make_stub(record.text);
  }
  const DirId child = node->second;
  nodes_.erase(node);
  table_.attach(child, directory_, record.text);
  table_.set_identity(child, {0, record.inode});
  table_.at(directory_).insert(record.text, unknown_facts(EntryKind::directory, record.inode)).child = child;
  table_.entry_count++;
  doubt_below(child);
}

void JournalReplay::left(const NameRecord& record) {
  Entry* entry = find(record.text);
  const DirId child = entry == nullptr ? kNoDir : entry->child;
  // What the writer of the checkpoint saw of it may be the half of it.
  if (child != kNoDir && is_written_ && !is_stub(child)) {
    take_out(*entry);
    table_.detach(child);
    table_.forget_identity(child);
    nodes_[record.node] = child;
  }
  make_stub(record.text);
}

void JournalReplay::remove_below(DirId top) {
  std::vector<DirId> pending{top};
  while (!pending.empty()) {
    const DirId id = pending.back();
    pending.pop_back();
    table_.at(id).each([&](const Entry& entry, std::string_view) {
      if (entry.child != kNoDir) pending.push_back(entry.child);
    });
    table_.remove(id);
  }
}

void JournalReplay::doubt_below(DirId top) {
  std::vector<DirId> pending{top};
  while (!pending.empty()) {
    const DirId id = pending.back();
    pending.pop_back();
    for (Entry& entry : table_.at(id).slots()) {
      if (entry.flags & kDead) continue;
      entry.size = UINT64_MAX;
      if (entry.child != kNoDir) pending.push_back(entry.child);
    }
    table_.pack_idle(monotonic_seconds());
  }
}

void JournalReplay::drop_node(uint64_t number) {
  const auto node = nodes_.find(number);
  if (node == nodes_.end()) return;
  remove_below(node->second);
  nodes_.erase(node);
}

void JournalReplay::forget_nodes() {
  for (const auto& [number, node] : nodes_) remove_below(node);
  nodes_.clear();
}

}  // namespace fustor
