#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "message/date.h"

using namespace angarium::message;

// A date that was read is written in a form that means the same moment, for the header and for IMAP.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto date = parse_date(input)) {
    const auto again = parse_date(format_date(*date));
    if (!again || again->instant() != date->instant() || again->zone_unknown != date->zone_unknown) std::abort();
    const auto internal = parse_internal_date(format_internal_date(*date));
    if (!internal || internal->instant() != date->instant()) std::abort();
    DateTime::at(date->instant(), date->zone_minutes);
  }
  if (const auto date = parse_internal_date(input)) {
    if (parse_internal_date(format_internal_date(*date))->instant() != date->instant()) std::abort();
  }
  (void)parse_search_day(input);
  return 0;
}
