#include "mailbox/thread.h"

#include <algorithm>

#include "base/text.h"
#include "mailbox/limits.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/threading.h"

namespace angarium::mailbox {

namespace {

/// FNV-1a, then a finishing mix; stored for ever, so it never changes.
std::uint64_t hash(std::string_view id, std::string_view subject) {
  std::uint64_t value = 0xCBF29CE484222325;
  auto mix = [&](std::string_view octets) {
    for (const char c : octets) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  };
  mix(id);
  mix("\0"sv);
  mix(subject);
  value ^= value >> 33;
  value *= 0xFF51AFD7ED558CCD;
  value ^= value >> 33;
  return value;
}

/// Message-ids longer than this are not real; RFC 5322 §2.1.1 limits a line to 998.
constexpr std::size_t kMessageIdMax = 998;

std::vector<std::string> message_ids(std::string_view value) {
  std::vector<std::string> ids;
  while (true) {
    const std::size_t begin = value.find('<');
    if (begin == std::string_view::npos) return ids;
    value.remove_prefix(begin + 1);
    const std::size_t end = value.find('>');
    if (end == std::string_view::npos) return ids;
    std::string id;
    for (const char c : value.substr(0, std::min(end, kMessageIdMax)))
      if (!is_wsp(c) && c != '\r' && c != '\n') id.push_back(c);
    if (!id.empty()) ids.push_back(std::move(id));
    value.remove_prefix(end + 1);
  }
}

}  // namespace

std::string base_subject(std::string_view subject) { return to_lower(message::base_subject(subject).text); }

ThreadFacts thread_facts(std::string_view header) {
  std::vector<std::string> ids;
  std::vector<std::string> references;
  std::string subject;
  for (const message::Field& field : message::Header(header)) {
    if (field.is("message-id") && ids.empty()) {
      ids = message_ids(field.value);
      if (ids.size() > 1) ids.resize(1);
    } else if (field.is("in-reply-to") || field.is("references")) {
      for (std::string& id : message_ids(field.value)) references.push_back(std::move(id));
    } else if (field.is("subject") && subject.empty()) {
      subject = base_subject(message::decode_text(field.value));
    }
  }
  ThreadFacts facts;
  if (!ids.empty()) facts.message_id = ids.front();
  if (references.size() > kReferencesMax)
    references.erase(references.begin(), references.end() - static_cast<std::ptrdiff_t>(kReferencesMax));
  ids.insert(ids.end(), references.begin(), references.end());
  std::vector<std::uint64_t>& keys = facts.keys;
  for (const std::string& id : ids) {
    const std::uint64_t key = hash(id, subject);
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  return facts;
}

}  // namespace angarium::mailbox
