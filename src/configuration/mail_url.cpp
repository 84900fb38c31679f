#include "configuration/mail_url.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace angarium::configuration {
namespace {

using Protocol = MailScheme::Protocol;
using Tls = MailScheme::Tls;

/// RFC 8314 §7.3: 993, 995, 465; with STARTTLS 143, 110, 587 (RFC 6409 §3.1), 366 (RFC 2645 §5).
constexpr std::array<MailScheme, 14> kSchemes = {{
    {"imaps", Protocol::imap, Tls::implicit, 993},
    {"imap", Protocol::imap, Tls::starttls, 143},
    {"imap+plain", Protocol::imap, Tls::none, 143},
    {"pop3s", Protocol::pop3, Tls::implicit, 995},
    {"pop3", Protocol::pop3, Tls::starttls, 110},
    {"pop3+plain", Protocol::pop3, Tls::none, 110},
    {"submissions", Protocol::smtp, Tls::implicit, 465},
    {"submission", Protocol::smtp, Tls::starttls, 587},
    {"submission+plain", Protocol::smtp, Tls::none, 587},
    {"smtps", Protocol::smtp, Tls::implicit, 465},
    {"smtp", Protocol::smtp, Tls::starttls, 587},
    {"smtp+plain", Protocol::smtp, Tls::none, 587},
    {"odmr", Protocol::odmr, Tls::starttls, 366},
    {"odmr+plain", Protocol::odmr, Tls::none, 366},
}};

}  // namespace

std::span<const MailScheme> mail_schemes() { return kSchemes; }

const MailScheme* find_mail_scheme(std::string_view name) {
  const auto* const scheme =
      std::ranges::find_if(kSchemes, [&](const MailScheme& one) { return equals_ignore_case(one.name, name); });
  return scheme == kSchemes.end() ? nullptr : scheme;
}

std::optional<HostAndPort> parse_host_and_port(std::string_view text) {
  HostAndPort place;
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.starts_with('[') && text.contains(']')) {
    place.host = text.substr(1, text.find(']') - 1);
    text.remove_prefix(text.find(']') + 1);
  } else {
    place.host = text.substr(0, text.find(':'));
    text.remove_prefix(place.host.size());
  }
  if (text.empty()) return place;
  const auto port = text.starts_with(':') ? parse_number<std::uint16_t>(text.substr(1)) : std::nullopt;
  if (!port || *port == 0) return std::nullopt;
  place.port = *port;
  return place;
}

}  // namespace angarium::configuration
