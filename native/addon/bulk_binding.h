// A BulkStream as the JavaScript object NativeScan of src/native/addon.ts.
//
// - A next() that has to wait parks no thread: the stream rings a Bell, and only a waiting next() keeps the process alive.
// - Each slot of the pool gets one Buffer over its memory, made on first use. The stream lives until the last of them was collected.
// - A stream that nobody wants any more is cancelled and joined on a thread of its own, because a worker may sit in a system call of a
//   file system that does not answer. Only when the environment goes (a worker's end) is it joined at once.
#pragma once

#include <napi.h>

#include <memory>

#include "fustor/bulk_stream.h"

namespace fustor {

/** Once for each environment, before `wrap_bulk_stream`. */
void init_bulk(Napi::Env env);

Napi::Object wrap_bulk_stream(Napi::Env env, std::shared_ptr<BulkStream> stream);

}  // namespace fustor
