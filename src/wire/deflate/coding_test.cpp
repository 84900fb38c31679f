#include "wire/deflate/coding.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/random.h"
#include "support/test.h"

namespace angarium::wire::deflate {
using namespace std::string_view_literals;

namespace {

/// What another program makes of these pieces: raw DEFLATE, ended as `flush` says behind each.
std::string by_zlib(const std::vector<std::string>& pieces, int flush, int level = 9) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed;
  std::array<char, 4096> room;
  for (const std::string& piece : pieces) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream.avail_in = static_cast<uInt>(piece.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(room.data());
      stream.avail_out = static_cast<uInt>(room.size());
      ::deflate(&stream, flush);
      packed.append(room.data(), room.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return packed;
}

/// What another program reads of it: one state of its own from beginning to end.
std::string read_by_zlib(std::string_view packed) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, -MAX_WBITS) == Z_OK);
  std::string clear;
  std::array<char, 4096> room;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int outcome = Z_OK;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(room.data());
    stream.avail_out = static_cast<uInt>(room.size());
    outcome = inflate(&stream, Z_SYNC_FLUSH);
    CHECK((outcome == Z_OK || outcome == Z_BUF_ERROR));
    clear.append(room.data(), room.size() - stream.avail_out);
  } while (stream.avail_out == 0);
  inflateEnd(&stream);
  return clear;
}

std::string random_text(SeededRandom& random, std::size_t octets) {
  std::string text;
  while (text.size() < octets) text += static_cast<char>(random.below(256));
  return text;
}

std::string text_of(std::size_t octets, std::uint64_t seed) {
  SeededRandom random(seed);
  std::string text;
  while (text.size() < octets) {
    text +=
        "* " + std::to_string(random.below(1000)) + " FETCH (UID " + std::to_string(random.below(100'000)) + ")\r\n";
    if (random.below(4) == 0) text += random_text(random, 20);
  }
  text.resize(octets);
  return text;
}

/// Opens octets that come in pieces of one size into a room of another.
Result<std::string> open_all(Inflater& inflater, std::string_view packed, std::size_t piece, std::size_t room_size) {
  std::string clear;
  std::string room(room_size, '\0');
  while (!packed.empty()) {
    std::string_view now = packed.substr(0, piece);
    packed.remove_prefix(now.size());
    do {
      const auto step = TRY(inflater.open(now, room));
      now.remove_prefix(step.taken);
      clear.append(room, 0, step.given);
    } while (!now.empty() || inflater.more());
  }
  return clear;
}

}  // namespace

TEST_CASE("RFC 4978 section 4: what goes out is one raw DEFLATE stream, whole after each call") {
  Deflater deflater;
  std::string packed;
  std::string clear;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::string text = text_of(seed * seed * 3, seed);
    const std::array<std::string_view, 3> pieces = {
        std::string_view(text).substr(0, seed), "",
        std::string_view(text).substr(std::min<std::size_t>(seed, text.size()))};
    CHECK(deflater.append(pieces, packed) == text.size());
    clear += text;
    CHECK(read_by_zlib(packed) == clear);
    CHECK(deflater.memory() <= kKept + 32);
  }
  CHECK(packed.size() < clear.size() / 2);
}

TEST_CASE("later calls refer to what earlier ones said, however short they are") {
  Deflater deflater;
  std::string packed;
  const std::string line = "* 17 FETCH (UID 1017 FLAGS (\\Seen $Work $Forwarded))\r\n";
  const std::array<std::string_view, 1> pieces = {line};
  deflater.append(pieces, packed);
  const std::size_t first = packed.size();
  deflater.append(pieces, packed);
  CHECK(packed.size() - first < first / 3);
  // One octet at a time still fills the memory of what was said, and no more.
  for (std::size_t i = 0; i < 3 * kKept; ++i) {
    const std::array<std::string_view, 1> octet = {std::string_view(line).substr(i % line.size(), 1)};
    deflater.append(octet, packed);
  }
  CHECK(deflater.memory() <= kKept + 32);
  CHECK(read_by_zlib(packed).size() == 2 * line.size() + 3 * kKept);
}

TEST_CASE("a slice at a time is compressed, and nothing of nothing") {
  Deflater deflater;
  std::string packed;
  const std::string large = text_of(kSlice + 1, 7);
  const std::array<std::string_view, 2> pieces = {std::string_view(large).substr(0, 100),
                                                  std::string_view(large).substr(100)};
  CHECK(deflater.append(pieces, packed) == kSlice);
  CHECK(read_by_zlib(packed) == large.substr(0, kSlice));
  const std::size_t size = packed.size();
  const std::array<std::string_view, 1> nothing = {""};
  CHECK(deflater.append(nothing, packed) == 0);
  CHECK(deflater.append({}, packed) == 0);
  CHECK(packed.size() == size);
}

