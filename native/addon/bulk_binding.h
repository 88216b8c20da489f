// A BulkStream as the JavaScript object NativeScan of src/native/addon.ts.
//
// - A next() that has to wait blocks no thread: the stream rings a Bell, and only a waiting next() keeps the process
//   alive.
// - Each slot of the pool gets one Buffer over its memory, made on first use. The stream lives until the last of them
//   was collected.
// - A stream without references is cancelled and joined on a thread of its own, because one of its threads may wait for
//   a file system that does not answer. Only when the environment ends (a worker's end) it is joined at once.
#pragma once

#include <napi.h>

#include <memory>

#include "fustor/bulk_stream.h"

namespace fustor {

/** Once for each environment, before `wrap_bulk_stream`. */
void init_bulk(Napi::Env env);

Napi::Object wrap_bulk_stream(Napi::Env env, std::shared_ptr<BulkStream> stream);

}  // namespace fustor
