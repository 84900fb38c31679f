#include "fetch/seal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "support/test.h"

using namespace angarium;
using namespace angarium::fetch;

namespace {

/// Always the same octet.
class Fixed final : public Random {
 public:
  explicit Fixed(char octet) : octet_(octet) {}
  void fill(char* octets, std::size_t count) override { std::fill_n(octets, count, octet_); }

 private:
  char octet_;
};

std::string hex(std::string_view octets) {
  std::string out;
  for (const char c : octets) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace

TEST_CASE("AES-256-GCM as NIST has it: test case 14 of the mode's specification") {
  // A key, nonce and block of zeros.
  Fixed zeros('\0');
  const auto sealed = Seal::of(std::string(kKeyOctets, '\0')).seal(std::string(16, '\0'), "", zeros);
  REQUIRE(sealed);
  CHECK(hex(sealed->substr(kNonceOctets)) == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST_CASE("what is sealed opens with the same key for the same thing alone, and every octet of it counts") {
  const Seal seal = Seal::of("one key");
  for (const std::string& plain : {std::string(), std::string("secret"), std::string(512, 'x')}) {
    const std::string sealed = *seal.seal(plain, "box 7");
    CHECK(sealed.size() == plain.size() + kNonceOctets + kTagOctets);
    CHECK(sealed.find("secret") == std::string::npos);
    CHECK(*seal.open(sealed, "box 7") == plain);
    CHECK(seal.open(sealed, "box 8").error().is(kSealed));
    CHECK(Seal::of("another").open(sealed, "box 7").error().is(kSealed));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      std::string changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      CHECK(seal.open(changed, "box 7").error().is(kSealed));
      CHECK(seal.open(sealed.substr(0, i), "box 7").error().is(kSealed));
    }
  }
  CHECK(*seal.seal("secret", "box 7") != *seal.seal("secret", "box 7"));
}

TEST_CASE("a key file is a file of 32 octets that nobody else may open") {
  std::string folder = "/tmp/angarium-seal-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/key";
  const auto write = [&](std::size_t octets, mode_t mode) {
    ::unlink(path.c_str());
    std::ofstream(path) << std::string(octets, 'k');
    ::chmod(path.c_str(), mode);
  };
  CHECK(Seal::read(path).error().is(kNoKey));
  write(kKeyOctets, 0600);
  const auto seal = Seal::read(path);
  REQUIRE(seal);
  CHECK(*seal->open(*Seal::of(std::string(kKeyOctets, 'k')).seal("x", "y"), "y") == "x");
  write(kKeyOctets, 0400);
  CHECK(Seal::read(path));
  for (const mode_t mode : {0640, 0604, 0610}) {
    write(kKeyOctets, mode);
    CHECK(Seal::read(path).error().is(kNoKey));
  }
  for (const std::size_t octets : {std::size_t{0}, kKeyOctets - 1, kKeyOctets + 1}) {
    write(octets, 0600);
    CHECK(Seal::read(path).error().is(kNoKey));
  }
  write(kKeyOctets, 0600);
  REQUIRE(::symlink(path.c_str(), (folder + "/link").c_str()) == 0);
  CHECK(Seal::read(folder + "/link").error().is(kNoKey));
  CHECK(Seal::read(folder).error().is(kNoKey));
  ::unlink((folder + "/link").c_str());
  ::unlink(path.c_str());
  ::rmdir(folder.c_str());
}
