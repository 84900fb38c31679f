#include <algorithm>

#include "base/text.h"
#include "kerberos/kerberos.h"

namespace angarium::kerberos {

std::optional<Principal> user_principal(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return std::nullopt;
  const std::string_view name = text.substr(0, at);
  const std::string_view realm = text.substr(at + 1);
  const auto plain = [](char c) { return c > 0x20 && c != 0x7F && c != '/' && c != '\\' && c != '@'; };
  // Octets beyond ASCII are not plain either: char is signed here, and realms compare octet by octet.
  if (!std::ranges::all_of(name, plain) || !std::ranges::all_of(realm, plain)) return std::nullopt;
  return Principal{.name = std::string(name), .realm = std::string(realm)};
}

}  // namespace angarium::kerberos
