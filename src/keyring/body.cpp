#include "keyring/body.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace angarium::keyring {
namespace {

constexpr std::uint64_t kSealedChunk = kChunk + kTagOctets;

enum class Last : std::uint8_t { no, yes };

std::string nonce_of(std::uint64_t chunk, Last last) {
  std::string nonce(kNonceOctets, '\0');
  nonce[0] = last == Last::yes ? '\1' : '\0';
  for (std::size_t i = 0; i < 8; ++i) nonce[kNonceOctets - 1 - i] = static_cast<char>(chunk >> (8 * i));
  return nonce;
}

/// Plain octets that failed to be whole, or are of no use any more.
void wipe(std::string& octets, std::size_t from) {
  OPENSSL_cleanse(octets.data() + from, octets.size() - from);
  octets.resize(from);
}

}  // namespace

std::optional<std::uint64_t> plain_size(std::uint64_t sealed) {
  if (sealed == kTagOctets) return 0;
  const std::uint64_t last = sealed % kSealedChunk;
  // A last chunk without octets is none.
  if (sealed == 0 || (last != 0 && last <= kTagOctets)) return std::nullopt;
  return sealed - (sealed / kSealedChunk + (last != 0 ? 1 : 0)) * kTagOctets;
}

BodySealer::~BodySealer() { wipe(waiting_, 0); }

Result<> BodySealer::feed(std::string_view plain, std::string& to) {
  while (!plain.empty()) {
    if (waiting_.size() == kChunk) {
      TRY(cipher_.seal(nonce_of(chunk_++, Last::no), {}, waiting_, to));
      waiting_.clear();
    }
    const std::size_t more = std::min(plain.size(), kChunk - waiting_.size());
    waiting_ += plain.substr(0, more);
    plain.remove_prefix(more);
  }
  return {};
}

Result<> BodySealer::finish(std::string& to) {
  TRY(cipher_.seal(nonce_of(chunk_, Last::yes), {}, waiting_, to));
  wipe(waiting_, 0);
  return {};
}

Result<std::string> seal_body(const Key& key, std::string_view plain) {
  std::string sealed;
  sealed.reserve(sealed_size(plain.size()));
  Cipher cipher(key, Cipher::Direction::seal);
  for (std::uint64_t chunk = 0;; ++chunk) {
    const Last last = plain.size() <= kChunk ? Last::yes : Last::no;
    TRY(cipher.seal(nonce_of(chunk, last), {}, plain.substr(0, kChunk), sealed));
    if (last == Last::yes) return sealed;
    plain.remove_prefix(kChunk);
  }
}

Result<> open_body(const Key& key, std::uint64_t sealed, std::uint64_t offset, std::size_t length,
                   const ReadSealed& read, std::string& to) {
  const auto size = plain_size(sealed);
  if (!size) return fail(kNotOpened, "no sealed body has this length");
  Cipher cipher(key, Cipher::Direction::open);
  std::string hidden;
  std::string plain;
  if (*size == 0) {
    // That there is nothing has to be vouched for, too.
    hidden.resize(kTagOctets);
    TRY(read(0, hidden));
    return cipher.open(nonce_of(0, Last::yes), {}, hidden, plain);
  }
  if (offset >= *size || length == 0) return {};
  const std::uint64_t end = offset + std::min<std::uint64_t>(length, *size - offset);
  const std::uint64_t last = (*size - 1) / kChunk;
  const std::size_t before = to.size();
  auto outcome = [&]() -> Result<> {
    for (std::uint64_t chunk = offset / kChunk; chunk * kChunk < end; ++chunk) {
      const std::uint64_t at = chunk * kSealedChunk;
      hidden.resize(static_cast<std::size_t>(std::min(kSealedChunk, sealed - at)));
      TRY(read(at, hidden));
      plain.clear();
      TRY(cipher.open(nonce_of(chunk, chunk == last ? Last::yes : Last::no), {}, hidden, plain));
      const std::uint64_t from = std::max(offset, chunk * kChunk) - chunk * kChunk;
      const std::uint64_t until = std::min<std::uint64_t>(end - chunk * kChunk, plain.size());
      to.append(plain, static_cast<std::size_t>(from), static_cast<std::size_t>(until - from));
    }
    return {};
  }();
  if (!outcome) wipe(to, before);
  return outcome;
}

}  // namespace angarium::keyring
