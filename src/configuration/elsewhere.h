// [[directory]], [[token_issuer]], [[kerberos_realm]] and [[relay_login]]: people, and what says who somebody is, that
// are kept elsewhere.
#pragma once

#include <functional>
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
/// Behind those that are there already.
void read_kerberos_realm(const toml::table& table, std::vector<KerberosRealm>& realms, const Found& found);

}  // namespace angarium::configuration
