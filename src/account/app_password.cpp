#include "account/app_password.h"

#include <algorithm>

#include "account/types.h"
#include "base/text.h"
#include "sasl/crypto.h"

namespace angarium::account {
namespace {

constexpr std::size_t kSaltOctets = 16;
constexpr std::size_t kLetters = 24;
constexpr std::size_t kGroup = 4;
/// Without those that look like others. 24 letters of 24 are 110 bits.
constexpr std::string_view kAlphabet = "abcdefghijkmnpqrstuvwxyz";

constexpr std::array<std::string_view, 3> kNames = {"imap", "pop3", "smtp"};

Result<std::string> digest_of(std::string_view salt, std::string_view secret) {
  return sasl::hmac(sasl::Hash::sha256, salt, secret);
}

}  // namespace

std::string_view to_text(Use use) { return kNames[static_cast<std::size_t>(use)]; }

std::optional<Use> parse_use(std::string_view text) {
  const auto found = std::ranges::find_if(kUses, [&](Use use) { return equals_ignore_case(to_text(use), text); });
  return found == kUses.end() ? std::nullopt : std::optional(*found);
}

Result<> check_app_password_name(std::string_view name) {
  if (name.empty() || name.size() > kAppPasswordNameMax || !valid_utf8(name) || escape_controls(name) != name)
    return fail(kInvalid, "an app password is called by 1 to " + std::to_string(kAppPasswordNameMax) +
                              " octets of text: what uses it, as \"phone\"");
  return {};
}

Result<sasl::Secret> make_app_password(AppPassword& of, Random& random) {
  std::string letters;
  while (letters.size() < kLetters) {
    // Five bits choose one of 32; those beyond the alphabet are thrown away, so that no letter comes more often.
    const auto five = static_cast<std::size_t>(static_cast<unsigned char>(random.octets(1).front()) & 31U);
    if (five < kAlphabet.size()) letters += kAlphabet[five];
  }
  of.salt = random.octets(kSaltOctets);
  of.digest = TRY(digest_of(of.salt, letters));
  std::string typed;
  for (std::size_t at = 0; at < kLetters; at += kGroup) typed += (at == 0 ? "" : "-") + letters.substr(at, kGroup);
  wipe(letters);
  return sasl::Secret(std::move(typed));
}

std::optional<sasl::Secret> app_password_in(std::string_view typed) {
  std::string letters;
  letters.reserve(kLetters + 1);  // growing would leave a copy behind
  for (const char c : typed) {
    if (c == '-' || c == ' ') continue;
    const char letter = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (letters.size() == kLetters || !kAlphabet.contains(letter)) {
      wipe(letters);
      return std::nullopt;
    }
    letters += letter;
  }
  sasl::Secret secret(std::move(letters));
  if (secret.view().size() != kLetters) return std::nullopt;
  return secret;
}

const AppPassword* find_app_password(std::span<const AppPassword> all, const sasl::Secret& secret) {
  const AppPassword* found = nullptr;
  for (const AppPassword& one : all) {
    const auto digest = digest_of(one.salt, secret.view());
    if (digest && equal_constant_time(*digest, one.digest)) found = &one;
  }
  return found;
}

}  // namespace angarium::account
