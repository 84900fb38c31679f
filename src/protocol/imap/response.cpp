#include "protocol/imap/response.h"

#include <algorithm>

#include "base/text.h"
#include "protocol/imap/mailbox_name.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/reader.h"

namespace angarium::protocol::imap {
namespace {

std::string rest_of(const Parser& parser) { return std::string(parser.rest()); }

/// A name as servers write them: whatever is no modified UTF-7 is taken as it stands, octets that are no UTF-8 as
/// Latin-1, so that everyone above has UTF-8.
std::string name_of(const std::string& written, NameForm form) {
  if (form == NameForm::modified_utf7)
    if (auto name = from_modified_utf7(written)) return *std::move(name);
  if (valid_utf8(written)) return written;
  std::string name;
  for (const char c : written) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet >= 0x80) name += static_cast<char>(0xC0 | (octet >> 6));
    name += octet >= 0x80 ? static_cast<char>(0x80 | (octet & 0x3F)) : c;
  }
  return name;
}

/// What stands up to a blank, a closing parenthesis or the end: flags and capabilities of servers that put more into
/// them than an atom may hold, such as "[Gmail]" or "Label]".
std::string_view loose_atom(Parser& parser) {
  const auto rest = parser.rest();
  const auto found = rest.substr(0, std::min(rest.find_first_of(" )"), rest.size()));
  parser.move_to(parser.position() + found.size());
  return found;
}

/// Flags as servers list them: unknown system flags are passed over.
Result<FlagList> flags(Parser& parser, bool& recent) {
  TRY(parser.require('('));
  FlagList list;
  while (parser.peek() != ')') {
    if (parser.at_end()) return parser.expected(")");
    if (parser.present(' ')) continue;
    if (parser.present('\\')) {
      const auto name = loose_atom(parser);
      for (std::size_t bit = 0; bit < std::size(kFlagNames); ++bit) {
        if (!equals_ignore_case(kFlagNames[bit].substr(1), name)) continue;
        if ((1U << bit) == kRecent) {
          recent = true;
        } else {
          list.system = static_cast<Flags>(list.system | (1U << bit));
        }
      }
    } else {
      if (list.keywords.size() == kToldKeywordsMax) return fail(kLimit, "Too many keywords");
      list.keywords.emplace_back(loose_atom(parser));
    }
  }
  TRY(parser.require(')'));
  return list;
}

/// Any value: atom, string, number or list, as the text it is. Loops over parentheses, recurses nowhere.
Result<std::string> raw_value(Parser& parser) {
  const auto start = parser.rest();
  const auto begin = parser.position();
  int depth = 0;
  do {
    if (parser.present('(')) {
      if (++depth > kValueDepthMax) return fail(kSyntax, "Value is nested too deeply");
      continue;
    }
    if (parser.present(')')) {
      if (--depth < 0) return parser.expected("value");
      continue;
    }
    if (depth > 0 && parser.present(' ')) continue;
    if (parser.peek() == '"' || parser.peek() == '{') {
      TRY(parser.string());
    } else if (!parser.present('\\') && !parser.present('*')) {
      TRY(parser.astring());
    }
  } while (depth > 0);
  return std::string(start.substr(0, parser.position() - begin));
}

Result<StatusResponse> status(Parser& parser, std::string tag, std::string_view word) {
  using Kind = StatusResponse::Kind;
  StatusResponse response{.tag = std::move(tag)};
  response.kind = word == "OK"    ? Kind::ok
                  : word == "NO"  ? Kind::no
                  : word == "BAD" ? Kind::bad
                  : word == "BYE" ? Kind::bye
                                  : Kind::preauth;
  // Some servers end a status response after the word.
  if (!parser.present(' ')) return response;
  // Brackets that hold no code are the text's own: "[maintenance at noon".
  const auto text = parser.position();
  if (parser.present('[')) {
    auto code = parser.word();
    const auto inside = parser.rest();
    const auto close = inside.find(']');
    if (code && close != std::string_view::npos) {
      response.code = *std::move(code);
      response.code_text = trim(inside.substr(0, close));
      parser.move_to(parser.position() + close + 1);
      parser.present(' ');
    } else {
      parser.move_to(text);
    }
  }
  response.text = parser.rest();
  return response;
}

