// What mechanisms beyond PLAIN and SCRAM need of a password, and what is kept only of accounts that ask for it: most of
// it is as good as the password for who steals it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "sasl/otp.h"
#include "sasl/scram.h"

namespace angarium::account {

/// What an account may ask for. The numbers are those of the stored form.
enum class Demand : std::uint8_t {
  scram_sha_512 = 0,
  cram_md5 = 1,
  digest_md5 = 2,
  ntlm = 3,
  otp = 4,   ///< a sequence of one-time passwords whose pass phrase is the password
  skey = 5,  ///< the same for SKEY (and OTP), by its weaker hash
  apop = 6,  ///< the password itself
};
inline constexpr std::array kDemands = {Demand::scram_sha_512, Demand::cram_md5, Demand::digest_md5, Demand::ntlm,
                                        Demand::otp,           Demand::skey,     Demand::apop};

/// As the command line writes it: "cram-md5".
std::string_view to_text(Demand demand);
std::optional<Demand> parse_demand(std::string_view text);
/// What whoever steals the store has of an account that asks for this, for people to read.
std::string_view risk_of(Demand demand);

/// The keys of one account. Empty where they were not asked for, or could not be made since the password was not at
/// hand.
struct OnDemand {
  std::uint32_t wanted = 0;  ///< a bit for each Demand
  std::optional<sasl::ScramKeys> scram_sha_512{};
  std::string cram_md5{};
  std::string digest_md5{};
  std::string digest_realm{};  ///< digest_md5 is good under this realm only
  std::string nt_hash{};
  std::string plain{};  ///< prepared, for APOP
  std::optional<sasl::OtpState> otp{};
  friend bool operator==(const OnDemand&, const OnDemand&) = default;

  [[nodiscard]] bool wants(Demand demand) const { return (wanted & bit(demand)) != 0; }
  void want(Demand demand) { wanted |= bit(demand); }
  /// Also takes its keys away.
  void unwant(Demand demand);
  /// Whether a login of this kind could succeed now, on a site of this realm.
  [[nodiscard]] bool has(Demand demand, std::string_view realm) const;
  /// Whether something that is wanted is not there.
  [[nodiscard]] bool lacks(std::string_view realm) const;

 private:
  static std::uint32_t bit(Demand demand) { return 1U << static_cast<unsigned>(demand); }
};

/// Makes what is wanted and is not there, from the password as the user typed it or SASLprep left it. `address` is the
/// name that DIGEST-MD5's clients will use. What this password is not fit for (one-time passwords need ten octets, RFC
/// 2289 §6.0) stays away. Takes some ten milliseconds: not on a loop. kInvalid for a password that cannot be one.
Result<> make_on_demand(OnDemand& keys, std::string_view password, std::string_view address, std::string_view realm,
                        Random& random = system_random());

}  // namespace angarium::account