TEST_CASE("RFC 4978: whatever a client flushes by, wherever its octets are cut, whatever room there is") {
  const std::vector<std::string> pieces = {"a1 NOOP\r\n", "a2 NOOP\r\n",      text_of(3000, 3),
                                           "a3 NOOP\r\n", text_of(70'000, 4), "x"};
  std::string clear;
  for (const std::string& piece : pieces) clear += piece;
  for (const int flush : {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_PARTIAL_FLUSH, Z_BLOCK})
    for (const int level : {0, 1, 9}) {
      const std::string packed = by_zlib(pieces, flush, level);
      for (const std::size_t piece : {1UZ, 2UZ, 7UZ, 1000UZ, packed.size()})
        for (const std::size_t room : {1UZ, 5UZ, 4096UZ, 100'000UZ}) {
          Inflater inflater;
          const auto opened = open_all(inflater, packed, piece, room);
          REQUIRE(opened);
          // Z_BLOCK may keep bits of the last block back.
          CHECK((flush == Z_BLOCK ? clear.starts_with(*opened) : *opened == clear));
        }
    }
}

TEST_CASE("a client that waits at a whole octet costs what it said last, at most a window, and no state") {
  Inflater inflater;
  std::vector<std::string> pieces;
  for (int i = 0; i < 40; ++i) pieces.push_back("a" + std::to_string(i) + " NOOP\r\n");
  REQUIRE(open_all(inflater, by_zlib(pieces, Z_SYNC_FLUSH), 1000, 4096));
  CHECK(inflater.memory() < 500);
  Inflater large;
  REQUIRE(open_all(large, by_zlib({text_of(200'000, 5)}, Z_SYNC_FLUSH), 1000, 4096));
  CHECK(large.memory() == 32 * 1024);
  Inflater amid;
  const std::string packed = by_zlib({text_of(2000, 5)}, Z_SYNC_FLUSH);
  REQUIRE(open_all(amid, packed.substr(0, packed.size() / 2), 1000, 4096));
  CHECK(amid.memory() >= 32 * 1024);
}

TEST_CASE("references reach over 32 KiB and many calls, as a client's own state does") {
  const std::string text = text_of(32'000, 6);
  std::vector<std::string> pieces = {text};
  for (std::size_t at = 0; at + 700 < text.size(); at += 700) pieces.push_back(text.substr(at, 300));
  std::string clear;
  for (const std::string& piece : pieces) clear += piece;
  Inflater inflater;
  CHECK(open_all(inflater, by_zlib(pieces, Z_SYNC_FLUSH), 97, 4096).value() == clear);
}

TEST_CASE("octets that are no DEFLATE are an error, as are references before the beginning") {
  for (const std::string_view bad : {"a1 NOOP\r\n"sv, "\xFF\xFF"sv, "\x78\x9C\x4B\x04\x01"sv, "\x4b\x04\x42\x00"sv}) {
    Inflater inflater;
    std::array<char, 100> room;
    const auto opened = inflater.open(bad, room);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().is(kBadData));
  }
}

TEST_CASE("what follows the end of the stream counts for nothing") {
  const std::string packed = by_zlib({"a1 LOGOUT\r\n"}, Z_FINISH);
  Inflater inflater;
  CHECK(open_all(inflater, packed + "garbage", 1000, 100).value() == "a1 LOGOUT\r\n");
  CHECK(inflater.ended());
  CHECK(inflater.memory() < 100);
}

TEST_CASE("what becomes more than a hundred times as much is taken up to the burst, and not one octet further") {
  const std::string zeros(300'000, '\0');
  const std::string packed = by_zlib({zeros}, Z_SYNC_FLUSH);
  REQUIRE(packed.size() * kRatioMax < zeros.size());
  const std::uint64_t beyond = zeros.size() - packed.size() * kRatioMax;
  // All at once, so that the room is all there is.
  std::string room(zeros.size() + 1, 'x');
  Inflater enough(beyond);
  CHECK(enough.open(packed, room).value().given == zeros.size());
  Inflater less(beyond - 1);
  const auto refused = less.open(packed, room);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().is(kBomb));
  // Fair octets give it back: a client that sends such a message now and then is never stopped.
  Inflater patient(beyond);
  std::string noise;
  SeededRandom random(1);
  while (noise.size() < beyond / 50) noise += random_text(random, 64);
  const std::string between = by_zlib({noise}, Z_FULL_FLUSH);
  for (int i = 0; i < 3; ++i) {
    CHECK(open_all(patient, packed, packed.size(), room.size()).value().size() == zeros.size());
    CHECK(open_all(patient, between, 1000, 4096).value() == noise);
  }
}

}  // namespace angarium::wire::deflate