Result<std::vector<std::string>> capability_names(Parser& parser) {
  std::vector<std::string> found;
  while (parser.present(' ')) {
    if (parser.at_end()) break;
    if (const auto name = loose_atom(parser); !name.empty()) found.push_back(to_upper(name));
  }
  TRY(parser.end());
  return found;
}

Result<std::string> parenthesised(Parser& parser) {
  if (parser.present("NIL")) return std::string();
  TRY(parser.require('('));
  auto id = TRY(parser.astring());
  TRY(parser.require(')'));
  return id;
}

Result<void> fetch_content(Parser& parser, std::string label, FetchResponse& into) {
  // The section as it stands, to its "]"; field names in it may be strings.
  const auto start = parser.rest();
  const auto begin = parser.position();
  TRY(parser.require('['));
  while (!parser.present(']')) {
    if (parser.peek() == '"' || parser.peek() == '{') {
      TRY(parser.string());
    } else if (parser.at_end()) {
      return parser.expected("]");
    } else {
      parser.move_to(parser.position() + 1);
    }
  }
  if (parser.present('<')) {
    TRY(parser.number64());
    TRY(parser.require('>'));
  }
  label += start.substr(0, parser.position() - begin);
  TRY(parser.space());
  FetchResponse::Content content{.label = std::move(label), .octets = {}};
  if (content.label.starts_with("BINARY.SIZE")) {
    content.octets = std::to_string(TRY(parser.number64()));
  } else {
    content.octets = TRY(parser.nstring8());
  }
  into.contents.push_back(std::move(content));
  return {};
}

Result<void> fetch_item(Parser& parser, FetchResponse& into) {
  const auto name = TRY(parser.word());
  if (parser.peek() == '[') return fetch_content(parser, name, into);
  TRY(parser.space());
  if (name == "UID") {
    into.uid = TRY(parser.nz_number());
  } else if (name == "FLAGS") {
    into.flags = TRY(flags(parser, into.recent));
  } else if (name == "MODSEQ") {
    TRY(parser.require('('));
    into.modseq = TRY(parser.mod_sequence_valzer());
    TRY(parser.require(')'));
  } else if (name == "RFC822.SIZE") {
    into.size = TRY(parser.number64());
  } else if (name == "INTERNALDATE") {
    // A date that is none is not worth the connection.
    const auto start = parser.position();
    if (const auto date = parser.date_time()) {
      into.internal_date = WallTime::from_seconds(date->seconds);
      into.internal_zone_minutes = date->zone_minutes;
    } else {
      parser.move_to(start);
      TRY(raw_value(parser));
    }
  } else if (name == "ENVELOPE") {
    into.envelope = TRY(raw_value(parser));
  } else if (name == "BODY") {
    into.body = TRY(raw_value(parser));
  } else if (name == "BODYSTRUCTURE") {
    into.body_structure = TRY(raw_value(parser));
  } else if (name == "EMAILID") {
    into.email_id = TRY(parenthesised(parser));
  } else if (name == "THREADID") {
    into.thread_id = TRY(parenthesised(parser));
  } else if (name == "RFC822" || name == "RFC822.HEADER" || name == "RFC822.TEXT") {
    into.contents.push_back({.label = name, .octets = TRY(parser.nstring8())});
  } else {
    TRY(raw_value(parser));
  }
  return {};
}

Result<FetchResponse> fetch(Parser& parser, std::uint32_t sequence) {
  FetchResponse response{.sequence = sequence};
  TRY(parser.space());
  TRY(parser.require('('));
  do {
    if (parser.peek() == ')') break;  // a blank before the end, or nothing at all
    TRY(fetch_item(parser, response));
  } while (parser.present(' '));
  TRY(parser.require(')'));
  parser.present(' ');
  TRY(parser.end());
  return response;
}

