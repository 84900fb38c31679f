#include "route/transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "delivery/target.h"
#include "io/address.h"
#include "message/domain.h"

namespace angarium::route {
namespace {

constexpr std::array<std::pair<std::string_view, Tls>, 5> kTlsNames{{{"opportunistic", Tls::opportunistic},
                                                                     {"none", Tls::none},
                                                                     {"required", Tls::required},
                                                                     {"verified", Tls::verified},
                                                                     {"implicit", Tls::implicit}}};
constexpr std::array<std::string_view, 6> kWords = {"dns", "relay", "lmtp", "target", "error", "discard"};
constexpr std::uint16_t kSubmissionsPort = 465;  // RFC 8314 §3.3
constexpr std::size_t kSocketPathMax = 107;      // unix(7)

std::unexpected<Error> bad(std::string_view what, std::string_view why) {
  return fail(kBadTransport, fmt::format("'{}': {}", escape_controls(what), why));
}

/// Takes a word and the blanks around it.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const auto word = text.substr(0, text.find_first_of(" \t"));
  text = trim(text.substr(word.size()));
  return word;
}

/// Names of credentials.
bool is_plain_name(std::string_view name) {
  for (const char c : name)
    if (!is_alnum(c) && c != '-' && c != '_' && c != '.' && c != '@') return false;
  return !name.empty() && name.size() <= 255;
}

struct HostPort {
  std::string host;
  std::optional<std::uint16_t> port;
};

Result<HostPort> parse_host(std::string_view text) {
  HostPort result;
  std::string_view host = text;
  std::string_view after;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return bad(text, "no closing bracket");
    host = text.substr(1, end - 1);
    after = text.substr(end + 1);
    if (!io::IpAddress::parse(host)) return bad(text, "no IP address in brackets");
  } else {
    host = text.substr(0, text.find(':'));
    after = text.substr(host.size());
    if (host.size() > message::kDomainMax || !message::valid_domain(host, message::Utf8::accept))
      if (!io::IpAddress::parse(host)) return bad(text, "no name of a host");
  }
  result.host = std::string(host);
  if (after.empty()) return result;
  const auto port = after.starts_with(':') ? parse_number<std::uint16_t>(after.substr(1)) : std::nullopt;
  if (!port || *port == 0) return bad(text, "no port");
  result.port = port;
  return result;
}

std::string_view tls_name(Tls tls) {
  for (const auto& [name, value] : kTlsNames)
    if (value == tls) return name;
  return "?";
}

Result<Transport> parse_relay(std::string_view text) {
  auto [host, port] = TRY(parse_host(take_word(text)));
  Relay relay{.host = std::move(host)};
  bool tls_given = false;
  while (!text.empty()) {
    auto value = take_word(text);
    const auto word = take_until(value, '=');
    if (word == "tls" && !tls_given) {
      tls_given = true;
      const auto* const known = std::ranges::find(kTlsNames, value, &decltype(kTlsNames)::value_type::first);
      if (known == kTlsNames.end()) return bad(value, "tls is opportunistic, none, required, verified or implicit");
      relay.tls = known->second;
    } else if (word == "login" && relay.login.empty() && is_plain_name(value)) {
      relay.login = std::string(value);
    } else {
      return bad(word, "after the host of a relay stand tls=… and login=…, each once");
    }
  }
  if (!relay.login.empty()) {
    // A password is for the host that was meant, and for nobody on the way.
    if (!tls_given) relay.tls = Tls::verified;
    if (relay.tls == Tls::opportunistic)
      return bad(tls_name(relay.tls), "with a login, tls is verified, implicit or required, or none under a layer");
  }
  relay.port = port.value_or(relay.tls == Tls::implicit ? kSubmissionsPort : relay.port);
  return relay;
}

