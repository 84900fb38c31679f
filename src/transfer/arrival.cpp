#include "transfer/arrival.h"

#include "message/header.h"
#include "message/trace_fields.h"

namespace angarium::transfer {

std::optional<message::DateTime> arrival_in(std::string_view header) {
  const message::Header fields(header);
  if (const auto received = fields.find("Received")) {
    if (auto date = message::parse_received(received->value).date) return date;
  }
  if (const auto date = fields.find("Date")) return message::parse_date(date->value);
  return std::nullopt;
}

}  // namespace angarium::transfer
