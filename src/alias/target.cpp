#include "alias/target.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace angarium::alias {
namespace {

constexpr std::string_view kInclude = ":include:";
/// Octets that a name has only within quotes.
constexpr std::string_view kSpecials = "()<>[]:;,\"\\@#|/ ";
/// What says by the first octet that a target is no address, or a line a comment.
constexpr std::string_view kFirsts = "|/:\\#";
constexpr std::size_t kNameMax = 255;

Bad bad(std::string_view text, std::string_view why) {
  return {"'" + escape_controls(text, 80) + "': " + std::string(why)};
}

bool has_control(std::string_view text) { return std::ranges::any_of(text, is_control); }

/// An address or a name of this host; `whole_quoted` when quotes stood around all of it.
Target parse_address(std::string_view text, bool whole_quoted) {
  if (text.empty()) return bad(text, "an empty address");
  if (has_control(text)) return bad(text, "a control character");
  if (text.find('@') != std::string_view::npos) {
    auto mailbox = envelope::parse_mailbox(
        text, {.utf8 = envelope::Utf8::accept, .grammar = envelope::PathOptions::Grammar::tolerant});
    if (!mailbox) return bad(text, mailbox.error().text());
    return Address{.mailbox = *std::move(mailbox)};
  }
  if (!valid_utf8(text)) return bad(text, "no UTF-8");
  if (text.size() > kNameMax) return bad(text, "a name longer than 255 octets");
  if (!whole_quoted && text.find_first_of(kSpecials) != std::string_view::npos)
    return bad(text, "a name with blanks or special characters stands in quotes, and a comma divides two");
  return Address{.mailbox = {.local_part = std::string(text), .domain = {}}};
}

Target parse_file(std::string_view path) {
  if (has_control(path)) return bad(path, "a control character");
  return File{std::string(path)};
}

Target parse_pipe(std::string_view command) {
  if (command.empty()) return bad("|", "no command");
  if (std::ranges::any_of(command, [](char c) { return is_control(c) && c != '\t'; }))
    return bad(command, "a control character");
  return Pipe{std::string(command)};
}

Target parse_include(std::string_view text) {
  if (!text.starts_with(kInclude)) return bad(text, "of the words between colons only :include: is known");
  auto path = std::string(trim(text.substr(kInclude.size())));
  if (path.starts_with('"') && quoted_end(path) == path.size()) path = unquote(path);
  if (!path.starts_with('/')) return bad(text, "the path of a file to include begins with /");
  if (has_control(path)) return bad(text, "a control character");
  return Include{std::move(path)};
}

Target parse_literal(std::string_view name, bool whole_quoted) {
  auto target = parse_address(name, whole_quoted);
  if (auto* address = std::get_if<Address>(&target)) address->further = Address::Further::stop;
  return target;
}

/// By its first octet; the text is neither empty nor has blanks around it.
Target parse_content(std::string_view text, bool whole_quoted) {
  switch (text.front()) {
    case '/': return parse_file(text);
    case ':': return parse_include(text);
    case '\\': return parse_literal(text.substr(1), whole_quoted);
    case '|': break;
    default: return parse_address(text, whole_quoted);
  }
  const auto command = trim(text.substr(1));
  if (!whole_quoted && command.starts_with('"') && quoted_end(command) == command.size())
    return parse_pipe(trim(unquote(command)));
  return parse_pipe(command);
}

std::string quote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

struct Writer {
  std::string operator()(const Address& address) const {
    const bool stop = address.further == Address::Further::stop;
    const bool named = address.mailbox.domain.empty();
    const auto text = named ? address.mailbox.local_part : address.mailbox.text();
    const bool plain = text.find_first_of(kSpecials) == std::string::npos;
    if (stop) return plain ? "\\" + text : quote("\\" + text);
    if (named) return plain ? text : quote(text);
    return kFirsts.find(text.front()) == std::string_view::npos ? text : "<" + text + ">";
  }
  std::string operator()(const File& file) const { return quote(file.path); }
  std::string operator()(const Pipe& pipe) const { return quote("|" + pipe.command); }
  std::string operator()(const Include& include) const { return quote(std::string(kInclude) + include.path); }
  std::string operator()(const Bad& bad) const { return bad.reason; }
};

}  // namespace

std::size_t quoted_end(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return std::string_view::npos;
}

std::string unquote(std::string_view text) {
  std::string result;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '\\' && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    result += text[i];
  }
  return result;
}

Target parse_target(std::string_view text) {
  text = trim(text);
  if (text.size() > kTargetMax) return bad(text.substr(0, 32), "longer than 4096 octets");
  if (text.empty()) return bad(text, "an empty target");
  if (text.starts_with('"') && quoted_end(text) == text.size()) {
    const auto content = unquote(text);
    if (trim(content).empty()) return bad(text, "an empty target");
    return parse_content(trim(content), true);
  }
  const auto angle = text.rfind('<');
  const bool address = kFirsts.find(text.front()) == std::string_view::npos;
  if (address && text.ends_with('>') && angle != std::string_view::npos)
    return parse_address(trim(text.substr(angle + 1, text.size() - angle - 2)), false);
  return parse_content(text, false);
}

std::string target_text(const Target& target) { return std::visit(Writer{}, target); }

bool LogicalLines::next() {
  text_.clear();
  line_ = 0;
  while (!rest_.empty()) {
    const auto before = rest_;
    auto line = take_until(rest_, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto content = trim(line);
    const bool nothing = content.empty() || content.starts_with('#');
    if (!nothing && line_ != 0 && !is_wsp(line.front())) {
      rest_ = before;
      return true;
    }
    ++number_;
    if (nothing) continue;
    if (line_ == 0) line_ = number_;
    text_ += line;
  }
  return line_ != 0;
}

void parse_targets(std::string_view text, std::size_t line, List& list) {
  auto add = [&](Target target) {
    if (const auto* wrong = std::get_if<Bad>(&target); wrong && list.findings.size() < kFindingsMax)
      list.findings.push_back({line, wrong->reason});
    list.targets.push_back(std::move(target));
  };
  std::size_t begin = 0;
  bool angle = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '\\') {
      ++i;
      continue;
    }
    if (i < text.size() && text[i] == '"') {
      const auto end = quoted_end(text.substr(i));
      if (end == std::string_view::npos) return add(bad(text.substr(begin), "a quote without an end"));
      i += end - 1;
      continue;
    }
    if (i < text.size() && (text[i] != ',' || angle)) {
      angle = (angle || text[i] == '<') && text[i] != '>';
      continue;
    }
    const auto part = trim(text.substr(begin, i - begin));
    begin = i + 1;
    if (part.empty()) continue;  // "a, , b" and a comma at the end, as everyone takes them
    if (list.targets.size() == kTargetsMax) return add(bad(part, "more than 10000 targets"));
    add(parse_target(part));
  }
}

List parse_list(std::string_view text) {
  List list;
  LogicalLines lines(text);
  while (lines.next() && list.targets.size() <= kTargetsMax) parse_targets(lines.text(), lines.line(), list);
  return list;
}

}  // namespace angarium::alias
