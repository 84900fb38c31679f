// The stored form of the directory's values: a version octet, then fields in order, texts with their length in front.
// Readers refuse what is cut short and accept what newer versions append.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "account/app_password.h"
#include "account/types.h"

namespace angarium::account {

/// What an address is: both kinds share one key, so that an address is one thing only.
using Entry = std::variant<Account, Alias>;

std::string encode(const Account& account);
std::string encode(const Alias& alias);
std::string encode(const Domain& domain);
Result<Entry> decode_entry(std::string_view octets);
Result<Domain> decode_domain(std::string_view octets);

/// All of one account.
std::string encode(const std::vector<AppPassword>& passwords);
Result<std::vector<AppPassword>> decode_app_passwords(std::string_view octets);

}  // namespace angarium::account
