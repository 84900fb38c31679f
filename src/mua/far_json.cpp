#include "mua/far_json.h"

#include <boost/json.hpp>

#include "base/text.h"
#include "base/time.h"
#include "message/date.h"
#include "message/header.h"
#include "mua/imap_words.h"
#include "mua/screen.h"

namespace angarium::mua {
namespace {

namespace json = boost::json;

json::array flags_json(const FarMessage& message) {
  json::array flags;
  for (const FlagPair& pair : kFlagPairs)
    if ((message.flags & pair.here) != 0) flags.emplace_back(to_lower(pair.name().substr(1)));
  for (const std::string& keyword : message.keywords) flags.emplace_back(visible(keyword));
  return flags;
}

json::value date_json(std::string_view header) {
  const auto field = message::Header(header).find("Date");
  const auto date = field ? message::parse_date(field->value) : std::nullopt;
  return date ? json::value(to_rfc3339(date->instant())) : json::value();
}

void add_fields(json::object& object, std::string_view header) {
  for (const std::string_view name : {"From", "To", "Cc", "Subject", "Message-ID"}) {
    std::string key = to_lower(name);
    if (name == "Message-ID") key = "message_id";
    object[key] = visible(field_text(header, name));
  }
  object["date"] = date_json(header);
}

}  // namespace

std::string json_of(const FarListing& listing) {
  json::array messages;
  for (const FarMessage& one : listing.messages) {
    json::object object{{"id", visible(one.id)}, {"octets", one.octets}};
    if (listing.has_flags) object["flags"] = flags_json(one);
    if (one.arrived) object["arrived"] = to_rfc3339(*one.arrived);
    add_fields(object, one.header);
    messages.push_back(std::move(object));
  }
  return json::serialize(json::object{{"mailbox", visible(listing.mailbox)},
                                      {"uid_validity", listing.uid_validity},
                                      {"in_all", listing.in_all},
                                      {"messages", std::move(messages)}}) +
         "\n";
}

std::string json_of(const std::vector<FarFolder>& folders) {
  json::array all;
  for (const FarFolder& one : folders) {
    json::object object{{"name", visible(one.name)}, {"selectable", one.selectable}};
    object["use"] = one.use.empty() ? json::value() : json::value(one.use);
    if (one.messages) object["messages"] = *one.messages;
    if (one.unread) object["unread"] = *one.unread;
    all.push_back(std::move(object));
  }
  return json::serialize(json::object{{"folders", std::move(all)}}) + "\n";
}

std::string json_of(const FarId& id, std::string_view message, std::string_view text,
                    const std::vector<Detached>& attachments) {
  json::object object{{"id", visible(id)}, {"octets", message.size()}};
  add_fields(object, message);
  object["text"] = text;
  json::array parts;
  for (const Detached& one : attachments)
    parts.push_back(json::object{{"part", parts.size() + 1},
                                 {"name", visible(one.name)},
                                 {"type", visible(one.type)},
                                 {"octets", one.octets.size()}});
  object["attachments"] = std::move(parts);
  return json::serialize(object) + "\n";
}

std::string json_of(const std::vector<SavedFile>& saved) {
  json::array files;
  for (const SavedFile& one : saved)
    files.push_back(json::object{{"path", valid_utf8(one.path) ? one.path : escape_controls(one.path, 4096)},
                                 {"octets", one.octets}});
  return json::serialize(json::object{{"saved", std::move(files)}}) + "\n";
}

std::string json_of(const SentLetter& sent) {
  json::array recipients;
  for (const std::string& one : sent.recipients) recipients.emplace_back(visible(one));
  json::array refused;
  for (const Refusal& one : sent.refused)
    refused.push_back(
        json::object{{"address", visible(one.address)}, {"words", visible(one.words)}, {"temporary", one.temporary}});
  return json::serialize(json::object{{"message_id", visible(sent.message_id)},
                                      {"recipients", std::move(recipients)},
                                      {"refused", std::move(refused)}}) +
         "\n";
}

}  // namespace angarium::mua
