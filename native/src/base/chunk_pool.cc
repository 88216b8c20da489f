#include "fustor/chunk_pool.h"

#include <algorithm>
#include <cstring>

namespace fustor {

namespace {
// A path of PATH_MAX bytes, each escaped to its longest JSON form, twice over (path and file_name), plus the numbers.
constexpr size_t kLongRow = 96 << 10;
}  // namespace

void Chunk::begin_group(uint64_t sequence, std::string_view json_dir) {
  if (!group_first_row.empty() && group_first_row.back() == rows) drop_last_group();
  group_first_row.push_back(rows);
  group_sequence.push_back(static_cast<double>(sequence));
  group_dirs.append(json_dir);
  group_dir_ends.push_back(static_cast<uint32_t>(group_dirs.size()));
}

void Chunk::drop_last_group() {
  group_first_row.pop_back();
  group_sequence.pop_back();
  group_dir_ends.pop_back();
  group_dirs.resize(group_dir_ends.empty() ? 0 : group_dir_ends.back());
}

void Chunk::grow(size_t least) {
  const size_t bytes = std::max(least, 2 * capacity);
  auto larger = std::make_unique_for_overwrite<char[]>(bytes);
  if (used > 0) std::memcpy(larger.get(), data, used);
  data = larger.get();
  capacity = bytes;
  memory.push_back(std::move(larger));
}

void Chunk::append(std::string_view row, uint8_t flags) {
  if (!fits(row.size())) grow(used + row.size() + 1);
  std::memcpy(data + used, row.data(), row.size());
  used += row.size();
  data[used++] = ',';
  row_offsets.push_back(static_cast<uint32_t>(used));
  row_flags.push_back(flags);
  rows++;
}

void Chunk::clear() {
  used = 0;
  rows = 0;
  row_offsets.assign(1, 0);
  row_flags.clear();
  group_first_row.clear();
  group_sequence.clear();
  group_dirs.clear();
  group_dir_ends.clear();
}

ChunkPool::ChunkPool(size_t chunk_bytes, uint32_t chunks) {
  const size_t bytes = std::max(chunk_bytes, kLongRow);
  for (uint32_t slot = 0; slot < std::max(chunks, 1u); slot++) {
    auto chunk = std::make_unique<Chunk>();
    chunk->slot = slot;
    chunk->memory.push_back(std::make_unique_for_overwrite<char[]>(bytes));
    chunk->data = chunk->memory.back().get();
    chunk->capacity = bytes;
    chunks_.push_back(std::move(chunk));
    free_.push_back(slot);
  }
  std::reverse(free_.begin(), free_.end());
}

Chunk* ChunkPool::acquire(bool* waited) {
  std::unique_lock lock(mutex_);
  if (waited != nullptr) *waited = free_.empty();
  freed_.wait(lock, [this] { return cancelled_ || !free_.empty(); });
  if (cancelled_) return nullptr;
  Chunk* chunk = chunks_[free_.back()].get();
  free_.pop_back();
  chunk->clear();
  return chunk;
}

void ChunkPool::release(uint32_t slot) {
  std::lock_guard lock(mutex_);
  if (slot >= chunks_.size() || std::find(free_.begin(), free_.end(), slot) != free_.end()) return;
  free_.push_back(slot);
  freed_.notify_one();
}

void ChunkPool::cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  freed_.notify_all();
}

}  // namespace fustor
