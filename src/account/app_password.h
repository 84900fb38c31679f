// App passwords: secrets made here, one for each program or device of an account's owner, good for some protocols and,
// if wanted, until a day.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "sasl/secret.h"

namespace angarium::account {

/// What somebody logs in for. The numbers are those of the stored form.
enum class Use : std::uint8_t { imap = 0, pop3 = 1, smtp = 2 };
inline constexpr std::array kUses = {Use::imap, Use::pop3, Use::smtp};

/// As the command line writes it: "imap".
std::string_view to_text(Use use);
std::optional<Use> parse_use(std::string_view text);

/// Of one account: more than anybody has programs, and a login compares with each.
inline constexpr std::size_t kAppPasswordsMax = 32;
/// Octets of what its owner calls it.
inline constexpr std::size_t kAppPasswordNameMax = 64;
/// An older use is written down anew: a login costs no write but once in so long.
inline constexpr Duration kUseNoted = std::chrono::hours(1);

struct LastUse {
  WallTime at;
  Use use = Use::imap;
  std::string peer;  ///< address of the host; empty: this one
  friend bool operator==(const LastUse&, const LastUse&) = default;
};

struct AppPassword {
  std::string name;        ///< of the program or device; one of the account's only
  std::uint32_t uses = 0;  ///< a bit for each Use
  std::string salt{};      ///< of `digest`
  std::string digest{};    ///< HMAC-SHA-256 of the secret under the salt
  WallTime created{};
  std::optional<WallTime> expires{};  ///< from then on it is good for nothing
  std::optional<LastUse> last_use{};  ///< noted at most every kUseNoted
  friend bool operator==(const AppPassword&, const AppPassword&) = default;

  void allow(Use use) { uses |= bit(use); }
  [[nodiscard]] bool allows(Use use) const { return (uses & bit(use)) != 0; }
  [[nodiscard]] bool is_over(WallTime now) const { return expires && *expires <= now; }

 private:
  static std::uint32_t bit(Use use) { return 1U << static_cast<unsigned>(use); }
};

/// kInvalid for an empty name, one that is too long, or one with signs that no terminal should show.
Result<> check_app_password_name(std::string_view name);

/// A new secret for a person to type, of which only the digest is kept in `of`: six groups of four letters, 110 bits.
Result<sasl::Secret> make_app_password(AppPassword& of, Random& random = system_random());

/// What was typed, without its hyphens and blanks and in lower case, if it can be an app password; nothing otherwise.
std::optional<sasl::Secret> app_password_in(std::string_view typed);

/// The one whose secret this is, as app_password_in() gave it; null: none. Looks at all of them, whichever it is.
///
/// One fast hash does, where people's own passwords need Argon2id: a slow one pays for words that somebody can guess,
/// and nobody tries 2^110 secrets, however fast. So such a login costs microseconds, and nothing of it is remembered:
/// what is removed lets nobody in from that moment.
const AppPassword* find_app_password(std::span<const AppPassword> all, const sasl::Secret& secret);

}  // namespace angarium::account
