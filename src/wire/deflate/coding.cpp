#include "wire/deflate/coding.h"

// Input is read, never written.
#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>
#include <vector>

namespace angarium::wire::deflate {
namespace {

/// No header, and the window every decompressor has (RFC 4978 §4).
constexpr int kRawWindow = -MAX_WBITS;
constexpr std::size_t kWindow = std::size_t{1} << MAX_WBITS;
/// Twice as fast as 6, and 1 % of the octets worse.
constexpr int kLevel = 3;
/// As it is no session's own, it may be large.
constexpr int kMemoryLevel = 8;
/// States of decompression that a thread keeps for the next one.
constexpr std::size_t kMostSpare = 8;

const Bytef* octets(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

/// zlib's state of compression, one a thread: each call of it begins anew with the text that may be referred to.
class Compression {
 public:
  Compression() {
    if (deflateInit2(&stream_, kLevel, Z_DEFLATED, kRawWindow, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  Compression(const Compression&) = delete;
  Compression& operator=(const Compression&) = delete;
  ~Compression() { deflateEnd(&stream_); }

  z_stream& begin(std::string_view said) {
    deflateReset(&stream_);
    if (!said.empty()) deflateSetDictionary(&stream_, octets(said), static_cast<uInt>(said.size()));
    return stream_;
  }

 private:
  z_stream stream_{};
};

Compression& compression() {
  thread_local Compression one;
  return one;
}

}  // namespace

struct InflateState {
  InflateState() {
    if (inflateInit2(&stream, kRawWindow) != Z_OK) throw std::bad_alloc();
  }
  InflateState(const InflateState&) = delete;
  InflateState& operator=(const InflateState&) = delete;
  ~InflateState() { inflateEnd(&stream); }
  z_stream stream{};
};

namespace {

std::vector<std::unique_ptr<InflateState>>& spare() {
  thread_local std::vector<std::unique_ptr<InflateState>> states;
  return states;
}

std::unique_ptr<InflateState> take_state(std::string_view heard) {
  auto& states = spare();
  std::unique_ptr<InflateState> state;
  if (states.empty()) {
    state = std::make_unique<InflateState>();
  } else {
    state = std::move(states.back());
    states.pop_back();
    inflateReset(&state->stream);
  }
  if (!heard.empty()) inflateSetDictionary(&state->stream, octets(heard), static_cast<uInt>(heard.size()));
  return state;
}

void give_state(std::unique_ptr<InflateState> state) {
  if (state != nullptr && spare().size() < kMostSpare) spare().push_back(std::move(state));
}

}  // namespace

void Deflater::remember(std::span<const std::string_view> clear, std::size_t count) {
  std::size_t skip = count > kKept ? count - kKept : 0;
  std::string kept;
  const std::size_t old = std::min(said_.size(), kKept - std::min(count, kKept));
  kept.reserve(old + std::min(count, kKept));
  kept.append(said_, said_.size() - old);
  std::size_t left = count;
  for (std::string_view piece : clear) {
    piece = piece.substr(0, left);
    left -= piece.size();
    const std::size_t passed = std::min(skip, piece.size());
    skip -= passed;
    kept += piece.substr(passed);
  }
  said_ = std::move(kept);
}

std::size_t Deflater::append(std::span<const std::string_view> clear, std::string& packed) {
  z_stream& stream = compression().begin(said_);
  std::array<char, 16 * 1024> room;
  const auto run = [&](std::string_view piece, int flush) {
    stream.next_in = octets(piece);
    stream.avail_in = static_cast<uInt>(piece.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      ::deflate(&stream, flush);
      packed.append(room.data(), room.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  std::size_t count = 0;
  for (std::string_view piece : clear) {
    piece = piece.substr(0, kSlice - count);
    if (piece.empty()) continue;
    run(piece, Z_NO_FLUSH);
    count += piece.size();
  }
  if (count == 0) return 0;
  run({}, Z_SYNC_FLUSH);
  remember(clear, count);
  return count;
}

Inflater::Inflater(std::uint64_t burst) : burst_(burst) {}
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater::~Inflater() { give_state(std::move(state_)); }

std::size_t Inflater::memory() const { return heard_.capacity() + (state_ == nullptr ? 0 : kWindow); }

/// At the end of a block, and of an octet, the text is all that has to be known.
void Inflater::rest() {
  std::array<char, kWindow> window;
  uInt size = 0;
  inflateGetDictionary(&state_->stream, reinterpret_cast<Bytef*>(window.data()), &size);
  heard_ = std::string(window.data(), size);
  give_state(std::exchange(state_, nullptr));
}

Result<Inflater::Step> Inflater::open(std::string_view packed, std::span<char> room, Until until) {
  if (ended_) return Step{.taken = until == Until::all ? packed.size() : 0, .given = 0};
  if (room.empty() || (packed.empty() && !more_)) return Step{};
  if (state_ == nullptr) {
    state_ = take_state(heard_);
    heard_ = std::string();
  }
  z_stream& stream = state_->stream;
  stream.next_in = octets(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<uInt>(room.size());
  const int outcome = ::inflate(&stream, until == Until::all ? Z_NO_FLUSH : Z_BLOCK);
  // Z_BUF_ERROR: nothing was left to do, which is no error.
  if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR)
    return fail(kBadData, "these octets are no DEFLATE");
  Step step{.taken = packed.size() - stream.avail_in, .given = room.size() - stream.avail_out};
  const std::uint64_t fair = kRatioMax * step.taken;
  beyond_ = beyond_ + step.given > fair ? beyond_ + step.given - fair : 0;
  if (beyond_ > burst_) return fail(kBomb, "compressed octets become too many");
  more_ = stream.avail_out == 0;
  if (outcome == Z_STREAM_END) {
    ended_ = true;
    more_ = amid_block_ = false;
    if (until == Until::all) step.taken = packed.size();
    give_state(std::exchange(state_, nullptr));
    return step;
  }
  // 128: at the end of a block; below 64: bits of the last octet that were not used.
  constexpr int kBlockEnd = 128;
  constexpr int kBits = 63;
  amid_block_ = (stream.data_type & kBlockEnd) == 0;
  if (!more_ && !amid_block_ && stream.avail_in == 0 && (stream.data_type & kBits) == 0) rest();
  return step;
}

}  // namespace angarium::wire::deflate
