#include "envelope/path.h"

#include <algorithm>

#include "base/text.h"
#include "message/lexical.h"

namespace angarium::envelope {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

bool tolerant(const PathOptions& options) { return options.grammar == PathOptions::Grammar::tolerant; }

/// Index just past the quoted string that opens at `at`, or npos.
std::size_t quoted_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return kNone;
}

/// Takes the quoting off. Nothing when an octet may not stand in Quoted-string.
std::optional<std::string> unquote(std::string_view quoted) {
  std::string result;
  result.reserve(quoted.size());
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] == '\\') {
      ++i;
      // quoted-pairSMTP holds ASCII only (RFC 5321 §4.1.2; RFC 6531 §3.3 extends qtextSMTP alone).
      if (i + 1 == quoted.size() || !is_ascii(quoted[i])) return std::nullopt;
    }
    if (is_control(quoted[i])) return std::nullopt;
    result += quoted[i];
  }
  return result;
}

std::string shown(std::string_view text) { return escape_controls(text, 100); }

Result<std::string> parse_local_part(std::string_view text, const PathOptions& options) {
  std::optional<std::string> local;
  if (text.starts_with('"')) {
    if (quoted_end(text, 0) == text.size()) local = unquote(text);
  } else if (message::is_dot_atom(text)) {
    local = std::string(text);
  }
  if (!local) return fail(kBadPath, "not a local part: " + shown(text));
  if (local->size() > options.local_part_max) return fail(kPathTooLong, "local part too long");
  return *std::move(local);
}

bool relaxed_domain(std::string_view domain, Utf8 utf8) {
  std::string plain(domain);
  std::ranges::replace(plain, '_', 'x');
  if (plain.ends_with('.')) plain.pop_back();
  return message::valid_domain(plain, utf8);
}

Result<std::string> parse_domain(std::string_view text, const PathOptions& options) {
  if (text.size() > message::kDomainMax) return fail(kPathTooLong, "domain too long");
  if (text.starts_with('[')) {
    if (!message::parse_address_literal(text)) return fail(kBadPath, "not an address literal: " + shown(text));
    return std::string(text);
  }
  if (message::valid_domain(text, options.utf8)) return std::string(text);
  if (!tolerant(options) || !relaxed_domain(text, options.utf8)) return fail(kBadPath, "not a domain: " + shown(text));
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text);
}

/// Where the local part ends: at the '@' outside of quotes, or npos.
std::size_t find_at(std::string_view text) {
  if (!text.starts_with('"')) return text.find('@');
  const std::size_t end = quoted_end(text, 0);
  return end != kNone && end < text.size() && text[end] == '@' ? end : kNone;
}

Result<> check_octets(std::string_view text, const PathOptions& options) {
  if (all_ascii(text)) return {};
  if (options.utf8 == Utf8::refuse) return fail(kUtf8NotAllowed, "address needs SMTPUTF8");
  if (!valid_utf8(text)) return fail(kBadPath, "address is not UTF-8");
  return {};
}

/// Takes angle brackets and, when there is one, the source route off.
Result<std::string_view> inside_of(std::string_view text, const PathOptions& options) {
  if (text.size() > options.path_max) return fail(kPathTooLong, "path too long");
  if (tolerant(options)) text = trim(text);
  if (text.size() >= 2 && text.starts_with('<') && text.ends_with('>')) {
    text = text.substr(1, text.size() - 2);
  } else if (!tolerant(options) || text.starts_with('<') || text.empty()) {
    return fail(kBadPath, "path without angle brackets: " + shown(text));
  }
  if (!text.starts_with('@')) return text;
  // A-d-l = At-domain *( "," At-domain ): each is checked, then all are forgotten.
  const std::size_t colon = text.find(':');
  std::string_view route = text.substr(0, colon);
  // An IPv6 literal cannot stand in a route, At-domain being "@" Domain.
  if (colon == kNone) return fail(kBadPath, "source route without a mailbox: " + shown(text));
  while (true) {
    const std::size_t comma = route.find(',');
    const std::string_view hop = route.substr(0, comma);
    if (!hop.starts_with('@')) return fail(kBadPath, "not a source route: " + shown(text));
    TRY(parse_domain(hop.substr(1), options));
    if (comma == kNone) break;
    route.remove_prefix(comma + 1);
  }
  return text.substr(colon + 1);
}

}  // namespace

std::string Mailbox::text() const {
  std::string result = quote_local_part(local_part);
  return domain.empty() ? result : result + "@" + domain;
}

bool Mailbox::needs_utf8() const { return !all_ascii(local_part) || !all_ascii(domain); }

std::string ReversePath::text() const { return mailbox ? "<" + mailbox->text() + ">" : "<>"; }

std::string ForwardPath::text() const { return "<" + mailbox.text() + ">"; }

Result<Mailbox> parse_mailbox(std::string_view text, const PathOptions& options) {
  if (text.size() > options.path_max) return fail(kPathTooLong, "address too long");
  TRY(check_octets(text, options));
  const std::size_t at = find_at(text);
  if (at == kNone && !options.default_domain) return fail(kBadPath, "not a mailbox: " + shown(text));
  Mailbox mailbox;
  if (at == kNone) {
    mailbox.local_part = TRY(parse_local_part(text, options));
    mailbox.domain = *options.default_domain;
    return mailbox;
  }
  mailbox.local_part = TRY(parse_local_part(text.substr(0, at), options));
  mailbox.domain = TRY(parse_domain(text.substr(at + 1), options));
  return mailbox;
}

Result<ReversePath> parse_reverse_path(std::string_view text, const PathOptions& options) {
  TRY(check_octets(text, options));
  const std::string_view inside = TRY(inside_of(text, options));
  if (inside.empty()) return ReversePath{};
  return ReversePath{TRY(parse_mailbox(inside, options))};
}

Result<ForwardPath> parse_forward_path(std::string_view text, const PathOptions& options) {
  TRY(check_octets(text, options));
  const std::string_view inside = TRY(inside_of(text, options));
  if (equals_ignore_case(inside, "postmaster")) return ForwardPath{{std::string(inside), {}}};
  return ForwardPath{TRY(parse_mailbox(inside, options))};
}

std::string_view take_path(std::string_view& rest, const PathOptions& options) {
  if (tolerant(options)) rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  const bool bracket = rest.starts_with('<');
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != (bracket ? '>' : ' ')) {
    end = rest[end] == '"' ? std::min(quoted_end(rest, end), rest.size()) : end + 1;
  }
  // What follows the bracket without a blank stays with the path, which then does not parse.
  if (bracket) end = std::min(rest.find(' ', end), rest.size());
  const std::string_view path = rest.substr(0, end);
  rest.remove_prefix(end);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return path;
}

}  // namespace angarium::envelope
