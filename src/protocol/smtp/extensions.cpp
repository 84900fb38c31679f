#include "protocol/smtp/extensions.h"

#include <array>

#include "base/text.h"

namespace angarium::protocol::smtp {
namespace {

struct Flag {
  std::string_view keyword;
  bool Extensions::* flag;
};
constexpr std::array kFlags = {
    Flag{"PIPELINING", &Extensions::pipelining},  Flag{"8BITMIME", &Extensions::eight_bit},
    Flag{"BINARYMIME", &Extensions::binary},      Flag{"CHUNKING", &Extensions::chunking},
    Flag{"SMTPUTF8", &Extensions::smtputf8},      Flag{"DSN", &Extensions::dsn},
    Flag{"STARTTLS", &Extensions::starttls},      Flag{"ENHANCEDSTATUSCODES", &Extensions::enhanced},
    Flag{"REQUIRETLS", &Extensions::require_tls}, Flag{"DELIVERBY", &Extensions::deliver_by},
    Flag{"MT-PRIORITY", &Extensions::priority},   Flag{"FUTURERELEASE", &Extensions::future},
    Flag{"CHECKPOINT", &Extensions::checkpoint},  Flag{"ATRN", &Extensions::atrn},
};

/// A mechanism's name has at most 20 octets (RFC 4422 §3.1); a server may have a handful.
constexpr std::size_t kMechanismsMax = 64;

void read_mechanisms(Extensions& extensions, std::string_view names) {
  while (!names.empty() && extensions.mechanisms.size() < kMechanismsMax) {
    const std::string_view name = take_until(names, ' ');
    if (!name.empty()) extensions.mechanisms.push_back(to_upper(name));
  }
}

void read_limits(Extensions& extensions, std::string_view limits) {
  while (!limits.empty()) {
    std::string_view value = take_until(limits, ' ');
    const std::string_view name = take_until(value, '=');
    const auto number = parse_number<std::uint32_t>(value);
    if (!number || *number == 0) continue;
    if (equals_ignore_case(name, "RCPTMAX")) extensions.recipients_max = number;
    if (equals_ignore_case(name, "MAILMAX")) extensions.messages_max = number;
  }
}

void read_line(Extensions& extensions, std::string_view line) {
  line = trim(line);
  if (starts_with_ignore_case(line, "AUTH=")) return read_mechanisms(extensions, line.substr(5));
  const std::string_view keyword = take_until(line, ' ');
  if (equals_ignore_case(keyword, "AUTH")) return read_mechanisms(extensions, line);
  if (equals_ignore_case(keyword, "LIMITS")) return read_limits(extensions, line);
  if (equals_ignore_case(keyword, "SIZE")) {
    extensions.has_size = true;
    extensions.size = parse_number<std::uint64_t>(trim(line)).value_or(0);
  }
  if (equals_ignore_case(keyword, "DELIVERBY"))
    extensions.deliver_by_min_s = parse_number<std::uint32_t>(trim(line)).value_or(0);
  for (const Flag& flag : kFlags)
    if (equals_ignore_case(keyword, flag.keyword)) extensions.*flag.flag = true;
}

}  // namespace

Extensions parse_extensions(std::string_view reply_text) {
  Extensions extensions;
  take_until(reply_text, '\n');
  while (!reply_text.empty()) read_line(extensions, take_until(reply_text, '\n'));
  if (!extensions.chunking) extensions.binary = false;
  return extensions;
}

}  // namespace angarium::protocol::smtp
