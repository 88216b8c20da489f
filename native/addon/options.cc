#include "options.h"

#include <algorithm>
#include <cmath>

namespace fustor {

Napi::Object options_of(const Napi::Value& argument) {
  return argument.IsObject() ? argument.As<Napi::Object>() : Napi::Object::New(argument.Env());
}

double number_or(const Napi::Object& options, const char* key, double fallback, double least, double most) {
  const Napi::Value value = options.Get(key);
  if (!value.IsNumber()) return fallback;
  const double number = value.As<Napi::Number>().DoubleValue();
  return std::isnan(number) ? fallback : std::clamp(number, least, most);
}

bool flag_or(const Napi::Object& options, const char* key, bool fallback) {
  const Napi::Value value = options.Get(key);
  return value.IsBoolean() ? value.As<Napi::Boolean>().Value() : fallback;
}

std::vector<std::string> strings_of(const Napi::Value& value) {
  std::vector<std::string> texts;
  if (!value.IsArray()) return texts;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) texts.push_back(array.Get(i).ToString().Utf8Value());
  return texts;
}

FilterSpec filter_of(const Napi::Object& options) {
  FilterSpec filter;
  const Napi::Value file_pattern = options.Get("filePattern");
  if (file_pattern.IsString()) filter.file_pattern = file_pattern.As<Napi::String>().Utf8Value();
  filter.exclude = strings_of(options.Get("exclude"));
  filter.exclude_paths = strings_of(options.Get("excludePaths"));
  return filter;
}

BulkSize bulk_size_of(const Napi::Object& options) {
  return {
      static_cast<size_t>(number_or(options, "chunkBytes", 512 << 10, 1, 256 << 20)),
      static_cast<uint32_t>(number_or(options, "poolChunks", 8, 1, 1024)),
  };
}

RowsOptions rows_options_of(const Napi::Object& options) {
  const BulkSize size = bulk_size_of(options);
  // Seconds that a double holds exactly; no file is as young as the last of them.
  constexpr double kMost = 1ll << 53;
  const double since = number_or(options, "strongSince", kMost, -kMost, kMost);
  const int64_t second = since == kMost ? RowsOptions::kNothing : static_cast<int64_t>(std::floor(since));
  return {size.chunk_bytes, size.pool_chunks, second};
}

Politeness politeness_of(const Napi::Object& options) {
  return {
      static_cast<int>(number_or(options, "scanNice", 0, 0, 19)),
      static_cast<int>(number_or(options, "scanIoPriority", 0, 0, 0xffff)),
      number_or(options, "scanEntriesPerSecond", 0, 0, 1e9),
  };
}

unsigned threads_of(const Napi::Object& options) { return static_cast<unsigned>(number_or(options, "threads", 0, 0, 256)); }

}  // namespace fustor
