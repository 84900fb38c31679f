#include "protocol/imap/url.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/time_text.h"
#include "protocol/imap/error.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {
namespace {

using namespace std::string_view_literals;

std::unexpected<Error> bad(std::string_view why) { return fail(kBadUrl, std::string(why)); }

/// Parameters of a message's URL in the order they must have (RFC 5092 §11), and whether "/" stands before them.
struct Parameter {
  std::string_view name;
  bool slash;
};
constexpr std::array kParameters = {Parameter{"UIDVALIDITY", false}, Parameter{"UID", true},
                                    Parameter{"SECTION", true},      Parameter{"PARTIAL", true},
                                    Parameter{"EXPIRE", false},      Parameter{"URLAUTH", false}};
enum Place : std::size_t { kUidValidityAt, kUidAt, kSectionAt, kPartialAt, kExpireAt, kUrlAuthAt };

/// bchar = achar / ":" / "@" / "/"; achar without ";" (RFC 5092 §11).
bool is_bchar(char c) { return is_alpha(c) || is_digit(c) || "-._~!$'()*+,&=%:@/"sv.contains(c); }

Result<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!is_bchar(text[i])) return bad("an octet that must be percent-encoded");
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto octet = from_hex(text.substr(i + 1, 2));
    if (!octet || octet->size() != 1 || octet->front() == '\0') return bad("a wrong percent-encoding");
    out += *octet;
    i += 2;
  }
  return out;
}

/// The values of the parameters; `head` is what stands before the first.
Result<std::array<std::optional<std::string_view>, kParameters.size()>> split(std::string_view path,
                                                                              std::string_view& head) {
  std::array<std::optional<std::string_view>, kParameters.size()> values;
  const auto first = path.find(';');
  head = path.substr(0, first);
  std::size_t next = 0;
  bool slash = head.ends_with('/') || head.empty();
  auto rest = first == std::string_view::npos ? std::string_view() : path.substr(first);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const auto name = take_until(rest, '=');
    const auto at = static_cast<std::size_t>(
        std::ranges::find_if(kParameters, [&](const auto& p) { return equals_ignore_case(p.name, name); }) -
        kParameters.begin());
    if (at == kParameters.size() || at < next) return bad("an unknown parameter, or one out of order");
    if (kParameters[at].slash ? !slash : slash && !head.empty()) return bad("a parameter behind the wrong separator");
    const auto end = rest.find(';');
    auto value = rest.substr(0, end);
    slash = end != std::string_view::npos && value.ends_with('/');
    if (slash) value.remove_suffix(1);
    if (value.empty()) return bad("a parameter without a value");
    values[at] = value;
    next = at + 1;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  }
  return values;
}

Result<Partial> partial_of(std::string_view text) {
  const auto dot = text.find('.');
  const auto offset = parse_number<std::uint64_t>(text.substr(0, dot));
  const auto count =
      dot == std::string_view::npos ? std::optional(UINT64_MAX) : parse_number<std::uint64_t>(text.substr(dot + 1));
  if (!offset || !count || *count == 0) return bad("a wrong PARTIAL");
  return Partial{*offset, *count};
}

Result<Section> section_of(std::string_view text) {
  const std::string written = "[" + TRY(decode(text)) + "]";
  Parser parser(written);
  auto section = parser.section(SectionItem::Form::body);
  if (!section || !parser.at_end() || written.size() == 2) return bad("no such section can be");
  return *std::move(section);
}

/// access = ("submit+" enc-user) / ("user+" enc-user) / "authuser" / "anonymous" (RFC 5092 §11)
Result<UrlAccess> access_of(std::string_view text) {
  using Who = UrlAccess::Who;
  if (equals_ignore_case(text, "authuser")) return UrlAccess{Who::any_user, {}};
  if (equals_ignore_case(text, "anonymous")) return UrlAccess{Who::anybody, {}};
  const auto kind = take_until(text, '+');
  auto user = TRY(decode(text));
  if (user.empty()) return bad("an access without a user");
  if (equals_ignore_case(kind, "submit")) return UrlAccess{Who::submitter, std::move(user)};
  if (equals_ignore_case(kind, "user")) return UrlAccess{Who::user, std::move(user)};
  return bad("an unknown access identifier");
}

