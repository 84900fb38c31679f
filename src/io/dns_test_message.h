// Messages of the DNS written by tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "io/resolve.h"

namespace angarium::io::dns_test {

inline std::string wire_number(std::uint32_t value, int octets) {
  std::string text;
  for (int i = octets - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

/// Without compression.
inline std::string wire_name(std::string_view name) {
  std::string text;
  if (name == ".") name = {};
  while (!name.empty()) {
    const auto label = take_until(name, '.');
    text += static_cast<char>(label.size());
    text += label;
  }
  return text + '\0';
}

inline std::string wire_record(std::string_view name, RecordType type, std::uint32_t ttl, std::string_view data) {
  return wire_name(name) + wire_number(static_cast<std::uint16_t>(type), 2) + wire_number(1, 2) + wire_number(ttl, 4) +
         wire_number(static_cast<std::uint32_t>(data.size()), 2) + std::string(data);
}
inline std::string wire_mx(std::uint16_t preference, std::string_view exchange) {
  return wire_number(preference, 2) + wire_name(exchange);
}
inline std::string wire_soa(std::string_view name, std::uint32_t ttl, std::uint32_t minimum) {
  auto record = wire_record(name, RecordType::a, ttl,
                            wire_name("ns." + std::string(name)) + wire_name("hostmaster." + std::string(name)) +
                                wire_number(1, 4) + wire_number(7200, 4) + wire_number(3600, 4) +
                                wire_number(86400, 4) + wire_number(minimum, 4));
  record[wire_name(name).size() + 1] = 6;
  return record;
}

struct WireAnswer {
  std::uint16_t id = 0;
  unsigned code = 0;
  bool cut = false;
  std::string_view name;
  RecordType type = RecordType::a;
  unsigned answers = 0;
  std::string answer;  ///< records one after the other
  unsigned authorities = 0;
  std::string authority;
  bool edns = false;  ///< RFC 6891: an OPT record with the DO bit ends it, as of servers that know DNSSEC
};
inline std::string wire_answer(const WireAnswer& parts) {
  return wire_number(parts.id, 2) + wire_number(0x8180U | (parts.cut ? 0x0200U : 0U) | parts.code, 2) +
         wire_number(1, 2) + wire_number(parts.answers, 2) + wire_number(parts.authorities, 2) +
         wire_number(parts.edns ? 1 : 0, 2) + wire_name(parts.name) +
         wire_number(static_cast<std::uint16_t>(parts.type), 2) + wire_number(1, 2) + parts.answer + parts.authority +
         (parts.edns ? std::string("\0\0\x29\x04\xD0\0\0\x80\0\0\0", 11) : std::string());
}

}  // namespace angarium::io::dns_test
