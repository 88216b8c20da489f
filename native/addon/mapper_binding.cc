// A RowMapper as the JavaScript object NativeRowMapper of src/native/addon.ts: one crossing for a whole range of rows.
#include "mapper_binding.h"

#include <memory>

#include "base/row_mapper.h"

namespace fustor {

namespace {

constexpr size_t kSlack = 64 << 10;

ConvertTo type_of(const std::string& name) {
  if (name == "string") return ConvertTo::string;
  if (name == "integer") return ConvertTo::integer;
  if (name == "number") return ConvertTo::number;
  if (name == "boolean") return ConvertTo::boolean;
  return ConvertTo::nothing;
}

bool is_steps(const Napi::Value& value) {
  if (!value.IsArray()) return false;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value step = array.Get(i);
    if (!step.IsObject() || !step.As<Napi::Object>().Get("target").IsArray()) return false;
  }
  return true;
}

/** Throws when the argument is no list of NativeMappingStep. */
std::vector<MappingStep> steps_of(const Napi::CallbackInfo& info) {
  std::vector<MappingStep> steps;
  if (!is_steps(info[0])) throw Napi::TypeError::New(info.Env(), "createRowMapper(steps): an array of objects with a target is wanted");
  const auto array = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Object object = array.Get(i).As<Napi::Object>();
    MappingStep step;
    const auto target = object.Get("target").As<Napi::Array>();
    for (uint32_t t = 0; t < target.Length(); t++) step.target.push_back(target.Get(t).ToString().Utf8Value());
    if (object.Get("constant").IsString()) step.constant = object.Get("constant").ToString().Utf8Value();
    if (object.Get("source").IsString()) step.source = object.Get("source").ToString().Utf8Value();
    if (object.Get("type").IsString()) step.type = type_of(object.Get("type").ToString().Utf8Value());
    steps.push_back(std::move(step));
  }
  return steps;
}

class MapperObject final : public Napi::ObjectWrap<MapperObject> {
 public:
  static Napi::Function define(Napi::Env env) { return DefineClass(env, "NativeRowMapper", {InstanceMethod<&MapperObject::map>("map")}); }

  explicit MapperObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<MapperObject>(info), mapper_(steps_of(info)) {}

 private:
  /** (buffer, rowOffsets, from, to): stops before the first row that needs the full parser. */
  Napi::Value map(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!is_array_of(info[0], napi_uint8_array) || !is_array_of(info[1], napi_uint32_array)) {
      Napi::TypeError::New(env, "map(buffer, rowOffsets, from, to): a Buffer and a Uint32Array are wanted").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    const auto rows = info[0].As<Napi::Uint8Array>();
    const auto starts = info[1].As<Napi::Uint32Array>();
    uint32_t row = info[2].ToNumber().Uint32Value();
    const uint32_t to = info[3].ToNumber().Uint32Value();
    if (row > to || to >= starts.ElementLength() || !lie_within(starts, row, to, rows.ByteLength())) {
      Napi::RangeError::New(env, "the rows lie outside the chunk").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    auto out = std::make_unique<std::string>();
    out->reserve(starts[to] - starts[row] + kSlack);
    std::vector<uint32_t> offsets{0};
    mapper_.conflicts.clear();
    for (; row < to; row++) {
      if (starts[row] >= starts[row + 1]) break;
      const size_t before = out->size();
      const std::string_view text(reinterpret_cast<const char*>(rows.Data()) + starts[row], starts[row + 1] - starts[row] - 1);
      if (!mapper_.map(text, *out)) break;
      if (out->size() == before) continue;  // no target of this row has a value
      *out += ',';
      offsets.push_back(static_cast<uint32_t>(out->size()));
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("end", row);
    result.Set("rowOffsets", to_array(env, offsets));
    result.Set("conflicts", to_array(env, mapper_.conflicts));
    result.Set("buffer", to_buffer(env, std::move(out)));
    return result;
  }

  static bool is_array_of(const Napi::Value& value, napi_typedarray_type type) {
    return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
  }

  /** Each row ends before the next one begins, and the last one where the bytes end or before. */
  static bool lie_within(const Napi::Uint32Array& starts, uint32_t from, uint32_t to, size_t bytes) {
    for (uint32_t row = from; row < to; row++) {
      if (starts[row] > starts[row + 1]) return false;
    }
    return starts[to] <= bytes + 1;
  }

  static Napi::Uint32Array to_array(Napi::Env env, const std::vector<uint32_t>& numbers) {
    auto array = Napi::Uint32Array::New(env, numbers.size());
    for (size_t i = 0; i < numbers.size(); i++) array[i] = numbers[i];
    return array;
  }

  static Napi::Buffer<char> to_buffer(Napi::Env env, std::unique_ptr<std::string> text) {
    const auto let_go = [](Napi::Env, char*, std::string* kept) { delete kept; };
    const auto buffer = Napi::Buffer<char>::New(env, text->data(), text->size(), let_go, text.get());
    text.release();
    return buffer;
  }

  RowMapper mapper_;
};

Napi::Value create_row_mapper(const Napi::CallbackInfo& info) {
  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  return constructor->New({info[0]});
}

}  // namespace

void init_mapper(Napi::Env env, Napi::Object exports) {
  auto* constructor = new Napi::FunctionReference(Napi::Persistent(MapperObject::define(env)));
  env.AddCleanupHook([](Napi::FunctionReference* reference) { delete reference; }, constructor);
  exports.Set("createRowMapper", Napi::Function::New(env, create_row_mapper, "createRowMapper", constructor));
}

}  // namespace fustor
