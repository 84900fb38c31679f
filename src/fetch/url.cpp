#include "fetch/url.h"

#include <optional>
#include <utility>

#include "base/text.h"
#include "configuration/mail_url.h"

namespace angarium::fetch {
namespace {

using configuration::MailScheme;

std::optional<Protocol> protocol_of(const MailScheme& scheme) {
  switch (scheme.protocol) {
    case MailScheme::Protocol::imap: return Protocol::imap;
    case MailScheme::Protocol::pop3: return Protocol::pop3;
    case MailScheme::Protocol::odmr: return Protocol::odmr;
    case MailScheme::Protocol::smtp: return std::nullopt;
  }
  return std::nullopt;
}

Tls tls_of(const MailScheme& scheme) {
  switch (scheme.tls) {
    case MailScheme::Tls::implicit: return Tls::implicit;
    case MailScheme::Tls::starttls: return Tls::starttls;
    case MailScheme::Tls::none: return Tls::none;
  }
  return Tls::implicit;
}

}  // namespace

std::string_view scheme_of(Protocol protocol, Tls tls) {
  for (const MailScheme& scheme : configuration::mail_schemes())
    if (protocol_of(scheme) == protocol && tls_of(scheme) == tls) return scheme.name;
  return "";
}

Result<Url> parse_url(std::string_view text) {
  const auto wrong = [whole = text](std::string_view why) {
    return fail(kInvalid, "'" + escape_controls(whole, 200) + "' " + std::string(why) +
                              "; write imaps://mail.example.org, imap:// (STARTTLS), pop3s://, pop3:// or odmr://");
  };
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return wrong("is no place to fetch from");
  const MailScheme* const scheme = configuration::find_mail_scheme(text.substr(0, colon));
  const auto protocol = scheme == nullptr ? std::nullopt : protocol_of(*scheme);
  if (!protocol) return wrong("names no protocol that is known");
  Url url{.protocol = *protocol, .tls = tls_of(*scheme), .host = {}, .port = scheme->port, .user = {}};
  text.remove_prefix(colon + 3);
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    url.user = text.substr(0, at);
    text.remove_prefix(at + 1);
  }
  auto place = configuration::parse_host_and_port(text);
  if (!place) return wrong("has a port that is none");
  url.host = std::move(place->host);
  if (place->port != 0) url.port = place->port;
  return url;
}

}  // namespace angarium::fetch
