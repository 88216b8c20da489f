// Reading the option objects of src/native/addon.ts. TypeScript has checked the shapes; here a wrong number only has to
// be harmless.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "fustor/bulk_stream.h"
#include "fustor/filter_spec.h"
#include "fustor/politeness.h"

namespace fustor {

/** The argument, or an empty object when it is no object. */
Napi::Object options_of(const Napi::Value& argument);
/** The member as a number within [least, most], or `fallback` when it is no number. */
double number_or(const Napi::Object& options, const char* key, double fallback, double least, double most);
bool flag_or(const Napi::Object& options, const char* key, bool fallback);
std::vector<std::string> strings_of(const Napi::Value& value);
FilterSpec filter_of(const Napi::Object& options);

struct BulkSize {
  size_t chunk_bytes;
  uint32_t pool_chunks;
};
BulkSize bulk_size_of(const Napi::Object& options);
RowsOptions rows_options_of(const Napi::Object& options);
Politeness politeness_of(const Napi::Object& options);
/** 0 = number of cores. */
unsigned threads_of(const Napi::Object& options);

}  // namespace fustor
