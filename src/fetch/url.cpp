#include "fetch/url.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace angarium::fetch {
namespace {

struct Scheme {
  std::string_view name;
  Protocol protocol;
  Tls tls;
  std::uint16_t port;
};
constexpr std::array<Scheme, 8> kSchemes = {{
    {"imaps", Protocol::imap, Tls::implicit, 993},
    {"imap", Protocol::imap, Tls::starttls, 143},
    {"imap+plain", Protocol::imap, Tls::none, 143},
    {"pop3s", Protocol::pop3, Tls::implicit, 995},
    {"pop3", Protocol::pop3, Tls::starttls, 110},
    {"pop3+plain", Protocol::pop3, Tls::none, 110},
    {"odmr", Protocol::odmr, Tls::starttls, 366},
    {"odmr+plain", Protocol::odmr, Tls::none, 366},
}};

}  // namespace

std::string_view scheme_of(Protocol protocol, Tls tls) {
  for (const Scheme& scheme : kSchemes)
    if (scheme.protocol == protocol && scheme.tls == tls) return scheme.name;
  return "";
}

Result<Url> parse_url(std::string_view text) {
  const auto wrong = [whole = text](std::string_view why) {
    return fail(kInvalid, "'" + escape_controls(whole, 200) + "' " + std::string(why) +
                              "; write imaps://mail.example.org, imap:// (STARTTLS), pop3s://, pop3:// or odmr://");
  };
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return wrong("is no place to fetch from");
  const auto* const scheme = std::ranges::find_if(
      kSchemes, [&](const Scheme& one) { return equals_ignore_case(one.name, text.substr(0, colon)); });
  if (scheme == kSchemes.end()) return wrong("names no protocol that is known");
  Url url{.protocol = scheme->protocol, .tls = scheme->tls, .host = {}, .port = scheme->port, .user = {}};
  text.remove_prefix(colon + 3);
  if (text.ends_with('/')) text.remove_suffix(1);
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    url.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[') && text.find(']') != std::string_view::npos) {
    url.host = text.substr(1, text.find(']') - 1);
    text.remove_prefix(text.find(']') + 1);
  } else {
    url.host = text.substr(0, text.find(':'));
    text.remove_prefix(url.host.size());
  }
  if (text.empty()) return url;
  const auto port = text.starts_with(':') ? parse_number<std::uint16_t>(text.substr(1)) : std::nullopt;
  if (!port || *port == 0) return wrong("has a port that is none");
  url.port = *port;
  return url;
}

}  // namespace angarium::fetch
