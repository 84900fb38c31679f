#include "account/totp.h"

#include <algorithm>

#include "base/text.h"
#include "sasl/crypto.h"

namespace angarium::account {
namespace {

constexpr std::size_t kRecoveryOctets = 16;
constexpr std::size_t kGroup = 4;
constexpr char kBeforeCode = '$';

/// 32 signs, so that five bits choose one without bias.
constexpr std::string_view kSigns = "abcdefghijkmnpqrstuvwxyz23456789";
static_assert(kSigns.size() == 32);

/// Without hyphens and in lower case; empty: it cannot be a recovery code.
std::string recovery_in(std::string_view typed) {
  std::string signs;
  for (const char c : to_lower(typed)) {
    if (c == '-' || c == ' ') continue;
    if (!kSigns.contains(c) || signs.size() == kRecoveryOctets) return {};
    signs += c;
  }
  return signs.size() == kRecoveryOctets ? signs : std::string();
}

bool is_digits(std::string_view text) {
  return text.size() == kTotpDigits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// The step of which this is the code, of those that still count: all are compared.
std::optional<std::uint64_t> step_of(const Totp& totp, std::string_view code, WallTime now) {
  const std::uint64_t middle = totp_step(now);
  std::optional<std::uint64_t> found;
  for (std::uint64_t step = middle - std::min(middle, kTotpWindow); step <= middle + kTotpWindow; ++step) {
    const auto right = totp_code(totp.secret, step);
    if (right && equal_constant_time(*right, code) && step > totp.last_step) found = step;
  }
  return found;
}

Result<std::string> recovery_digest(const Totp& totp, std::string_view signs) {
  return sasl::hmac(sasl::Hash::sha256, totp.secret, signs);
}

std::string percent(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~@").contains(c);
    if (plain)
      out += c;
    else
      out += {'%', kHex[octet >> 4U], kHex[octet & 15U]};
  }
  return out;
}

}  // namespace

std::uint64_t totp_step(WallTime now) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(now.seconds(), 0) / kTotpStepSeconds);
}

Result<std::string> totp_code(std::string_view secret, std::uint64_t step, unsigned digits) {
  std::string counter;
  for (int shift = 56; shift >= 0; shift -= 8)
    counter += static_cast<char>(step >> static_cast<unsigned>(shift) & 0xFF);
  const std::string mac = TRY(sasl::hmac(sasl::Hash::sha1, secret, counter));
  // RFC 4226 §5.3: dynamic truncation.
  const std::size_t offset = static_cast<unsigned char>(mac.back()) & 15U;
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8U | static_cast<unsigned char>(mac[offset + i]);
  number &= 0x7FFFFFFFU;
  std::string code(digits, '0');
  for (auto at = code.rbegin(); at != code.rend(); ++at, number /= 10) *at = static_cast<char>('0' + number % 10);
  return code;
}

Totp make_totp(WallTime now, Random& random) { return {.secret = random.octets(kTotpSecretOctets), .since = now}; }

Result<std::vector<std::string>> make_recovery_codes(Totp& totp, Random& random) {
  std::vector<std::string> codes;
  totp.recovery.clear();
  for (std::size_t i = 0; i < kRecoveryCodes; ++i) {
    std::string signs;
    for (const char octet : random.octets(kRecoveryOctets)) signs += kSigns[static_cast<unsigned char>(octet) & 31U];
    totp.recovery.push_back(TRY(recovery_digest(totp, signs)));
    std::string& code = codes.emplace_back();
    for (std::size_t at = 0; at < signs.size(); at += kGroup) code += (at == 0 ? "" : "-") + signs.substr(at, kGroup);
  }
  return codes;
}

bool take_code(Totp& totp, std::string_view code, WallTime now) {
  if (is_digits(code)) {
    const auto step = step_of(totp, code, now);
    if (step) totp.last_step = *step;
    return step.has_value();
  }
  const std::string signs = recovery_in(code);
  if (signs.empty()) return false;
  const auto digest = recovery_digest(totp, signs);
  if (!digest) return false;
  auto found = totp.recovery.end();
  for (auto at = totp.recovery.begin(); at != totp.recovery.end(); ++at)
    if (equal_constant_time(*at, *digest)) found = at;
  if (found == totp.recovery.end()) return false;
  totp.recovery.erase(found);
  return true;
}

std::optional<WithCode> split_code(std::string_view given) {
  const std::size_t at = given.rfind(kBeforeCode);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const std::string_view code = given.substr(at + 1);
  if (!is_digits(code) && recovery_in(code).empty()) return std::nullopt;
  return WithCode{given.substr(0, at), code};
}

std::string totp_secret_text(const Totp& totp) {
  constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string text;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char octet : totp.secret) {
    bits = bits << 8U | static_cast<unsigned char>(octet);
    for (held += 8; held >= 5; held -= 5) text += kBase32[bits >> (held - 5) & 31U];
  }
  if (held > 0) text += kBase32[bits << (5 - held) & 31U];
  return text;
}

std::string totp_url(const Totp& totp, std::string_view address, std::string_view issuer) {
  return "otpauth://totp/" + percent(issuer) + ":" + percent(address) + "?secret=" + totp_secret_text(totp) +
         "&issuer=" + percent(issuer);
}

}  // namespace angarium::account