Result<Transport> parse_lmtp(std::string_view text) {
  ByLmtp lmtp;
  if (text.starts_with("unix:")) {
    lmtp.socket = std::string(text.substr(5));
    if (!lmtp.socket.starts_with('/') || lmtp.socket.size() > kSocketPathMax)
      return bad(text, "a socket's path begins with / and has at most 107 octets");
    return lmtp;
  }
  auto [host, port] = TRY(parse_host(take_word(text)));
  if (!text.empty()) return bad(text, "nothing follows the host");
  if (host == "unix") return bad(host, "the path of a socket follows: unix:/PATH");
  lmtp.host = std::move(host);
  lmtp.port = port.value_or(lmtp.port);
  return lmtp;
}

/// "5.7.1" of the class of `code` (RFC 3463 §2).
bool is_enhanced(std::string_view word, std::uint16_t code) {
  for (int part = 0; part < 3; ++part) {
    if (part < 2 && word.find('.') == std::string_view::npos) return false;
    const auto number = take_until(word, '.');
    const auto value = parse_number<std::uint16_t>(number);
    if (!value || *value > 999 || (number.size() > 1 && number[0] == '0')) return false;
    if (part == 0 && *value != code / 100) return false;
  }
  return word.empty();
}

Result<Transport> parse_error(std::string_view text) {
  Refuse refuse;
  auto rest = text;
  auto word = take_word(rest);
  if (const auto code = parse_number<std::uint16_t>(word); code && word.size() == 3) {
    if (*code < 400 || *code > 599) return bad(word, "the code of an error is 400 to 599");
    refuse.code = *code;
    if (*code < 500) refuse.enhanced = "4.7.1";
    text = rest;
    word = take_word(rest);
    if (is_enhanced(word, *code)) {
      refuse.enhanced = std::string(word);
      text = rest;
    }
  }
  // It goes into a reply line of SMTP.
  for (const char c : text)
    if (is_control(c)) return bad(text, "a control character");
  if (!valid_utf8(text)) return bad(text, "no UTF-8");
  if (text.empty()) return bad(text, "an error needs a text");
  refuse.text = std::string(text);
  return refuse;
}

std::string host_text(std::string_view host, std::uint16_t port) {
  const bool bracketed = host.find(':') != std::string_view::npos;
  return fmt::format("{}{}{}:{}", bracketed ? "[" : "", host, bracketed ? "]" : "", port);
}

struct Writer {
  std::string operator()(const ByDns&) const { return "dns"; }
  std::string operator()(const Relay& relay) const {
    return fmt::format("relay {} tls={}{}{}", host_text(relay.host, relay.port), tls_name(relay.tls),
                       relay.login.empty() ? "" : " login=", relay.login);
  }
  std::string operator()(const ByLmtp& lmtp) const {
    return lmtp.host.empty() ? "lmtp unix:" + lmtp.socket : "lmtp " + host_text(lmtp.host, lmtp.port);
  }
  std::string operator()(const ToTarget& target) const { return "target " + target.target; }
  std::string operator()(const Refuse& refuse) const {
    return fmt::format("error {} {} {}", refuse.code, refuse.enhanced, refuse.text);
  }
  std::string operator()(const Discard&) const { return "discard"; }
  std::string operator()(const ByAtrn&) const { return "atrn"; }
};

}  // namespace

Result<Transport> parse_transport(std::string_view text) {
  if (text.size() > kTransportTextMax) return bad(text.substr(0, 32), "longer than 1024 octets");
  const auto word = take_word(text);
  if (word == "relay") return parse_relay(text);
  if (word == "lmtp") return parse_lmtp(text);
  if (word == "error") return parse_error(text);
  if (word == "target") {
    if (const auto target = delivery::parse_target(text); !target) return bad(text, target.error().text());
    return ToTarget{std::string(text)};
  }
  if (word != "dns" && word != "discard") return bad(word, "a transport is dns, relay, lmtp, target, error or discard");
  if (!text.empty()) return bad(text, "nothing follows dns and discard");
  if (word == "dns") return ByDns{};
  return Discard{};
}

std::span<const std::string_view> transport_words() { return kWords; }

std::string transport_text(const Transport& transport) { return std::visit(Writer{}, transport); }

}  // namespace angarium::route
