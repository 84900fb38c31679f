// [[directory]], [[token_issuer]], [[kerberos_realm]] and [[relay_login]]: people, and what says who somebody is, that
// are kept elsewhere.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "configuration/configuration.h"
#include "configuration/toml.h"

namespace angarium::configuration {

/// A mistake, and where it stands.
using Found = std::function<void(const toml::node&, const std::string&)>;

/// One table, of which unknown keys were found already.
Directory read_directory(const toml::table& table, const Found& found);
TokenIssuer read_token_issuer(const toml::table& table, const Found& found);
/// Whether another one has its name is for the caller to see.
RelayLogin read_relay_login(const toml::table& table, const Found& found);
/// Where a line of [transport] names a login, and whether that is used without TLS.
struct UsedLogin {
  std::string name;
  bool plain = false;
  std::size_t line = 0;
};
/// Those that are not there, or that want no security layer where there is no TLS: by line, each name's first.
std::map<std::size_t, std::string> check_logins(const std::vector<UsedLogin>& used,
                                                const std::vector<RelayLogin>& logins);
/// Behind those that are there already.
void read_kerberos_realm(const toml::table& table, std::vector<KerberosRealm>& realms, const Found& found);

}  // namespace angarium::configuration
