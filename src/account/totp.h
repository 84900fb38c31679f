// One-time codes by time (RFC 6238) as a second factor beside the password, and the recovery codes for who has lost the
// device that shows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

namespace angarium::account {

/// What every authenticator program takes without being told: SHA-1, six digits, thirty seconds.
inline constexpr unsigned kTotpDigits = 6;
inline constexpr std::int64_t kTotpStepSeconds = 30;  ///< RFC 6238 §5.2
/// RFC 4226 §4, R6 recommends 160 bits.
inline constexpr std::size_t kTotpSecretOctets = 20;
/// Steps that a device's clock may be off, and a code may have been on its way (RFC 6238 §5.2: one at most).
inline constexpr std::uint64_t kTotpWindow = 1;
/// Recovery codes are made by so many.
inline constexpr std::size_t kRecoveryCodes = 10;

/// An account's second factor.
struct Totp {
  std::string secret{};                 ///< kTotpSecretOctets; codes are made of it, so that it is kept as it is
  bool on = false;                      ///< asked for; before, the owner has not shown a code yet
  std::uint64_t last_step = 0;          ///< of the code that was accepted last: none of it or before counts any more
  std::vector<std::string> recovery{};  ///< digests of the recovery codes that are left
  WallTime since{};                     ///< of `on`; before, when the secret was made
  friend bool operator==(const Totp&, const Totp&) = default;
};

/// RFC 6238 §4.2: the code of a step of time since 1970.
Result<std::string> totp_code(std::string_view secret, std::uint64_t step, unsigned digits = kTotpDigits);
/// The step that this moment is in.
std::uint64_t totp_step(WallTime now);

Totp make_totp(WallTime now, Random& random = system_random());
/// Replaces the recovery codes: four groups of four letters and digits, 80 bits, for a person to keep on paper.
Result<std::vector<std::string>> make_recovery_codes(Totp& totp, Random& random = system_random());

/// Whether `code` is that of a step within the window, or a recovery code that is left. Then `totp` is changed so that
/// it is accepted never again (RFC 6238 §5.2); the caller makes that durable before it says so.
bool take_code(Totp& totp, std::string_view code, WallTime now);

/// What was given as "password$code", where the end has the form of a code of either kind.
struct WithCode {
  std::string_view password;
  std::string_view code;
};
std::optional<WithCode> split_code(std::string_view given);

/// For people whose device has no camera (RFC 4648 §6, without padding).
std::string totp_secret_text(const Totp& totp);
/// What authenticator programs read from a QR code: "otpauth://totp/ISSUER:ADDRESS?secret=…&issuer=…".
std::string totp_url(const Totp& totp, std::string_view address, std::string_view issuer);

}  // namespace angarium::account
