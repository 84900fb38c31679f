// Addresses of the network: IPv4, IPv6 and UNIX sockets, and prefixes of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::io {

/// An IPv4 or IPv6 address. IPv4-mapped IPv6 addresses (::ffff:192.0.2.1) are always held as IPv4.
class IpAddress {
 public:
  enum class Family : std::uint8_t { v4, v6 };

  /// 0.0.0.0
  constexpr IpAddress() = default;
  static IpAddress v4(std::array<std::uint8_t, 4> octets);
  static IpAddress v6(std::array<std::uint8_t, 16> octets, std::uint32_t scope = 0);
  /// Dotted quad or RFC 4291 §2.2 text, with %scope as a number; nothing else.
  static std::optional<IpAddress> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  /// 4 or 16 octets in network order.
  [[nodiscard]] std::string_view octets() const;
  [[nodiscard]] std::uint32_t scope() const { return scope_; }
  [[nodiscard]] bool is_loopback() const;
  /// 0.0.0.0 or ::
  [[nodiscard]] bool is_unspecified() const;
  /// RFC 5952 for IPv6.
  [[nodiscard]] std::string text() const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> octets_{};
  std::uint32_t scope_ = 0;
};

/// 192.0.2.0/24 or 2001:db8::/32; a bare address is a prefix of all its bits.
class Prefix {
 public:
  /// kBadAddress when the text is none or has bits set beyond its length.
  static Result<Prefix> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string text() const;

 private:
  Prefix(IpAddress address, unsigned bits) : address_(address), bits_(bits) {}
  IpAddress address_;
  unsigned bits_;
};

/// One end of a connection.
class Endpoint {
 public:
  enum class Kind : std::uint8_t { ip, unix_path };

  /// A nameless UNIX socket.
  Endpoint() = default;
  Endpoint(IpAddress address, std::uint16_t port) : kind_(Kind::ip), port_(port), address_(address) {}
  static Endpoint unix_path(std::string path);
  /// "192.0.2.1:25", "[2001:db8::1]:25", "unix:/run/socket"; "*:25" is [::]:25, which also takes IPv4.
  static Result<Endpoint> parse(std::string_view text);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_ip() const { return kind_ == Kind::ip; }
  [[nodiscard]] const IpAddress& address() const { return address_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// A loopback address or a UNIX socket: the peer is this host.
  [[nodiscard]] bool is_local_host() const { return !is_ip() || address_.is_loopback(); }
  /// The inverse of parse().
  [[nodiscard]] std::string text() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;

 private:
  Kind kind_ = Kind::unix_path;
  std::uint16_t port_ = 0;
  IpAddress address_;
  std::string path_;
};

}  // namespace angarium::io
