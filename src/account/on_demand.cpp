#include "account/on_demand.h"

#include <algorithm>

#include "account/types.h"
#include "base/text.h"
#include "sasl/keys.h"
#include "sasl/prepare.h"

namespace angarium::account {
namespace {

struct Row {
  Demand demand;
  std::string_view name;
  std::string_view risk;
};

constexpr std::string_view kAsGood = "who steals the store can log in with this key";
constexpr std::array<Row, 7> kRows = {{
    {Demand::scram_sha_512, "scram-sha-512", "who steals the store has to guess the password"},
    {Demand::cram_md5, "cram-md5", kAsGood},
    {Demand::digest_md5, "digest-md5", kAsGood},
    {Demand::ntlm, "ntlm", kAsGood},
    {Demand::otp, "otp", "who steals the store has to guess the password, by a hash that is quick to try"},
    {Demand::skey, "skey", "who steals the store has to guess the password, by a hash that is quick to try"},
    {Demand::apop, "apop", "the password itself is kept: who steals the store can read it"},
}};

const Row& row(Demand demand) { return *std::ranges::find(kRows, demand, &Row::demand); }

/// The algorithm an account's one-time passwords are to be made by: SKEY knows only one, and OTP both.
sasl::OtpAlgorithm algorithm(const OnDemand& keys) {
  return keys.wants(Demand::skey) ? sasl::OtpAlgorithm::md4 : sasl::OtpRenewal{}.algorithm;
}

bool usable(const sasl::OtpState& state) { return state.sequence >= 2; }

Result<> make(Demand demand, OnDemand& keys, std::string_view password, std::string_view address,
              std::string_view realm, Random& random) {
  switch (demand) {
    case Demand::scram_sha_512:
      keys.scram_sha_512 =
          TRY(sasl::scram_keys(password, random.octets(sasl::kSaltOctets), sasl::kScramIterations, sasl::Hash::sha512));
      break;
    case Demand::cram_md5: keys.cram_md5 = TRY(sasl::cram_md5_key(password)).view(); break;
    case Demand::digest_md5:
      keys.digest_md5 = TRY(sasl::digest_md5_key(address, realm, password)).view();
      keys.digest_realm = realm;
      break;
    case Demand::ntlm: keys.nt_hash = TRY(sasl::nt_hash(password)).view(); break;
    case Demand::otp:
    case Demand::skey:
      if (password.size() < sasl::kPassPhraseMin) break;
      keys.otp = TRY(sasl::otp_state(password, {.algorithm = algorithm(keys), .seed = sasl::otp_seed(random)}));
      break;
    case Demand::apop: keys.plain = password; break;
  }
  return {};
}

}  // namespace

std::string_view to_text(Demand demand) { return row(demand).name; }
std::string_view risk_of(Demand demand) { return row(demand).risk; }

std::optional<Demand> parse_demand(std::string_view text) {
  const auto found = std::ranges::find_if(kRows, [&](const Row& one) { return equals_ignore_case(one.name, text); });
  return found == kRows.end() ? std::nullopt : std::optional(found->demand);
}

void OnDemand::unwant(Demand demand) {
  wanted &= ~bit(demand);
  switch (demand) {
    case Demand::scram_sha_512: scram_sha_512.reset(); break;
    case Demand::cram_md5: wipe(cram_md5); break;
    case Demand::digest_md5: wipe(digest_md5); break;
    case Demand::ntlm: wipe(nt_hash); break;
    case Demand::otp:
    case Demand::skey:
      if (!wants(Demand::otp) && !wants(Demand::skey)) otp.reset();
      break;
    case Demand::apop: wipe(plain); break;
  }
}

bool OnDemand::has(Demand demand, std::string_view realm) const {
  if (!wants(demand)) return false;
  switch (demand) {
    case Demand::scram_sha_512: return scram_sha_512.has_value();
    case Demand::cram_md5: return !cram_md5.empty();
    case Demand::digest_md5: return !digest_md5.empty() && digest_realm == realm;
    case Demand::ntlm: return !nt_hash.empty();
    case Demand::otp: return otp && usable(*otp);
    case Demand::skey: return otp && usable(*otp) && otp->algorithm == sasl::OtpAlgorithm::md4;
    case Demand::apop: return !plain.empty();
  }
  return false;
}

bool OnDemand::lacks(std::string_view realm) const {
  return std::ranges::any_of(kDemands, [&](Demand demand) { return wants(demand) && !has(demand, realm); });
}

Result<> make_on_demand(OnDemand& keys, std::string_view password, std::string_view address, std::string_view realm,
                        Random& random) {
  auto prepared = sasl::prepare(password, sasl::kPasswordMax);
  if (!prepared) return fail(kInvalid, "this password cannot be used: " + prepared.error().text());
  const sasl::Secret kept(*std::move(prepared));
  for (const Demand demand : kDemands)
    if (keys.wants(demand) && !keys.has(demand, realm)) TRY(make(demand, keys, kept.view(), address, realm, random));
  return {};
}

}  // namespace angarium::account
