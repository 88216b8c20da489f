#include "sweep/share.h"

#include <cstring>
#include <type_traits>

namespace fustor {

namespace {

class ShareWriter {
 public:
  template <class Value>
  void put(const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void put_text(std::string_view text) {
    put(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/** After the first thing that is not there, everything reads as zero and `fine` is false. */
class ShareReader {
 public:
  explicit ShareReader(std::string_view bytes) : rest_(bytes) {}

  template <class Value>
  Value take() {
    Value value{};
    if (rest_.size() < sizeof(value)) fine_ = false;
    if (!fine_) return value;
    std::memcpy(static_cast<void*>(&value), rest_.data(), sizeof(value));
    rest_.remove_prefix(sizeof(value));
    return value;
  }
  std::string_view take_text() {
    const auto length = take<uint32_t>();
    if (rest_.size() < length) fine_ = false;
    if (!fine_) return {};
    const std::string_view text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return text;
  }
  /** A count of things that take at least a byte each. */
  uint32_t take_count() {
    const auto count = take<uint32_t>();
    if (count > rest_.size()) fine_ = false;
    return fine_ ? count : 0;
  }
  bool fine() const { return fine_; }

 private:
  std::string_view rest_;
  bool fine_ = true;
};

constexpr uint32_t kShareMark = 0x31485346;
constexpr uint32_t kResultMark = 0x31525346;

SweepPiece piece_of(ShareReader& in) {
  SweepPiece piece;
  piece.directory = in.take<uint32_t>();
  piece.dev = in.take<uint64_t>();
  piece.own = in.take<SweepFacts>();
  piece.whole = in.take<uint8_t>() != 0;
  piece.path = in.take_text();
  for (uint32_t left = in.take_count(); left > 0; left--) {
    const auto facts = in.take<SweepFacts>();
    const auto how = in.take<uint8_t>();
    piece.entries.push_back({facts, how, in.take_text()});
  }
  return piece;
}

}  // namespace

bool SweepFacts::same(const SweepFacts& other) const {
  const auto equal = [](Timestamp a, Timestamp b) { return a.sec == b.sec && a.nsec == b.nsec; };
  return ino == other.ino && kind == other.kind && (kind == EntryKind::directory || size == other.size) &&
         equal(mtime, other.mtime) && equal(ctime, other.ctime);
}

std::string to_bytes(const SweepShare& share) {
  ShareWriter out;
  out.put(kShareMark);
  out.put(share.rules);
  out.put_text(share.root);
  out.put(share.root_dev);
  out.put(share.root_ino);
  out.put(static_cast<uint32_t>(share.pieces.size()));
  for (const SweepPiece& piece : share.pieces) {
    out.put(piece.directory);
    out.put(piece.dev);
    out.put(piece.own);
    out.put(static_cast<uint8_t>(piece.whole));
    out.put_text(piece.path);
    out.put(static_cast<uint32_t>(piece.entries.size()));
    for (const SweepEntry& entry : piece.entries) {
      out.put(entry.facts);
      out.put(entry.how);
      out.put_text(entry.name);
    }
  }
  return out.take();
}

std::optional<SweepShare> share_of(std::string_view bytes) {
  ShareReader in(bytes);
  if (in.take<uint32_t>() != kShareMark) return std::nullopt;
  SweepShare share;
  share.rules = in.take<SweepRules>();
  share.root = in.take_text();
  share.root_dev = in.take<uint64_t>();
  share.root_ino = in.take<uint64_t>();
  for (uint32_t left = in.take_count(); left > 0; left--) share.pieces.push_back(piece_of(in));
  if (!in.fine()) return std::nullopt;
  return share;
}

std::string to_bytes(const SweepResult& result) {
  ShareWriter out;
  out.put(kResultMark);
  out.put(result.next_piece);
  out.put(result.next_entry);
  out.put(result.looks);
  out.put(result.missed);
  out.put(result.read_bytes);
  out.put(result.cpu_ns);
  out.put(result.root_error);
  out.put(static_cast<uint32_t>(result.findings.size()));
  for (const SweepFinding& finding : result.findings) out.put(finding);
  out.put(static_cast<uint32_t>(result.linked.size()));
  for (const SweepPlace& place : result.linked) out.put(place);
  out.put(static_cast<uint8_t>(result.open.has_value()));
  if (result.open) out.put(*result.open);
  return out.take();
}

std::optional<SweepResult> result_of(std::string_view bytes) {
  ShareReader in(bytes);
  if (in.take<uint32_t>() != kResultMark) return std::nullopt;
  SweepResult result;
  result.next_piece = in.take<uint32_t>();
  result.next_entry = in.take<uint32_t>();
  result.looks = in.take<uint64_t>();
  result.missed = in.take<uint64_t>();
  result.read_bytes = in.take<uint64_t>();
  result.cpu_ns = in.take<uint64_t>();
  result.root_error = in.take<int32_t>();
  for (uint32_t left = in.take_count(); left > 0; left--) result.findings.push_back(in.take<SweepFinding>());
  for (uint32_t left = in.take_count(); left > 0; left--) result.linked.push_back(in.take<SweepPlace>());
  if (in.take<uint8_t>() != 0) result.open = in.take<OpenFile>();
  if (!in.fine()) return std::nullopt;
  return result;
}

}  // namespace fustor
