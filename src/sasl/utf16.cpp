#include "sasl/utf16.h"

#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include <vector>

#include "base/text.h"

namespace angarium::sasl {
namespace {

std::string octets_of(const char16_t* units, std::size_t count) {
  std::string result;
  result.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    result += static_cast<char>(units[i] & 0xFF);
    result += static_cast<char>(units[i] >> 8);
  }
  return result;
}

std::vector<char16_t> units_of(std::string_view octets) {
  std::vector<char16_t> units(octets.size() / 2);
  for (std::size_t i = 0; i < units.size(); ++i)
    units[i] = static_cast<char16_t>(static_cast<unsigned char>(octets[2 * i]) |
                                     static_cast<unsigned char>(octets[2 * i + 1]) << 8);
  return units;
}

}  // namespace

std::optional<std::string> to_utf16(std::string_view utf8) {
  if (utf8.empty()) return std::string();
  if (!valid_utf8(utf8)) return std::nullopt;
  std::vector<char16_t> units(utf8.size());
  std::int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8(units.data(), static_cast<std::int32_t>(units.size()), &length, utf8.data(),
                static_cast<std::int32_t>(utf8.size()), &status);
  if (U_FAILURE(status)) return std::nullopt;
  std::string result = octets_of(units.data(), static_cast<std::size_t>(length));
  // It may have been a password.
  volatile char16_t* unit = units.data();
  for (std::size_t i = 0; i < units.size(); ++i) unit[i] = 0;
  return result;
}

std::optional<std::string> from_utf16(std::string_view octets) {
  if (octets.size() % 2 != 0) return std::nullopt;
  if (octets.empty()) return std::string();
  const std::vector<char16_t> units = units_of(octets);
  std::string result(3 * units.size(), '\0');
  std::int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strToUTF8(result.data(), static_cast<std::int32_t>(result.size()), &length, units.data(),
              static_cast<std::int32_t>(units.size()), &status);
  if (U_FAILURE(status)) return std::nullopt;
  result.resize(static_cast<std::size_t>(length));
  return result;
}

std::string upper_utf16(std::string_view octets) {
  std::vector<char16_t> units = units_of(octets);
  for (char16_t& unit : units) {
    const UChar32 upper = u_toupper(unit);
    if (upper <= 0xFFFF) unit = static_cast<char16_t>(upper);
  }
  return octets_of(units.data(), units.size());
}

}  // namespace angarium::sasl
