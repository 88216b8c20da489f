// The engine's doors into JavaScript; src/native/addon.ts is their contract.
#include <napi.h>

#include "base/name_codec.h"
#include "bulk_binding.h"
#include "lock_binding.h"
#include "scan_binding.h"
#include "watch_binding.h"

namespace fustor {

namespace {

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
  const auto raw = info[0].As<Napi::Uint8Array>();
  std::string wire;
  encode_wire({reinterpret_cast<const char*>(raw.Data()), raw.ByteLength()}, wire);
  return Napi::String::New(info.Env(), wire);
}

Napi::Value decode_name(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::String text = info[0].ToString();
  // UTF-8 has no form for them: they would silently become U+FFFD, which is another name.
  if (has_lone_surrogate(text.Utf16Value())) return env.Null();
  std::string raw;
  if (!decode_wire(text.Utf8Value(), raw)) return env.Null();
  return Napi::Buffer<char>::Copy(env, raw.data(), raw.size());
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  init_bulk(env);
  init_scan(env, exports);
  init_watch(env, exports);
  init_lock(env, exports);
  exports.Set("encodeName", Napi::Function::New<encode_name>(env, "encodeName"));
  exports.Set("decodeName", Napi::Function::New<decode_name>(env, "decodeName"));
  exports.Set("engineVersion", FUSTOR_VERSION);
  return exports;
}

}  // namespace

NODE_API_MODULE(fustor_agent, init)

}  // namespace fustor
