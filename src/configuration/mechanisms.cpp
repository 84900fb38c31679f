#include "configuration/mechanisms.h"

#include "base/text.h"
#include "message/domain.h"
#include "sasl/mechanism.h"

namespace angarium::configuration {
namespace {

/// What a mechanism needs that is not there.
std::string_view lacking(const Configuration& configuration, const sasl::Mechanism& mechanism) {
  switch (mechanism.needs) {
    case sasl::Needs::token:
      if (configuration.token_issuers.empty()) return "needs a [[token_issuer]], whose tokens count";
      break;
    case sasl::Needs::nothing:
      if (configuration.auth.anonymous_account.empty())
        return "needs auth.anonymous_account: the account whose mail guests may read";
      break;
    case sasl::Needs::external_identity:
      if (configuration.tls.client_authorities.empty())
        return "needs tls.client_authorities: the file of who vouches for the certificates of users";
      break;
    case sasl::Needs::ticket:
      if (configuration.kerberos.keytab.empty()) return "needs kerberos.keytab: the keys of this host's services";
      if (configuration.kerberos_realms.empty()) return "needs a [[kerberos_realm]], whose users have accounts here";
      break;
    case sasl::Needs::password:
    case sasl::Needs::pass_phrase: break;
  }
  return {};
}

bool is_address(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && message::valid_domain(text.substr(at + 1));
}

}  // namespace

std::vector<MechanismFinding> mechanism_findings(const Configuration& configuration) {
  std::vector<MechanismFinding> findings;
  constexpr std::string_view kKey = "auth.mechanisms";
  for (const std::string& name : configuration.auth.mechanisms) {
    const sasl::Mechanism* mechanism = sasl::find_mechanism(name);
    if (mechanism == nullptr || mechanism->name != name) {
      findings.push_back({kKey, "unknown mechanism '" + escape_controls(name) + "'", name});
    } else if (const std::string_view lacks = lacking(configuration, *mechanism); !lacks.empty()) {
      findings.push_back({kKey, name + " " + std::string(lacks)});
    }
  }
  const std::string& guest = configuration.auth.anonymous_account;
  if (!guest.empty() && !is_address(guest))
    findings.push_back({"auth.anonymous_account", "auth.anonymous_account is an address like \"public@example.org\""});
  return findings;
}

const std::vector<std::string_view>& mechanism_names() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> names;
    for (const sasl::Mechanism* mechanism : sasl::mechanisms()) names.push_back(mechanism->name);
    return names;
  }();
  return kNames;
}

}  // namespace angarium::configuration
