// The grammar of places where mail is fetched from or handed to: scheme://host:port.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace angarium::configuration {

/// What a scheme says.
struct MailScheme {
  enum class Protocol : std::uint8_t { imap, pop3, smtp, odmr };
  enum class Tls : std::uint8_t { implicit, starttls, none };
  std::string_view name;
  Protocol protocol;
  Tls tls;
  std::uint16_t port;  ///< the standard one
};

/// All there are; the first of those that mean the same is the one that is written.
std::span<const MailScheme> mail_schemes();
/// In any case of its letters; null: there is none of that name.
const MailScheme* find_mail_scheme(std::string_view name);

struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;  ///< 0: none is named
};
/// "host", "host:port", an IPv6 address in brackets, and a slash behind it. Nothing: the port is none.
std::optional<HostAndPort> parse_host_and_port(std::string_view text);

}  // namespace angarium::configuration
