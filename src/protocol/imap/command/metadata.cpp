// GETMETADATA and SETMETADATA (RFC 5464).
#include "protocol/imap/command/metadata.h"

#include <algorithm>

namespace angarium::protocol::imap::command {

namespace {

/// Whether an annotation is one that was named, or so far below one as is wanted (RFC 5464 §4.2.2).
bool asked_for(std::string_view entry, std::string_view named, AnnotationQuery::Depth depth) {
  if (entry == named) return true;
  if (depth == AnnotationQuery::Depth::entry || !entry.starts_with(named) || entry[named.size()] != '/') return false;
  return depth == AnnotationQuery::Depth::all || entry.find('/', named.size() + 1) == std::string_view::npos;
}

void append_value(std::string& out, const std::string* value, message::ImapForm form) {
  if (value == nullptr || value->find('\0') == std::string::npos) return append_nstring(out, value, form);
  // Only a literal8 may have octets of value zero.
  out += "~{";
  append_number(out, value->size());
  out += "}\r\n";
  out += *value;
}

/// RFC 6154 §4. It is read from the mailbox, and changed by who makes the mailbox alone.
constexpr std::string_view kSpecialUse = "/private/specialuse";

}  // namespace

bool wants_special_use(const AnnotationQuery& query) {
  return std::ranges::any_of(query.entries,
                             [&](const auto& named) { return asked_for(kSpecialUse, named, query.depth); });
}

void add_special_use(std::vector<Annotation>& all, std::uint32_t attributes) {
  std::erase_if(all, [](const Annotation& one) { return one.entry == kSpecialUse; });
  if ((attributes & kNameSpecialUse) == 0) return;
  std::string uses;
  append_name_attributes(uses, attributes & kNameSpecialUse);
  // Without the parentheses.
  all.push_back({std::string(kSpecialUse), std::make_shared<const std::string>(uses.substr(1, uses.size() - 2))});
}

std::uint64_t append_metadata(Session& session, std::string_view name, const AnnotationQuery& query,
                              const std::vector<Annotation>& all) {
  std::uint64_t too_long = 0;
  std::string values;
  const auto put = [&](std::string_view entry, const std::string* value) {
    if (!values.empty()) values += ' ';
    append_astring(values, entry, message::ImapForm::ascii);
    values += ' ';
    append_value(values, value, session.strings());
  };
  for (const auto& [entry, value] : all) {
    if (std::ranges::none_of(query.entries, [&](const auto& named) { return asked_for(entry, named, query.depth); }))
      continue;
    if (query.max_size && value->size() > *query.max_size) {
      too_long = std::max<std::uint64_t>(too_long, value->size());
    } else {
      put(entry, value.get());
    }
  }
  // What was named and is not there has no value.
  for (const auto& named : query.entries) {
    if (query.depth != AnnotationQuery::Depth::entry) break;
    if (std::ranges::find(all, named, &Annotation::entry) == all.end()) put(named, nullptr);
  }
  if (values.empty()) return too_long;
  auto& out = session.text();
  out += "* METADATA ";
  append_mailbox(out, name, session.names());
  ((out += " (") += values) += ")\r\n";
  return too_long;
}

io::Task<Result<Reply>> getmetadata(Session& session, Command& command) {
  auto& parser = command.parser;
  std::string name;
  const auto query = CO_TRY(parser.getmetadata_arguments(name));
  CO_TRY(parser.end());
  auto all = CO_TRY(co_await session.account->annotations(name));
  if (!name.empty() && wants_special_use(query)) {
    const auto rows = CO_TRY(co_await session.account->list());
    const auto row = std::ranges::find(rows, name, &NameRow::name);
    add_special_use(all, row == rows.end() ? 0 : row->attributes);
  }
  const auto too_long = append_metadata(session, name, query, all);
  co_return done("GETMETADATA completed", too_long == 0 ? "" : "METADATA LONGENTRIES " + std::to_string(too_long));
}

io::Task<Result<Reply>> setmetadata(Session& session, Command& command) {
  auto& parser = command.parser;
  auto name = CO_TRY(parser.metadata_mailbox());
  CO_TRY(parser.space());
  auto changes = CO_TRY(parser.entry_values());
  CO_TRY(parser.end());
  for (const auto& [entry, value] : changes) {
    if (entry.size() > kAnnotationNameMax) co_return fail(kCannot, "The name of an entry is too long");
    // RFC 5466 §3.2: filters are whole search criteria.
    const bool filter =
        name.empty() && (entry.starts_with("/private/filters/values/") || entry.starts_with("/shared/filters/values/"));
    if (filter && value != nullptr && !Parser(*value, NameForm::utf8).filter_value())
      co_return fail(kCannot, "The value is no search criteria");
    // RFC 6154 §4: it is not for clients to say what it is.
    if (!name.empty() && entry == kSpecialUse)
      co_return fail(kUseAttr, "A mailbox is given its special use by CREATE, and keeps it");
    if (value != nullptr && value->size() > kAnnotationMax) co_return fail(kMetadataTooLong, "The value is too long");
  }
  CO_TRY(co_await session.account->annotate(std::move(name), std::move(changes)));
  co_return done("SETMETADATA completed");
}

}  // namespace angarium::protocol::imap::command