Result<ListResponse> list(Parser& parser, bool subscriptions, NameForm names) {
  ListResponse response{.subscriptions = subscriptions};
  TRY(parser.space());
  TRY(parser.require('('));
  while (parser.peek() != ')') {
    if (parser.at_end()) return parser.expected(")");
    if (parser.present(' ')) continue;
    const auto name = loose_atom(parser);
    for (std::size_t bit = 0; bit < std::size(kNameAttributes); ++bit) {
      if (equals_ignore_case(kNameAttributes[bit], name)) response.attributes |= 1U << bit;
    }
  }
  TRY(parser.require(')'));
  TRY(parser.space());
  const auto delimiter = TRY(parser.nstring());
  if (delimiter && delimiter->size() == 1) response.delimiter = delimiter->front();
  TRY(parser.space());
  response.written = TRY(parser.astring8());
  response.name = name_of(response.written, names);
  if (!parser.present(' ') || parser.at_end()) {
    TRY(parser.end());
    return response;
  }
  // mbox-list-extended
  TRY(parser.require('('));
  while (parser.peek() != ')') {
    const auto item = TRY(parser.astring());
    TRY(parser.space());
    auto value = TRY(raw_value(parser));
    if (equals_ignore_case(item, "CHILDINFO")) {
      Parser inner(value);
      inner.present('(');
      while (inner.peek() == '"') {
        response.child_info.push_back(TRY(inner.astring()));
        inner.present(' ');
      }
    }
    if (parser.peek() != ')') TRY(parser.space());
  }
  return response;
}

Result<std::vector<NamespaceResponse::Space>> spaces(Parser& parser, NameForm names) {
  std::vector<NamespaceResponse::Space> all;
  if (!parser.present('(')) {
    TRY(raw_value(parser));  // NIL
    return all;
  }
  while (!parser.present(')')) {
    parser.present(' ');
    TRY(parser.require('('));
    NamespaceResponse::Space space{.prefix = name_of(TRY(parser.astring8()), names), .delimiter = {}};
    TRY(parser.space());
    const auto delimiter = TRY(parser.nstring());
    if (delimiter && delimiter->size() == 1) space.delimiter = delimiter->front();
    // Namespace-Response-Extensions
    while (parser.present(' ')) TRY(raw_value(parser));
    TRY(parser.require(')'));
    all.push_back(std::move(space));
  }
  return all;
}

Result<NamespaceResponse> namespaces(Parser& parser, NameForm names) {
  NamespaceResponse response;
  TRY(parser.space());
  response.personal = TRY(spaces(parser, names));
  TRY(parser.space());
  response.others = TRY(spaces(parser, names));
  TRY(parser.space());
  response.shared = TRY(spaces(parser, names));
  TRY(parser.end());
  return response;
}

Result<StatusItemsResponse> status_items(Parser& parser, NameForm names) {
  StatusItemsResponse response;
  TRY(parser.space());
  response.name = name_of(TRY(parser.astring8()), names);
  TRY(parser.space());
  TRY(parser.require('('));
  while (parser.peek() != ')') {
    auto item = TRY(parser.word());
    TRY(parser.space());
    if (is_digit(parser.peek())) {
      response.items.emplace_back(std::move(item), TRY(parser.number64()));
    } else {
      TRY(raw_value(parser));
    }
    if (parser.peek() != ')') TRY(parser.space());
  }
  TRY(parser.require(')'));
  return response;
}

Result<SearchResponse> search(Parser& parser) {
  SearchResponse response;
  std::vector<Range> found;
  while (parser.present(' ')) {
    if (parser.at_end()) break;
    if (parser.present("(MODSEQ ")) {
      response.modseq = TRY(parser.mod_sequence_valzer());
      TRY(parser.require(')'));
      break;
    }
    const auto number = TRY(parser.nz_number());
    found.push_back({number, number});
  }
  TRY(parser.end());
  response.all = NumberSet(std::move(found));
  return response;
}

