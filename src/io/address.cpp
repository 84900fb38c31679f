#include "io/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "io/error.h"

namespace angarium::io {

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> octets) {
  IpAddress address;
  std::copy(octets.begin(), octets.end(), address.octets_.begin());
  return address;
}

IpAddress IpAddress::v6(std::array<std::uint8_t, 16> octets, std::uint32_t scope) {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // RFC 4291 §2.5.5.2
  if (std::equal(kMapped.begin(), kMapped.end(), octets.begin()))
    return v4({octets[12], octets[13], octets[14], octets[15]});
  IpAddress address;
  address.family_ = Family::v6;
  address.octets_ = octets;
  address.scope_ = scope;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  constexpr std::size_t kLongest = 64;  // INET6_ADDRSTRLEN is 46
  if (text.size() > kLongest || text.find('\0') != text.npos) return std::nullopt;
  std::uint32_t scope = 0;
  bool scoped = false;
  if (auto percent = text.find('%'); percent != text.npos) {
    auto number = parse_number<std::uint32_t>(text.substr(percent + 1));
    if (!number) return std::nullopt;
    scope = *number;
    scoped = true;
    text = text.substr(0, percent);
  }
  std::string terminated(text);
  std::array<std::uint8_t, 16> octets{};
  if (inet_pton(AF_INET6, terminated.c_str(), octets.data()) == 1) return v6(octets, scope);
  std::array<std::uint8_t, 4> quad{};
  if (!scoped && inet_pton(AF_INET, terminated.c_str(), quad.data()) == 1) return v4(quad);
  return std::nullopt;
}

std::string_view IpAddress::octets() const {
  return {reinterpret_cast<const char*>(octets_.data()), family_ == Family::v4 ? 4U : 16U};
}

bool IpAddress::is_loopback() const {
  if (family_ == Family::v4) return octets_[0] == 127;
  return octets_[15] == 1 && std::all_of(octets_.begin(), octets_.end() - 1, [](auto octet) { return octet == 0; });
}

bool IpAddress::is_unspecified() const {
  return std::all_of(octets_.begin(), octets_.end(), [](auto octet) { return octet == 0; });
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(family_ == Family::v4 ? AF_INET : AF_INET6, octets_.data(), buffer, sizeof buffer);
  return scope_ == 0 ? std::string(buffer) : fmt::format("{}%{}", buffer, scope_);
}

namespace {

bool bit(std::string_view octets, unsigned index) {
  return (static_cast<unsigned char>(octets[index / 8]) >> (7 - index % 8)) & 1;
}

bool same_bits(std::string_view a, std::string_view b, unsigned bits) {
  if (a.size() != b.size() || a.substr(0, bits / 8) != b.substr(0, bits / 8)) return false;
  for (unsigned index = bits / 8 * 8; index < bits; ++index)
    if (bit(a, index) != bit(b, index)) return false;
  return true;
}

}  // namespace

Result<Prefix> Prefix::parse(std::string_view text) {
  auto bad = [&] { return fail(kBadAddress, fmt::format("not an address prefix: {}", escape_controls(text, 80))); };
  auto slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address || address->scope() != 0) return bad();
  auto all = static_cast<unsigned>(address->octets().size() * 8);
  auto bits = slash == text.npos ? all : parse_number<unsigned>(text.substr(slash + 1));
  if (!bits || *bits > all) return bad();
  for (unsigned index = *bits; index < all; ++index)
    if (bit(address->octets(), index)) return bad();
  return Prefix(*address, *bits);
}

bool Prefix::contains(const IpAddress& address) const { return same_bits(address_.octets(), address.octets(), bits_); }

std::string Prefix::text() const { return fmt::format("{}/{}", address_.text(), bits_); }

Endpoint Endpoint::unix_path(std::string path) {
  Endpoint endpoint;
  endpoint.path_ = std::move(path);
  return endpoint;
}

Result<Endpoint> Endpoint::parse(std::string_view text) {
  auto bad = [&](std::string_view why) {
    return fail(kBadAddress, fmt::format("not an endpoint: {} ({})", escape_controls(text, 120), why));
  };
  if (text.starts_with("unix:")) {
    auto path = text.substr(5);
    // sun_path holds 107 octets and the final NUL (unix(7)).
    if (path.size() > 107 || path.find('\0') != path.npos) return bad("the path is too long");
    return unix_path(std::string(path));
  }
  auto colon = text.rfind(':');
  if (colon == text.npos) return bad("a port is missing");
  auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  if (!port) return bad("the port is no number up to 65535");
  auto host = text.substr(0, colon);
  if (host == "*") return Endpoint(IpAddress::v6({}), *port);
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != host.npos) return bad("an IPv6 address stands in brackets");
  auto address = IpAddress::parse(host);
  if (!address) return bad("the host is no address");
  return Endpoint(*address, *port);
}

std::string Endpoint::text() const {
  if (!is_ip()) return "unix:" + path_;
  return address_.family() == IpAddress::Family::v4 ? fmt::format("{}:{}", address_.text(), port_)
                                                    : fmt::format("[{}]:{}", address_.text(), port_);
}

}  // namespace angarium::io
