#include "mailbox/thread.h"

#include <algorithm>

#include "base/text.h"
#include "mailbox/limits.h"
#include "message/encoded_word.h"
#include "message/header.h"

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

std::string collapse_blanks(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const char shown = c == '\t' || c == '\r' || c == '\n' ? ' ' : c;
    if (shown != ' ' || (!result.empty() && result.back() != ' ')) result.push_back(shown);
  }
  if (result.ends_with(' ')) result.pop_back();
  return result;
}

/// subj-blob = "[" *BLOBCHAR "]" *WSP; the octets it takes, 0 if there is none.
std::size_t blob(std::string_view text) {
  if (!text.starts_with('[')) return 0;
  const std::size_t end = text.find_first_of("[]", 1);
  if (end == std::string_view::npos || text[end] != ']') return 0;
  const std::size_t next = text.find_first_not_of(' ', end + 1);
  return next == std::string_view::npos ? text.size() : next;
}

/// subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"; the octets it takes.
std::size_t reply_mark(std::string_view text) {
  std::size_t at = 0;
  if (starts_with_ignore_case(text, "fwd"))
    at = 3;
  else if (starts_with_ignore_case(text, "re") || starts_with_ignore_case(text, "fw"))
    at = 2;
  else
    return 0;
  while (at < text.size() && text[at] == ' ') ++at;
  at += blob(text.substr(at));
  return at < text.size() && text[at] == ':' ? at + 1 : 0;
}

}  // namespace

std::string base_subject(std::string_view subject) {
  std::string owned = collapse_blanks(subject);
  std::string_view text = owned;
  while (true) {
    // (2) subj-trailer = "(fwd)" / WSP
    while (true) {
      text = trim(text);
      if (text.size() < 5 || !equals_ignore_case(text.substr(text.size() - 5), "(fwd)")) break;
      text.remove_suffix(5);
    }
    // (3)-(5) subj-leader, and a blob as long as something is left behind it
    while (true) {
      text = trim(text);
      std::string_view rest = text;
      // subj-leader = (*subj-blob subj-refwd) / WSP: blobs go only when a mark follows
      while (const std::size_t size = blob(rest)) rest.remove_prefix(size);
      if (const std::size_t mark = reply_mark(rest)) {
        text = rest.substr(mark);
        continue;
      }
      const std::size_t size = blob(text);
      if (size == 0 || size >= text.size()) break;
      text.remove_prefix(size);
    }
    // (6) subj-fwd-hdr = "[fwd:" … subj-fwd-trl = "]"
    if (!starts_with_ignore_case(text, "[fwd:") || !text.ends_with(']')) break;
    text = text.substr(5, text.size() - 6);
  }
  return to_lower(text);
}

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