Result<SearchResponse> extended_search(Parser& parser) {
  SearchResponse response{.extended = true};
  if (parser.present(" (TAG ")) {
    response.tag = TRY(parser.string());
    TRY(parser.require(')'));
  }
  while (parser.present(' ')) {
    const auto name = TRY(parser.word());
    if (name == "UID") {
      response.by_uid = true;
      continue;
    }
    TRY(parser.space());
    if (name == "MIN") {
      response.min = TRY(parser.nz_number());
    } else if (name == "MAX") {
      response.max = TRY(parser.nz_number());
    } else if (name == "COUNT") {
      response.count = TRY(parser.number64());
    } else if (name == "MODSEQ") {
      response.modseq = TRY(parser.mod_sequence_valzer());
    } else if (name == "ALL") {
      response.all = TRY(parser.known_sequence_set()).resolve(UINT32_MAX);
    } else {
      TRY(raw_value(parser));
    }
  }
  TRY(parser.end());
  return response;
}

Result<Response> numbered(Parser& parser) {
  const auto number = TRY(parser.number());
  TRY(parser.space());
  auto name = TRY(parser.word());
  using Kind = NumberResponse::Kind;
  if (name == "FETCH") return TRY(fetch(parser, number));
  parser.present(' ');
  if (name != "EXISTS" && name != "RECENT" && name != "EXPUNGE")
    return OtherResponse{std::to_string(number) + " " + name, rest_of(parser)};
  TRY(parser.end());
  if (name == "EXISTS") return NumberResponse{Kind::exists, number};
  if (name == "RECENT") return NumberResponse{Kind::recent, number};
  if (name == "EXPUNGE" && number > 0) return NumberResponse{Kind::expunge, number};
  return parser.expected("number of a message before this");
}

Result<Response> untagged(Parser& parser, NameForm names) {
  if (is_digit(parser.peek())) return numbered(parser);
  auto name = TRY(parser.word());
  if (name == "OK" || name == "NO" || name == "BAD" || name == "BYE" || name == "PREAUTH")
    return TRY(status(parser, "*", name));
  if (name == "CAPABILITY") return CapabilityResponse{TRY(capability_names(parser))};
  if (name == "ENABLED") return EnabledResponse{TRY(capability_names(parser))};
  if (name == "LIST" || name == "LSUB") return TRY(list(parser, name == "LSUB", names));
  if (name == "NAMESPACE") return TRY(namespaces(parser, names));
  if (name == "STATUS") return TRY(status_items(parser, names));
  if (name == "SEARCH") return TRY(search(parser));
  if (name == "ESEARCH") return TRY(extended_search(parser));
  if (name == "FLAGS") {
    TRY(parser.space());
    bool recent = false;
    return FlagsResponse{TRY(flags(parser, recent))};
  }
  if (name == "VANISHED") {
    VanishedResponse response;
    response.earlier = parser.present(" (EARLIER)");
    TRY(parser.space());
    response.uids = TRY(parser.known_sequence_set()).resolve(UINT32_MAX);
    TRY(parser.end());
    return response;
  }
  parser.present(' ');
  return OtherResponse{std::move(name), rest_of(parser)};
}

}  // namespace

bool CapabilityResponse::has(std::string_view name) const { return std::ranges::find(names, name) != names.end(); }

Result<Response> parse_response(std::string_view text, NameForm names) {
  Parser parser(text);
  if (parser.present('+')) {
    parser.present(' ');
    return Continuation{rest_of(parser)};
  }
  if (parser.present("* ")) return untagged(parser, names);
  auto tag = std::string(TRY(parser.tag()));
  TRY(parser.space());
  const auto word = TRY(parser.word());
  if (word != "OK" && word != "NO" && word != "BAD") return parser.expected("OK, NO or BAD before this");
  return TRY(status(parser, std::move(tag), word));
}

std::optional<UidCode> parse_uid_code(std::string_view code_text) {
  Parser parser(code_text);
  UidCode code;
  const auto validity = parser.nz_number();
  if (!validity || !parser.present(' ')) return std::nullopt;
  code.uid_validity = *validity;
  const auto first = parser.known_sequence_set();
  if (!first) return std::nullopt;
  code.first = first->resolve(UINT32_MAX);
  if (parser.present(' ')) {
    const auto second = parser.known_sequence_set();
    if (!second) return std::nullopt;
    code.second = second->resolve(UINT32_MAX);
  }
  if (!parser.at_end()) return std::nullopt;
  return code;
}

}  // namespace angarium::protocol::imap
