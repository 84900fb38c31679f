#include "protocol/pop3/reader.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::protocol::pop3 {

Result<std::string_view> Parameters::require() {
  if (!rest_.starts_with(' ')) return fail(kBadCommand, "a parameter is missing");
  rest_.remove_prefix(1);
  const std::size_t length = std::min(rest_.find(' '), rest_.size());
  if (length == 0) return fail(kBadCommand, "a parameter is missing");
  const std::string_view parameter = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return parameter;
}

Result<std::string_view> Parameters::require_rest() {
  if (rest_.size() < 2 || rest_[0] != ' ') return fail(kBadCommand, "a parameter is missing");
  const std::string_view parameter = rest_.substr(1);
  rest_ = {};
  return parameter;
}

Result<Number> Parameters::require_number() {
  const std::string_view text = TRY(require());
  const auto number = parse_number<Number>(text);
  if (!number || *number == 0) return fail(kBadCommand, "not a message number");
  return *number;
}

Result<std::uint64_t> Parameters::require_count() {
  const std::string_view text = TRY(require());
  const auto number = parse_number<std::uint64_t>(text);
  if (!number) return fail(kBadCommand, "not a number of lines");
  return *number;
}

Result<> Parameters::end() const {
  if (rest_.find_first_not_of(' ') != std::string_view::npos) return fail(kBadCommand, "too many parameters");
  return {};
}

Result<Command> parse_command(std::string_view line) {
  // RFC 2449 §3: VCHAR and SP only; RFC 6856 §2.2 lets names and passwords be UTF-8.
  if (std::ranges::any_of(line, is_control)) return fail(kBadCommand, "a control character in a command");
  if (!valid_utf8(line)) return fail(kBadCommand, "a command that is not UTF-8");
  const std::size_t length = std::min(line.find(' '), line.size());
  const std::string_view keyword = line.substr(0, length);
  if (keyword.size() < 3 || keyword.size() > 4 || !std::ranges::all_of(keyword, is_alnum))
    return fail(kBadCommand, "unknown command");
  return Command{keyword, Parameters(line.substr(length))};
}

Result<Status> parse_status(std::string_view line) {
  Status status;
  if (line.starts_with("+OK")) {
    line.remove_prefix(3);
  } else if (line.starts_with("-ERR")) {
    status.kind = Status::Kind::error;
    line.remove_prefix(4);
  } else if (line.starts_with('+')) {
    // RFC 5034 §4. Servers that leave the space away before nothing are let through.
    status.kind = Status::Kind::challenge;
    line.remove_prefix(1);
  } else {
    return fail(kBadReply, "an answer that is no POP3: " + escape_controls(line, 100));
  }
  if (!line.empty() && line.front() != ' ') return fail(kBadReply, "no space after the status");
  if (!line.empty()) line.remove_prefix(1);
  status.text = line;
  if (status.kind == Status::Kind::challenge || !line.starts_with('[')) return status;
  const std::size_t end = line.find(']');
  if (end == std::string_view::npos) return status;
  status.code = code_of(line.substr(1, end - 1));
  if (status.code != Code::none) status.text = trim(line.substr(end + 1));
  return status;
}

Result<ListingLine> parse_listing(std::string_view line) {
  std::string_view rest = line;
  const auto number = parse_number<Number>(take_until(rest, ' '));
  if (!number || *number == 0 || rest.empty())
    return fail(kBadReply, "not a line of a listing: " + escape_controls(line, 100));
  return ListingLine{*number, rest};
}

Result<std::uint64_t> parse_size(std::string_view text) {
  // RFC 1939 §5 lets a scan listing go on with anything after a space.
  const auto size = parse_number<std::uint64_t>(take_until(text, ' '));
  if (!size) return fail(kBadReply, "not a size");
  return *size;
}

Result<std::string_view> parse_unique_id(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= kUniqueIdMax &&
                    std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7E; });
  if (!fits) return fail(kBadReply, "not a unique-id: " + escape_controls(text, 100));
  return text;
}

std::string_view find_timestamp(std::string_view greeting) {
  const std::size_t begin = greeting.find('<');
  if (begin == std::string_view::npos) return {};
  const std::size_t end = greeting.find('>', begin);
  if (end == std::string_view::npos) return {};
  const std::string_view timestamp = greeting.substr(begin, end - begin + 1);
  // A msg-id (RFC 1939 §7): without "@" it is some other text in angle brackets.
  const bool visible = std::ranges::all_of(timestamp, [](char c) { return c > ' ' && c <= 0x7E; });
  return visible && timestamp.find('@') != std::string_view::npos ? timestamp : std::string_view();
}

Result<Capability> parse_capability(std::string_view line) {
  if (line.size() + 2 > kResponseLineMax) return fail(kBadReply, "a capability that is too long");
  Capability capability{to_upper(take_until(line, ' ')), {}};
  if (capability.keyword.empty()) return fail(kBadReply, "an empty capability");
  while (!line.empty())
    if (const std::string_view parameter = take_until(line, ' '); !parameter.empty())
      capability.parameters.emplace_back(parameter);
  return capability;
}

}  // namespace angarium::protocol::pop3
