// Names on the wire (docs/protocol.md, "Names"): JSON needs text, Linux names are bytes.
//
// Every byte that is not part of valid UTF-8 becomes U+201B and two upper-case hex digits; a U+201B that is really in a
// name is doubled. Surrogates, overlong forms and what lies beyond U+10FFFF count as invalid bytes. The mapping is
// injective, and every other name stays as it is.
#pragma once

#include <string>
#include <string_view>

namespace fustor {

/** Appends the wire form of raw bytes. */
void encode_wire(std::string_view raw, std::string& out);

/** Appends the raw bytes; false unless `text` is exactly what `encode_wire` makes of them, or when they hold a NUL. */
bool decode_wire(std::string_view text, std::string& out);

}  // namespace fustor
