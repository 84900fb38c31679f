// The security layer of DIGEST-MD5 (RFC 2831 §2.3, §2.4).
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "sasl/crypto.h"
#include "sasl/digest_keys.h"
#include "sasl/legacy.h"

namespace angarium::sasl {
namespace {

constexpr std::size_t kMacOctets = 10;
constexpr std::size_t kTailOctets = 6;  ///< the type of the message and its number
constexpr std::size_t kPaddingMax = 8;
constexpr std::string_view kType("\0\1", 2);

std::string big_endian(std::uint32_t number) {
  std::string result;
  for (int shift = 24; shift >= 0; shift -= 8) result += static_cast<char>(number >> shift & 0xFF);
  return result;
}

/// What one direction of a connection goes by.
struct Direction {
  Secret integrity_key;
  std::unique_ptr<Cipher> cipher;  ///< null: integrity only
  std::uint64_t number = 0;        ///< of the next message

  Result<std::string> mac(std::string_view clear) const {
    std::string text = big_endian(static_cast<std::uint32_t>(number));
    text += clear;
    std::string result = TRY(hmac_md5(integrity_key.view(), text));
    result.resize(kMacOctets);
    return result;
  }
  /// RFC 2831 has no word for the number after the last; it must not come twice under the same keys.
  [[nodiscard]] bool used_up() const { return number > UINT32_MAX; }
};

class DigestLayer final : public SecurityLayer {
 public:
  DigestLayer(Direction out, Direction in, std::size_t peer_max)
      : out_(std::move(out)),
        in_(std::move(in)),
        clear_max_(peer_max - kMacOctets - kTailOctets - (out_.cipher ? kPaddingMax : 0)) {}

  [[nodiscard]] std::size_t clear_max() const override { return clear_max_; }
  [[nodiscard]] std::size_t receive_max() const override { return kLayerBufferMax; }

  Result<std::string> wrap(std::string_view clear) override {
    if (clear.empty() || clear.size() > clear_max_ || out_.used_up())
      return fail(kBroken, "a buffer for the security layer is empty or too long, or the layer is used up");
    std::string buffer(clear);
    if (out_.cipher && out_.cipher->block_octets() > 1) {
      const std::size_t block = out_.cipher->block_octets();
      const std::size_t padding = block - (clear.size() + kMacOctets) % block;
      buffer.append(padding, static_cast<char>(padding));
    }
    buffer += TRY(out_.mac(clear));
    if (out_.cipher) TRY(out_.cipher->apply(buffer));
    buffer += kType;
    buffer += big_endian(static_cast<std::uint32_t>(out_.number++));
    return buffer;
  }

  Result<std::string> unwrap(std::string_view buffer) override {
    auto clear = broken_ ? refuse() : open(buffer);
    if (!clear) broken_ = true;
    return clear;
  }

 private:
  static std::unexpected<Error> refuse() {
    return fail(kLayer, "DIGEST-MD5: a protected buffer is not what the other side sent next");
  }

  Result<std::string> open(std::string_view buffer) {
    if (buffer.size() > kLayerBufferMax || buffer.size() < kMacOctets + kTailOctets || in_.used_up()) return refuse();
    const std::string tail = std::string(kType) + big_endian(static_cast<std::uint32_t>(in_.number));
    if (buffer.substr(buffer.size() - kTailOctets) != tail) return refuse();
    std::string text(buffer.substr(0, buffer.size() - kTailOctets));
    std::size_t padding = 0;
    if (in_.cipher) {
      const std::size_t block = in_.cipher->block_octets();
      if (text.size() % block != 0) return refuse();
      TRY(in_.cipher->apply(text));
      if (block > 1) {
        if (text.size() < kMacOctets + 1) return refuse();
        padding = static_cast<unsigned char>(text[text.size() - kMacOctets - 1]);
        if (padding == 0 || padding > block || padding + kMacOctets > text.size()) return refuse();
      }
    }
    const std::size_t size = text.size() - kMacOctets - padding;
    const std::string_view pad(text.data() + size, padding);
    const bool padded = std::ranges::all_of(pad, [&](char c) { return static_cast<unsigned char>(c) == padding; });
    const std::string expected = TRY(in_.mac(std::string_view(text).substr(0, size)));
    if (!equal_constant_time(expected, std::string_view(text).substr(size + padding)) || !padded) return refuse();
    in_.number += 1;
    text.resize(size);
    return text;
  }

  Direction out_;
  Direction in_;
  std::size_t clear_max_;
  bool broken_ = false;
};

Result<Secret> derived(std::string_view key, std::string_view constant) {
  std::string text(key);
  text.reserve(key.size() + constant.size());
  text += constant;
  const Secret secret(std::move(text));
  return Secret(TRY(md5(secret.view())));
}

Result<Direction> direction(std::string_view key, DigestCipher cipher, DigestSide sender, CipherUse use) {
  const std::string way = sender == DigestSide::client ? "client-to-server" : "server-to-client";
  Direction result;
  result.integrity_key = TRY(derived(key, "Digest session key to " + way + " signing key magic constant"));
  if (cipher == DigestCipher::none) return result;
  const Secret sealing = TRY(derived(key, "Digest H(A1) to " + way + " sealing key magic constant"));
  if (cipher == DigestCipher::rc4) {
    result.cipher = rc4(sealing.view());
  } else {
    const std::size_t octets = cipher == DigestCipher::des3 ? 14 : 7;
    result.cipher = TRY(des_cbc(sealing.view().substr(0, octets), sealing.view().substr(8), use));
  }
  return result;
}

}  // namespace

Result<std::unique_ptr<SecurityLayer>> digest_layer(std::string_view session_key, Protection protection,
                                                    DigestCipher cipher, DigestSide ours, std::size_t peer_max) {
  if (protection == Protection::none) return nullptr;
  const DigestCipher used = protection == Protection::confidentiality ? cipher : DigestCipher::none;
  const DigestSide theirs = ours == DigestSide::client ? DigestSide::server : DigestSide::client;
  Direction out = TRY(direction(session_key, used, ours, CipherUse::encrypt));
  Direction in = TRY(direction(session_key, used, theirs, CipherUse::decrypt));
  return std::make_unique<DigestLayer>(std::move(out), std::move(in), peer_max);
}

}  // namespace angarium::sasl
