#include "wire_names.h"

#include "base/name_codec.h"

namespace fustor {

namespace {

// UTF-8 has no form for them: they would silently become U+FFFD, which is another name.
bool has_lone_surrogate(const std::u16string& text) {
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] < 0xD800 || text[i] > 0xDFFF) continue;
    const bool pair = text[i] <= 0xDBFF && i + 1 < text.size() && text[i + 1] >= 0xDC00 && text[i + 1] <= 0xDFFF;
    if (!pair) return true;
    i++;
  }
  return false;
}

Napi::Value encode_name(const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    Napi::TypeError::New(info.Env(), "encodeName takes a Buffer").ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const auto raw = info[0].As<Napi::Uint8Array>();
  std::string wire;
  encode_wire({reinterpret_cast<const char*>(raw.Data()), raw.ByteLength()}, wire);
  return Napi::String::New(info.Env(), wire);
}

Napi::Value decode_name(const Napi::CallbackInfo& info) {
  std::string raw;
  if (!raw_of(info[0].ToString(), raw)) return info.Env().Null();
  return Napi::Buffer<char>::Copy(info.Env(), raw.data(), raw.size());
}

}  // namespace

bool raw_of(const Napi::String& text, std::string& raw) {
  return !has_lone_surrogate(text.Utf16Value()) && decode_wire(text.Utf8Value(), raw);
}

void init_wire_names(Napi::Env env, Napi::Object exports) {
  exports.Set("encodeName", Napi::Function::New<encode_name>(env, "encodeName"));
  exports.Set("decodeName", Napi::Function::New<decode_name>(env, "decodeName"));
}

}  // namespace fustor
