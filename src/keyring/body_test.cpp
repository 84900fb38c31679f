#include "keyring/body.h"

#include "support/test.h"

using namespace angarium;
using namespace angarium::keyring;

namespace {

constexpr std::size_t kSealedChunk = kChunk + kTagOctets;

std::string plain_of(std::size_t size) {
  SeededRandom random(size);
  return random.octets(size);
}

/// Opens, and counts what was read for it.
struct Reading {
  Result<std::string> open(const Key& key, std::string_view sealed, std::uint64_t offset, std::size_t length) {
    std::string to = "before";
    const auto done = open_body(
        key, sealed.size(), offset, length,
        [&](std::uint64_t at, std::span<char> into) -> Result<> {
          octets += into.size();
          sealed.substr(static_cast<std::size_t>(at), into.size()).copy(into.data(), into.size());
          return {};
        },
        to);
    CHECK(to.starts_with("before"));
    if (!done) CHECK(to == "before");
    if (!done) return std::unexpected(done.error());
    return to.substr(6);
  }
  std::uint64_t octets = 0;
};

Result<std::string> open_all(const Key& key, std::string_view sealed) {
  return Reading().open(key, sealed, 0, SIZE_MAX);
}

const std::initializer_list<std::size_t> kSizes = {
    0, 1, 15, 16, 17, kChunk - 1, kChunk, kChunk + 1, kChunk + 16, 2 * kChunk, 2 * kChunk + 1, 3 * kChunk - 1};

}  // namespace

TEST_CASE("a body of any length opens as it was, and its length is known from the sealed one") {
  for (const std::size_t size : kSizes) {
    const Key key = Key::make();
    const std::string plain = plain_of(size);
    const std::string sealed = *seal_body(key, plain);
    CHECK(sealed.size() == sealed_size(size));
    CHECK(plain_size(sealed.size()) == size);
    CHECK(*open_all(key, sealed) == plain);
  }
}

TEST_CASE("lengths that no sealed body has") {
  for (const std::uint64_t size : {0UL, 1UL, 15UL, kSealedChunk + 1, kSealedChunk + 16, 2 * kSealedChunk + 3})
    CHECK(!plain_size(size));
  CHECK(plain_size(kSealedChunk + 17) == kChunk + 1);
}

TEST_CASE("sealed as it comes is sealed as in one piece, wherever it is cut") {
  for (const std::size_t size : kSizes) {
    const Key key = Key::make();
    const std::string plain = plain_of(size);
    for (const std::size_t piece : {std::size_t{1000}, kChunk - 1, kChunk, kChunk + 1, std::size_t{1} << 20}) {
      BodySealer sealer(key);
      std::string sealed;
      for (std::size_t at = 0; at < size; at += piece)
        REQUIRE(sealer.feed(std::string_view(plain).substr(at, piece), sealed));
      REQUIRE(sealer.finish(sealed));
      CHECK(sealed == *seal_body(key, plain));
    }
  }
}

TEST_CASE("a part is opened by reading the chunks it touches and no more") {
  const Key key = Key::make();
  const std::string plain = plain_of(3 * kChunk + 100);
  const std::string sealed = *seal_body(key, plain);
  const auto part = [&](std::uint64_t offset, std::size_t length) {
    Reading reading;
    CHECK(*reading.open(key, sealed, offset, length) == plain.substr(static_cast<std::size_t>(offset), length));
    return reading.octets;
  };
  CHECK(part(0, 10) == kSealedChunk);
  CHECK(part(kChunk, kChunk) == kSealedChunk);
  CHECK(part(kChunk - 1, 2) == 2 * kSealedChunk);
  CHECK(part(3 * kChunk, 50) == 100 + kTagOctets);
  CHECK(part(3 * kChunk + 99, 1000) == 100 + kTagOctets);
  CHECK(part(2 * kChunk + 5, kChunk) == kSealedChunk + 100 + kTagOctets);
  CHECK(part(plain.size(), 10) == 0);
  CHECK(part(7, 0) == 0);
  Reading beyond;
  CHECK(beyond.open(key, sealed, UINT64_MAX, SIZE_MAX)->empty());
}

TEST_CASE("every octet that was changed and every cut is an error, never other octets") {
  const Key key = Key::make();
  const std::string plain = plain_of(300);
  const std::string sealed = *seal_body(key, plain);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    CHECK(open_all(key, changed).error().is(kNotOpened));
    CHECK(open_all(key, sealed.substr(0, i)).error().is(kNotOpened));
  }
  CHECK(open_all(Key::make(), sealed).error().is(kNotOpened));
}

TEST_CASE("chunks that were left out, put elsewhere or said twice do not open") {
  const Key key = Key::make();
  const std::string plain = plain_of(3 * kChunk);
  const std::string sealed = *seal_body(key, plain);
  const std::string one = sealed.substr(0, kSealedChunk);
  const std::string two = sealed.substr(kSealedChunk, kSealedChunk);
  const std::string three = sealed.substr(2 * kSealedChunk);
  REQUIRE(*open_all(key, one + two + three) == plain);
  for (const std::string& wrong : {one, one + two, two + three, one + three, two + one + three, one + two + two,
                                   one + one + three, one + two + three + three, three})
    CHECK(open_all(key, wrong).error().is(kNotOpened));
  // Cut behind a chunk, the last one by its length is none.
  Reading first;
  CHECK(*first.open(key, one + two, 0, kChunk) == plain.substr(0, kChunk));
  CHECK(first.open(key, one + two, kChunk, 1).error().is(kNotOpened));
}

TEST_CASE("an error of who reads is given on") {
  std::string to;
  const auto done = open_body(
      Key::make(), sealed_size(10), 0, 10,
      [](std::uint64_t, std::span<char>) -> Result<> { return fail(kBroken, "the disk"); }, to);
  CHECK(done.error().is(kBroken));
}
