#include "mua/draft.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "drop/letter.h"
#include "drop/options.h"
#include "message/address.h"
#include "message/charset.h"
#include "message/compose.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "mua/error.h"
#include "mua/host.h"

namespace angarium::mua {
namespace {

using message::OutgoingField;
using message::OutgoingPart;

std::string as_utf8(std::string_view text) {
  return valid_utf8(text) ? std::string(text) : message::to_utf8(text, "windows-1252");
}

/// Media types of what people attach most; nobody is served by a wrong guess, so all others are octets.
std::string type_of(std::string_view path) {
  struct Known {
    std::string_view ending;
    std::string_view type;
  };
  static constexpr std::array<Known, 18> kKnown = {{{"pdf", "application/pdf"},
                                                    {"zip", "application/zip"},
                                                    {"gz", "application/gzip"},
                                                    {"tgz", "application/gzip"},
                                                    {"xz", "application/x-xz"},
                                                    {"tar", "application/x-tar"},
                                                    {"json", "application/json"},
                                                    {"png", "image/png"},
                                                    {"jpg", "image/jpeg"},
                                                    {"jpeg", "image/jpeg"},
                                                    {"gif", "image/gif"},
                                                    {"svg", "image/svg+xml"},
                                                    {"mp3", "audio/mpeg"},
                                                    {"mp4", "video/mp4"},
                                                    {"doc", "application/msword"},
                                                    {"ics", "text/calendar"},
                                                    {"odt", "application/vnd.oasis.opendocument.text"},
                                                    {"eml", "message/rfc822"}}};
  const std::size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return "application/octet-stream";
  const std::string_view ending = path.substr(dot + 1);
  const auto found =
      std::ranges::find_if(kKnown, [&](const Known& known) { return equals_ignore_case(known.ending, ending); });
  return found == kKnown.end() ? "application/octet-stream" : std::string(found->type);
}

std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

Result<OutgoingPart> attachment(const std::string& path, const std::string& home) {
  OutgoingPart part;
  part.body = TRY(read_file(in_home(path, home)));
  part.disposition = "attachment";
  part.file_name = as_utf8(base_name(path));
  const std::string type = type_of(path);
  const bool text = type == "application/octet-stream" && valid_utf8(part.body) && !part.body.contains('\0');
  if (type == "message/rfc822") {
    part.kind = OutgoingPart::Kind::message;
  } else if (!text) {
    part.kind = OutgoingPart::Kind::octets;
    part.type = type;
  }
  return part;
}

OutgoingPart body_part(const std::string& body) {
  OutgoingPart part;
  if (body.contains('\0')) {
    part.kind = OutgoingPart::Kind::octets;
    part.body = body;
  } else {
    part.body = as_utf8(body);
  }
  return part;
}

/// One field of addresses, and the addresses for the envelope.
Result<> add_addresses(const std::string& name, const std::vector<std::string>& names, const Settings& settings,
                       std::vector<OutgoingField>* fields, std::vector<std::string>& recipients) {
  std::string value;
  for (const std::string& text : TRY(settings.expand(names))) {
    for (const message::Address& address : message::parse_addresses(as_utf8(text)).addresses) {
      const auto specs = drop::addresses_of(address.spec());
      if (!specs || specs->size() != 1) return fail(kUsage, "'" + escape_controls(text) + "' is no address");
      if (std::ranges::find(recipients, specs->front()) == recipients.end()) recipients.push_back(specs->front());
      value += (value.empty() ? "" : ", ") +
               message::format_address(address.name, address.local_part, address.domain, name.size() + 2);
    }
  }
  if (fields != nullptr && !value.empty()) fields->push_back({name, value, OutgoingField::Kind::structured});
  return {};
}

/// The first of the user's own fields of that name replaces what we would write.
bool has_field(const Draft& draft, std::string_view name) {
  return std::ranges::any_of(draft.fields, [&](const auto& field) { return equals_ignore_case(field.first, name); });
}

bool is_content_field(std::string_view name) {
  return starts_with_ignore_case(name, "Content-") || equals_ignore_case(name, "MIME-Version");
}

/// `-a 'Content-Type: text/html; charset=utf-8'`: what the body is said to be.
void take_content_type(const Draft& draft, OutgoingPart& part) {
  for (const auto& [name, value] : draft.fields) {
    if (!equals_ignore_case(name, "Content-Type") || part.kind != OutgoingPart::Kind::text) continue;
    std::string_view rest = value;
    const std::string type = to_lower(trim(take_until(rest, ';')));
    if (type.starts_with("text/") && type.size() > 5) {
      part.subtype = type.substr(5);
    } else if (type.contains('/') && type != "multipart/mixed") {
      part.kind = OutgoingPart::Kind::octets;
      part.type = type;
    }
  }
}

/// The user has made MIME by hand: what is said of the content is true as it stands.
bool is_made_by_hand(const Draft& draft) {
  return std::ranges::any_of(draft.fields, [](const auto& field) {
    if (equals_ignore_case(field.first, "Content-Transfer-Encoding")) return true;
    return equals_ignore_case(field.first, "Content-Type") &&
           (starts_with_ignore_case(field.second, "multipart/") || starts_with_ignore_case(field.second, "message/"));
  });
}

Result<std::string> by_hand(const std::vector<OutgoingField>& fields, const Draft& draft) {
  std::string out;
  for (const OutgoingField& field : fields) {
    const bool text = field.kind == OutgoingField::Kind::text;
    TRY(message::append_field(out, field.name,
                              text ? message::encode_text(field.value, field.name.size() + 2) : field.value));
  }
  if (!has_field(draft, "MIME-Version")) out += "MIME-Version: 1.0\r\n";
  for (const auto& [name, value] : draft.fields)
    if (is_content_field(name)) TRY(message::append_field(out, name, value));
  out += "\r\n";
  drop::Lines lines(drop::DotLine::is_text);
  // What looks like the separator of an mbox file is dropped at the beginning of a message only.
  lines.feed("\n" + draft.body, out);
  lines.finish(out);
  const std::size_t body = out.find("\r\n\r\n") + 4;
  return out.erase(body, 2);
}

Result<OutgoingPart> content_of(const Draft& draft, const std::string& home) {
  OutgoingPart text = body_part(draft.body);
  take_content_type(draft, text);
  if (draft.attachments.empty() && draft.enclosed.empty()) return text;
  OutgoingPart all;
  all.kind = OutgoingPart::Kind::multipart;
  all.subtype = "mixed";
  if (!draft.body.empty()) all.children.push_back(std::move(text));
  for (const std::string& path : draft.attachments) all.children.push_back(TRY(attachment(path, home)));
  for (const std::string& message : draft.enclosed) {
    OutgoingPart part;
    part.kind = OutgoingPart::Kind::message;
    part.body = message;
    part.disposition = "attachment";
    part.file_name = "message.eml";
    all.children.push_back(std::move(part));
  }
  return all;
}

}  // namespace

std::vector<std::string> split_addresses(std::string_view list) {
  std::vector<std::string> addresses;
  const auto add = [&](std::string_view text) {
    text = trim(text);
    if (!text.empty()) addresses.emplace_back(text);
  };
  // Where a name, a comment or a quote stands, a blank may belong to it.
  const bool words_only = list.find_first_of("<>\"();:") == std::string_view::npos;
  std::size_t begin = 0;
  bool quoted = false;
  int comments = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == '(') {
      ++comments;
    } else if (!quoted && c == ')') {
      comments = std::max(0, comments - 1);
    } else if (!quoted && comments == 0 && (c == ',' || c == '\n' || (words_only && is_wsp(c)))) {
      add(list.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  add(list.substr(std::min(begin, list.size())));
  return addresses;
}

Result<Composed> compose(const Draft& draft, const Settings& settings, const message::DateTime& now,
                         const std::string& home, Random& random) {
  Composed composed;
  std::vector<OutgoingField> fields;
  if (!draft.from.empty()) {
    std::vector<std::string> senders;
    TRY(add_addresses("From", {draft.from}, settings, &fields, senders));
    if (senders.size() != 1) return fail(kUsage, "'" + escape_controls(draft.from) + "' is not one address");
    composed.sender = senders.front();
  }
  TRY(add_addresses("To", draft.to, settings, &fields, composed.recipients));
  TRY(add_addresses("Cc", draft.cc, settings, &fields, composed.recipients));
  TRY(add_addresses("Bcc", draft.bcc, settings, nullptr, composed.recipients));
  if (composed.recipients.empty()) return fail(kUsage, "no recipient");
  if (composed.recipients.size() > drop::kRecipientsMax)
    return fail(kUsage, "more than " + std::to_string(drop::kRecipientsMax) + " recipients");
  if (!draft.subject.empty()) fields.push_back({"Subject", as_utf8(draft.subject), OutgoingField::Kind::text});
  if (!has_field(draft, "Date")) fields.push_back({"Date", message::format_date(now), OutgoingField::Kind::structured});
  if (!draft.in_reply_to.empty()) fields.push_back({"In-Reply-To", draft.in_reply_to, OutgoingField::Kind::structured});
  if (!draft.references.empty()) fields.push_back({"References", draft.references, OutgoingField::Kind::structured});
  for (const auto& [name, value] : draft.fields) {
    if (is_content_field(name)) continue;
    // Fields of addresses and ids are given as they are to be; what is not ASCII would need the text's encoding.
    fields.push_back(
        {name, as_utf8(value), all_ascii(value) ? OutgoingField::Kind::structured : OutgoingField::Kind::text});
  }
  const bool as_it_is = is_made_by_hand(draft) && draft.attachments.empty();
  if (as_it_is) {
    composed.message = TRY(by_hand(fields, draft));
  } else {
    const OutgoingPart content = TRY(content_of(draft, home));
    composed.message = TRY(message::compose(fields, content, random));
  }
  return composed;
}

void take_header(std::string_view text, Draft& draft) {
  const auto extent = message::header_extent(text);
  bool first = true;
  for (const message::Field& field : message::Header(text.substr(0, extent.header_size))) {
    if (!field.well_formed()) {
      if (first) break;
      continue;
    }
    first = false;
    const std::string raw(trim(message::unfold(field.value)));
    if (field.is("To") || field.is("Cc") || field.is("Bcc")) {
      auto& list = field.is("To") ? draft.to : field.is("Cc") ? draft.cc : draft.bcc;
      for (std::string& address : split_addresses(raw)) list.push_back(std::move(address));
    } else if (field.is("Subject")) {
      draft.subject = message::decode_text(field.value);
    } else if (field.is("From")) {
      draft.from = raw;
    } else if (field.is("In-Reply-To")) {
      draft.in_reply_to = raw;
    } else if (field.is("References")) {
      draft.references = raw;
    } else {
      draft.fields.emplace_back(field.name, raw);
    }
  }
  draft.body = first ? std::string(text) : std::string(text.substr(extent.body_offset));
}

}  // namespace angarium::mua
