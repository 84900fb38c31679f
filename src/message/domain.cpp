#include "message/domain.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <idn2.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "message/lexical.h"

namespace angarium::message {
namespace {

struct IdnFree {
  void operator()(char* text) const { idn2_free(text); }
};
using IdnText = std::unique_ptr<char, IdnFree>;

/// Enough for any name whose A-labels fit a domain, so that conversion costs no more than that.
constexpr std::size_t kUnicodeDomainMax = 1024;

bool valid_ascii_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelMax) return false;
  if (!is_alnum(label.front()) || !is_alnum(label.back())) return false;
  return std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-'; });
}

/// IPv4-address-literal: Snum 3("." Snum), leading zeros allowed.
bool parse_ipv4(std::string_view text, std::array<std::uint8_t, 16>& octets) {
  for (std::size_t i = 0; i < 4; ++i) {
    const bool last = i == 3;
    if (!last && text.find('.') == std::string_view::npos) return false;
    const std::string_view number = last ? text : take_until(text, '.');
    const auto value = parse_number<std::uint32_t>(number);
    if (number.size() > 3 || !value || *value > 255) return false;
    octets[i] = static_cast<std::uint8_t>(*value);
  }
  return true;
}

bool parse_ipv6(std::string_view text, std::array<std::uint8_t, 16>& octets) {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return false;
  text.copy(buffer, text.size());
  return inet_pton(AF_INET6, buffer, octets.data()) == 1;
}

bool is_dcontent(char c) { return c > 32 && c < 127 && c != '[' && c != '\\' && c != ']'; }

/// Ldh-str: ends with a letter or digit.
bool is_ldh_string(std::string_view text) {
  return !text.empty() && is_alnum(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

}  // namespace

bool valid_domain(std::string_view domain, Utf8 utf8) {
  if (domain.empty() || domain.size() > kDomainMax) return false;
  bool convert = false;
  std::string_view rest = domain;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (all_ascii(label) ? !valid_ascii_label(label) : utf8 == Utf8::refuse) return false;
    convert = convert || !all_ascii(label);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (!convert) return true;
  const auto ascii = domain_to_ascii(domain);
  return ascii && valid_domain(*ascii);
}

std::optional<AddressLiteral> parse_address_literal(std::string_view text) {
  if (text.size() < 3 || text.size() > kDomainMax || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  AddressLiteral literal{};
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    literal.kind = AddressLiteral::Kind::ipv4;
    if (!parse_ipv4(text, literal.octets)) return std::nullopt;
    return literal;
  }
  literal.tag = text.substr(0, colon);
  literal.content = text.substr(colon + 1);
  if (equals_ignore_case(literal.tag, "IPv6")) {
    literal.kind = AddressLiteral::Kind::ipv6;
    if (!parse_ipv6(literal.content, literal.octets)) return std::nullopt;
    return literal;
  }
  literal.kind = AddressLiteral::Kind::general;
  if (!is_ldh_string(literal.tag) || literal.content.empty() || !std::ranges::all_of(literal.content, is_dcontent)) {
    return std::nullopt;
  }
  return literal;
}

std::string format_address_literal(const AddressLiteral& literal) {
  if (literal.kind == AddressLiteral::Kind::general) return fmt::format("[{}:{}]", literal.tag, literal.content);
  char buffer[INET6_ADDRSTRLEN] = {};
  const bool six = literal.kind == AddressLiteral::Kind::ipv6;
  inet_ntop(six ? AF_INET6 : AF_INET, literal.octets.data(), buffer, sizeof buffer);
  return fmt::format("[{}{}]", six ? "IPv6:" : "", buffer);
}

std::optional<std::string> domain_to_ascii(std::string_view domain) {
  if (all_ascii(domain)) {
    if (domain.size() > kDomainMax) return std::nullopt;
    return to_lower(domain);
  }
  if (domain.size() > kUnicodeDomainMax || !valid_utf8(domain) || domain.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  char* output = nullptr;
  const std::string input(domain);
  const int status = idn2_to_ascii_8z(input.c_str(), &output, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const IdnText owned(output);
  if (status != IDN2_OK || owned == nullptr) return std::nullopt;
  std::string ascii = to_lower(std::string_view(owned.get()));
  if (ascii.size() > kDomainMax) return std::nullopt;
  return ascii;
}

std::string domain_to_unicode(std::string_view domain) {
  const std::string lower = to_lower(domain);
  if (lower.find("xn--") == std::string::npos || domain.size() > kUnicodeDomainMax || !all_ascii(domain) ||
      lower.find('\0') != std::string::npos) {
    return std::string(domain);
  }
  // Label by label, so that one that is no A-label leaves the others to be shown.
  std::string result;
  std::string_view rest = domain;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string label(rest.substr(0, dot));
    char* output = nullptr;
    const int status = starts_with_ignore_case(label, "xn--")
                           ? idn2_to_unicode_8z8z(to_lower(label).c_str(), &output, IDN2_NONTRANSITIONAL)
                           : IDN2_INVALID_ALABEL;
    const IdnText owned(output);
    // RFC 5891 §4.4, §5.4: what does not lead back to the same A-label is no U-label.
    const bool shown = status == IDN2_OK && owned != nullptr && domain_to_ascii(owned.get()) == to_lower(label);
    result += shown ? std::string_view(owned.get()) : std::string_view(label);
    if (dot == std::string_view::npos) return result;
    result += '.';
    rest.remove_prefix(dot + 1);
  }
}

std::string domain_key(std::string_view domain) {
  // Two dots at the end are no domain, and must not become the key of one.
  const auto ends_with_dot = [](std::string_view text) { return text.ends_with('.') && !text.ends_with(".."); };
  if (ends_with_dot(domain)) domain.remove_suffix(1);
  std::string key = domain_to_ascii(domain).value_or(to_lower(domain));
  if (ends_with_dot(key)) key.pop_back();  // of one of the other full stops of UTS 46
  return key;
}

bool same_domain(std::string_view a, std::string_view b) {
  return equals_ignore_case(a, b) || domain_key(a) == domain_key(b);
}

}  // namespace angarium::message