/// iurlauth = [expire] ";URLAUTH=" access [":" mechanism ":" token]; `value` is what stands behind the sign.
Result<void> authorisation(ImapUrl& url, std::string_view whole, std::string_view value) {
  const auto colon = value.find(':');
  url.access = TRY(access_of(value.substr(0, colon)));
  url.rump = whole;
  if (colon == std::string_view::npos) return {};
  // RFC 4467 §6: nothing but this is done to get what was signed.
  url.rump = whole.substr(0, whole.size() - (value.size() - colon));
  auto rest = value.substr(colon + 1);
  url.mechanism = to_upper(take_until(rest, ':'));
  url.token = rest;
  // enc-urlauth = 32*HEXDIG
  if (url.mechanism.empty() || url.token.size() < 32 || !from_hex(url.token))
    return bad("no token of an authorisation");
  return {};
}

/// iserver = [iuserinfo "@"] host [":" port]
Result<void> server(ImapUrl& url, std::string_view text) {
  const auto at = text.rfind('@');
  if (at != std::string_view::npos) {
    auto user = text.substr(0, at);
    url.user = TRY(decode(take_until(user, ';')));
    text.remove_prefix(at + 1);
  }
  url.host = to_lower(text.substr(0, text.starts_with('[') ? text.find(']') + 1 : text.find(':')));
  if (url.host.empty()) return bad("a URL without a host");
  return {};
}

}  // namespace

Result<ImapUrl> parse_url(std::string_view text) {
  ImapUrl url;
  auto path = text;
  if (starts_with_ignore_case(path, "imap://")) {
    path.remove_prefix(7);
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return bad("a URL of a whole server");
    TRY(server(url, path.substr(0, slash)));
    path.remove_prefix(slash + 1);
  } else if (path.starts_with("//") || path.find("://") < path.find(';')) {
    return bad("no URL of this server");
  } else if (path.starts_with('/')) {
    url.base = ImapUrl::Base::root;
    path.remove_prefix(1);
  } else {
    url.base = path.starts_with(';') ? ImapUrl::Base::mailbox : ImapUrl::Base::superior;
  }
  std::string_view head;
  const auto values = TRY(split(path, head));
  if (head.ends_with('/')) head.remove_suffix(1);
  url.mailbox = TRY(decode(head));
  if (url.mailbox.empty() != (url.base == ImapUrl::Base::mailbox)) return bad("a URL without a mailbox");
  const auto nz_number = [&](Place at) -> Result<std::uint32_t> {
    const auto number = parse_number<std::uint32_t>(*values[at]);
    if (!number || *number == 0) return bad("a number above zero was expected");
    return *number;
  };
  if (!values[kUidAt]) return bad("a URL that names no message");
  url.uid = TRY(nz_number(kUidAt));
  if (values[kUidValidityAt]) url.uid_validity = TRY(nz_number(kUidValidityAt));
  if (values[kSectionAt]) url.section = TRY(section_of(*values[kSectionAt]));
  if (values[kPartialAt]) url.partial = TRY(partial_of(*values[kPartialAt]));
  if (values[kExpireAt]) {
    const auto when = parse_rfc3339(*values[kExpireAt]);
    if (!when || !values[kUrlAuthAt]) return bad("a wrong EXPIRE");
    url.expires = *when;
  }
  if (values[kUrlAuthAt]) {
    if (url.base != ImapUrl::Base::server) return bad("an authorised URL names its server");
    TRY(authorisation(url, text, *values[kUrlAuthAt]));
  }
  return url;
}

Result<std::string> url_mailbox(const ImapUrl& url, std::string_view selected) {
  std::string name;
  if (url.base == ImapUrl::Base::mailbox || url.base == ImapUrl::Base::superior) {
    if (selected.empty()) return bad("a relative URL while no mailbox is selected");
    // RFC 3986 §5.2.3: the last segment of the base gives way.
    const auto last = selected.rfind(kHierarchyDelimiter);
    name = url.base == ImapUrl::Base::mailbox ? selected
                                              : selected.substr(0, last == std::string_view::npos ? 0 : last + 1);
  }
  name += url.mailbox;
  auto decoded = decode_mailbox_name(name, NameForm::utf8);
  if (!decoded) return bad("no mailbox can have this name");
  return *std::move(decoded);
}

}  // namespace angarium::protocol::imap
