#include "fustor/chunk_pool.h"

#include <atomic>
#include <set>
#include <thread>

#include "check.h"

using namespace fustor;

TEST("rows are found by their offsets") {
  ChunkPool pool(1, 1);
  Chunk* chunk = pool.acquire();
  chunk->begin_group(7, "/d");
  for (const char* row : {"{}", "{\"a\":1}", "[]"}) chunk->append(row);
  CHECK_EQ(chunk->rows, 3u);
  REQUIRE_EQ(chunk->row_offsets.size(), 4u);
  CHECK_EQ(std::string_view(chunk->data, chunk->used), "{},{\"a\":1},[],");
  const uint32_t* at = chunk->row_offsets.data();
  CHECK_EQ(std::string_view(chunk->data + at[1], at[2] - 1 - at[1]), "{\"a\":1}");
  CHECK_EQ(at[3], chunk->used);
}

TEST("a group that got no row leaves no trace") {
  ChunkPool pool(1, 1);
  Chunk* chunk = pool.acquire();
  chunk->begin_group(1, "/left out");
  chunk->begin_group(2, "/d");
  chunk->append("a");
  chunk->append("b", kStrongRow);
  chunk->begin_group(3, "");
  chunk->append("c", kSkippedRow);
  CHECK(chunk->group_first_row == (std::vector<uint32_t>{0, 2}));
  CHECK(chunk->group_sequence == (std::vector<double>{2, 3}));
  CHECK_EQ(chunk->group_dirs, "/d");
  CHECK(chunk->group_dir_ends == (std::vector<uint32_t>{2, 2}));
  CHECK(chunk->row_flags == (std::vector<uint8_t>{0, kStrongRow, kSkippedRow}));
}

TEST("a row fits exactly up to the capacity") {
  ChunkPool pool(1, 1);
  Chunk* chunk = pool.acquire();
  const std::string row(chunk->capacity - 1, 'x');
  CHECK(chunk->fits(row.size()));
  CHECK(!chunk->fits(row.size() + 1));
  chunk->append(row);
  CHECK_EQ(chunk->used, chunk->capacity);
  CHECK(!chunk->fits(0));
}

TEST("a chunk comes back empty, over the same memory") {
  ChunkPool pool(1, 1);
  Chunk* chunk = pool.acquire();
  const char* memory = chunk->data;
  chunk->begin_group(1, "/d");
  chunk->append("a", kStrongRow);
  pool.release(chunk->slot);
  chunk = pool.acquire();
  CHECK(chunk->data == memory);
  CHECK_EQ(chunk->used, 0u);
  CHECK_EQ(chunk->rows, 0u);
  CHECK(chunk->row_offsets == std::vector<uint32_t>{0});
  CHECK(chunk->group_first_row.empty() && chunk->group_sequence.empty());
  CHECK(chunk->row_flags.empty() && chunk->group_dirs.empty() && chunk->group_dir_ends.empty());
}

TEST("releasing twice, or what never was, does not make two chunks of one") {
  ChunkPool pool(1, 2);
  Chunk* first = pool.acquire();
  Chunk* second = pool.acquire();
  pool.release(first->slot);
  pool.release(first->slot);
  pool.release(99);
  CHECK(pool.acquire() == first);
  std::atomic<bool> got{false};
  std::thread waiter([&] { got = pool.acquire() == second; });
  pool.release(second->slot);
  waiter.join();
  CHECK(got);
}

TEST("cancelling wakes everyone who waits for a chunk, with nothing, and refuses who comes later") {
  ChunkPool pool(1, 1);
  pool.acquire();
  std::atomic<int> empty_handed{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; i++) waiters.emplace_back([&] { empty_handed += pool.acquire() == nullptr; });
  pool.cancel();
  for (std::thread& waiter : waiters) waiter.join();
  CHECK_EQ(empty_handed.load(), 3);
  pool.release(0);
  CHECK(pool.acquire() == nullptr);
}

TEST("many threads never hold the same chunk") {
  ChunkPool pool(1, 3);
  std::atomic<int> owners[3] = {};
  std::atomic<int> clashes{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; i++) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5000; round++) {
        Chunk* chunk = pool.acquire();
        clashes += owners[chunk->slot].fetch_add(1) != 0;
        chunk->append("row");
        owners[chunk->slot].fetch_sub(1);
        pool.release(chunk->slot);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(clashes.load(), 0);
}
