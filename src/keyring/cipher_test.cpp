#include "keyring/cipher.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::keyring;

namespace {

struct Vector {
  std::string_view key, nonce, about, plain, sealed;
};

/// Test cases 13 to 16 of the mode's specification (McGrew, Viega, "The Galois/Counter Mode of Operation", appendix B).
constexpr std::string_view kKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr std::string_view kPlain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba"
    "6"
    "37b391aafd255";
constexpr std::string_view kHidden =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abc"
    "c"
    "9f662898015ad";
constexpr std::string_view kZeros = "0000000000000000000000000000000000000000000000000000000000000000";

std::vector<std::pair<Vector, std::string>> vectors() {
  return {
      {{kZeros, "000000000000000000000000", "", "", ""}, "530f8afbc74536b9a963b4f1c4cb738b"},
      {{kZeros, "000000000000000000000000", "", "00000000000000000000000000000000", ""},
       "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
      {{kKey, "cafebabefacedbaddecaf888", "", kPlain, ""}, std::string(kHidden) + "b094dac5d93471bdec1a502270e3cc6c"},
      {{kKey, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", kPlain.substr(0, 120), ""},
       std::string(kHidden.substr(0, 120)) + "76fc6ece0f4e1768cddf8853bb2d551b"},
  };
}

}  // namespace

TEST_CASE("AES-256-GCM as its specification has it, one after the other with one object, too") {
  for (const auto& [vector, expected] : vectors()) {
    const Key key(*from_hex(vector.key));
    const std::string plain = *from_hex(vector.plain);
    Cipher seals(key, Cipher::Direction::seal);
    Cipher opens(key, Cipher::Direction::open);
    for (int round = 0; round < 2; ++round) {
      std::string sealed;
      REQUIRE(seals.seal(*from_hex(vector.nonce), *from_hex(vector.about), plain, sealed));
      CHECK(to_hex(sealed) == expected);
      std::string opened = "before";
      REQUIRE(opens.open(*from_hex(vector.nonce), *from_hex(vector.about), sealed, opened));
      CHECK(opened == "before" + plain);
    }
  }
}

TEST_CASE("every octet that was changed, every cut, another key and another meaning is not opened") {
  const Key key = Key::make();
  for (const std::string& plain : {std::string(), std::string("a secret"), std::string(700, 'x')}) {
    const std::string sealed = *seal(key, plain, "account 7, email 9");
    CHECK(sealed.size() == plain.size() + kNonceOctets + kTagOctets);
    CHECK(sealed.find("secret") == std::string::npos);
    CHECK(*open(key, sealed, "account 7, email 9") == plain);
    CHECK(open(key, sealed, "account 7, email 8").error().is(kNotOpened));
    CHECK(open(Key::make(), sealed, "account 7, email 9").error().is(kNotOpened));
    CHECK(open(key, sealed + "x", "account 7, email 9").error().is(kNotOpened));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      std::string changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      CHECK(open(key, changed, "account 7, email 9").error().is(kNotOpened));
      CHECK(open(key, sealed.substr(0, i), "account 7, email 9").error().is(kNotOpened));
    }
  }
}

TEST_CASE("what does not open leaves nothing of it behind, and the object goes on") {
  const Key key = Key::make();
  const std::string nonce(kNonceOctets, 'n');
  std::string sealed;
  REQUIRE(Cipher(key, Cipher::Direction::seal).seal(nonce, "", "octets", sealed));
  Cipher opens(key, Cipher::Direction::open);
  std::string to = "before";
  std::string changed = sealed;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  CHECK(opens.open(nonce, "", changed, to).error().is(kNotOpened));
  CHECK(to == "before");
  REQUIRE(opens.open(nonce, "", sealed, to));
  CHECK(to == "beforeoctets");
}

TEST_CASE("no nonce of another length is taken") {
  Cipher seals(Key::make(), Cipher::Direction::seal);
  std::string to;
  CHECK(!seals.seal("short", "", "octets", to));
  CHECK(to.empty());
}

TEST_CASE("the same is sealed otherwise each time") {
  const Key key = Key::make();
  CHECK(*seal(key, "same", "") != *seal(key, "same", ""));
}
