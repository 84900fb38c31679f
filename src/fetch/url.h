// Where a box at another host is, in one word.
#pragma once

#include <string>
#include <string_view>

#include "fetch/types.h"

namespace angarium::fetch {

struct Url {
  Protocol protocol = Protocol::imap;
  Tls tls = Tls::implicit;
  std::string host;
  std::uint16_t port = 993;
  std::string user;  ///< empty: not told
};

/// scheme://[user@]host[:port], an IPv6 address in brackets; imaps, imap (STARTTLS), imap+plain, pop3s, pop3 (STLS),
/// pop3+plain, odmr (STARTTLS), odmr+plain. The user may have an '@' of its own. kInvalid, in words for who wrote it.
Result<Url> parse_url(std::string_view text);
/// "imaps", "pop3+plain".
std::string_view scheme_of(Protocol protocol, Tls tls);

}  // namespace angarium::fetch
