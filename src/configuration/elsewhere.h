// [[directory]] and [[token_issuer]]: people, and what says who somebody is, that are kept elsewhere.
#pragma once

#include <functional>
#include <string>

#include "configuration/configuration.h"
#include "configuration/toml.h"

namespace angarium::configuration {

/// A mistake, and where it stands.
using Found = std::function<void(const toml::node&, const std::string&)>;

/// One table, of which unknown keys were found already.
Directory read_directory(const toml::table& table, const Found& found);
TokenIssuer read_token_issuer(const toml::table& table, const Found& found);

}  // namespace angarium::configuration
