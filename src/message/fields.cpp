#include "message/fields.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "message/encoded_word.h"
#include "message/header.h"
#include "message/lexical.h"

namespace angarium::message {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

using enum FieldSyntax;
/// In the order of their names in lower case.
constexpr auto kKnownFields = std::to_array<KnownField>({
    {"Archived-At", uri, true},
    {"Auto-Submitted", word_parameters, true},
    {"Bcc", addresses, true},
    {"Cc", addresses, true},
    {"Comments", unstructured, false},
    {"Content-Base", uri, true},
    {"Content-Description", unstructured, true},
    {"Content-Disposition", word_parameters, true},
    {"Content-Duration", word, true},
    {"Content-ID", message_id, true},
    {"Content-Language", words, true},
    {"Content-Location", uri, true},
    {"Content-MD5", word, true},
    {"Content-Transfer-Encoding", word, true},
    {"Content-Type", content_type, true},
    {"Date", date, true},
    {"Delivered-To", addresses, false},
    {"Disposition-Notification-To", mailboxes, true},
    {"Encrypted", words, true},
    {"Errors-To", addresses, false},
    {"From", mailboxes, true},
    {"Importance", word, true},
    {"In-Reply-To", message_ids, true},
    {"Keywords", phrases, false},
    {"List-Archive", urls, true},
    {"List-Help", urls, true},
    {"List-Id", list_id, true},
    {"List-Owner", urls, true},
    {"List-Post", urls, true},
    {"List-Subscribe", urls, true},
    {"List-Unsubscribe", urls, true},
    {"List-Unsubscribe-Post", unstructured, true},
    {"Message-ID", message_id, true},
    {"MIME-Version", word, true},
    {"Original-Recipient", unstructured, true},
    {"Precedence", word, true},
    {"Priority", word, true},
    {"Received", received, false},
    {"References", message_ids, true},
    {"Reply-To", addresses, true},
    {"Resent-Bcc", addresses, false},
    {"Resent-Cc", addresses, false},
    {"Resent-Date", date, false},
    {"Resent-From", mailboxes, false},
    {"Resent-Message-ID", message_id, false},
    {"Resent-Reply-To", addresses, false},
    {"Resent-Sender", mailbox, false},
    {"Resent-To", addresses, false},
    {"Return-Path", path, true},
    {"Sender", mailbox, true},
    {"Subject", unstructured, true},
    {"To", addresses, true},
    {"X-Original-To", addresses, false},
});

constexpr bool less_ignore_case(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(
      a, b, {}, [](char c) { return to_lower(c); }, [](char c) { return to_lower(c); });
}
static_assert(std::ranges::is_sorted(kKnownFields, less_ignore_case, &KnownField::name));

std::string without_spaces(std::string_view text) {
  std::string result(text);
  std::erase_if(result, is_space);
  return result;
}

/// Takes what stands before the next comma outside of quotes and comments.
std::string_view take_item(std::string_view& rest) {
  std::size_t at = 0;
  while (at < rest.size() && rest[at] != ',') {
    if (rest[at] == '(') {
      at = std::min(comment_end(rest, at), rest.size());
    } else if (rest[at] == '"') {
      for (++at; at < rest.size() && rest[at] != '"'; ++at) at += rest[at] == '\\' ? 1 : 0;
      at = std::min(at + 1, rest.size());
    } else {
      ++at;
    }
  }
  const std::string_view item = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return item;
}

/// The item without comments and quotes, its blanks as one.
std::string phrase_text(std::string_view item) {
  std::string result;
  for (std::size_t at = 0; at < item.size();) {
    const std::size_t next = skip_cfws(item, at);
    if (next > at && !result.empty() && next < item.size()) result += ' ';
    at = next;
    if (at == item.size()) break;
    if (item[at] == '"') {
      for (++at; at < item.size() && item[at] != '"'; ++at) {
        if (item[at] == '\r' || item[at] == '\n') continue;
        if (item[at] == '\\' && at + 1 < item.size()) ++at;
        result += item[at];
      }
      at = std::min(at + 1, item.size());
    } else {
      result += item[at++];
    }
  }
  return result;
}

}  // namespace

const KnownField* known_field(std::string_view name) {
  const auto* found = std::ranges::lower_bound(kKnownFields, name, less_ignore_case, &KnownField::name);
  return found != kKnownFields.end() && equals_ignore_case(found->name, name) ? found : nullptr;
}

std::string without_cfws(std::string_view value) {
  std::string result;
  for (std::size_t at = skip_cfws(value, 0); at < value.size(); at = skip_cfws(value, at + 1)) result += value[at];
  return result;
}

std::vector<std::string> parse_message_ids(std::string_view value) {
  std::vector<std::string> result;
  bool bracket = false;
  for (std::size_t at = skip_cfws(value, 0); at < value.size(); at = skip_cfws(value, at)) {
    if (value[at] != '<') {
      ++at;
      continue;
    }
    bracket = true;
    // A bracket that never closes ends where another opens, or with the field.
    const std::size_t end = std::min(value.find_first_of("<>", at + 1), value.size());
    std::string id = without_cfws(value.substr(at + 1, end - at - 1));
    if (!id.empty() && result.size() < kMessageIdsMax) result.push_back(std::move(id));
    at = end + (end < value.size() && value[end] == '>' ? 1 : 0);
  }
  if (bracket) return result;
  while (result.size() < kMessageIdsMax) {
    value.remove_prefix(skip_cfws(value, 0));
    if (value.empty()) break;
    const std::size_t end = std::min(value.find_first_of(" \t\r\n"), value.size());
    result.emplace_back(value.substr(0, end));
    value.remove_prefix(end);
  }
  return result;
}

std::vector<std::string> parse_phrases(std::string_view value) {
  std::vector<std::string> result;
  while (!value.empty() && result.size() < kListItemsMax) {
    std::string phrase = decode_words(phrase_text(take_item(value)));
    if (!phrase.empty()) result.push_back(std::move(phrase));
  }
  return result;
}

std::vector<std::string> parse_words(std::string_view value) {
  std::vector<std::string> result;
  while (!value.empty() && result.size() < kListItemsMax) {
    std::string word = without_cfws(take_item(value));
    if (!word.empty()) result.push_back(std::move(word));
  }
  return result;
}

std::string parse_uri(std::string_view value) {
  // A URI may hold parentheses, so only comments that stand apart are none of it.
  value.remove_prefix(skip_cfws(value, 0));
  for (std::size_t at = value.find_first_of(" \t"); at != kNone; at = value.find_first_of(" \t", at + 1)) {
    const std::size_t next = value.find_first_not_of(" \t\r\n", at);
    if (next == kNone || value[next] == '(') {
      value = value.substr(0, at);
      break;
    }
    at = next;
  }
  std::string uri = without_spaces(decode_text(value));
  if (uri.size() >= 2 && uri.front() == '<' && uri.back() == '>') uri = uri.substr(1, uri.size() - 2);
  return uri;
}

ListUrls parse_urls(std::string_view value) {
  ListUrls result;
  std::size_t at = skip_cfws(value, 0);
  const std::string_view word = value.substr(at, 2);
  const std::size_t after = skip_cfws(value, std::min(at + 2, value.size()));
  result.no = equals_ignore_case(word, "NO") && after == value.size();
  while (at < value.size() && result.urls.size() < kListItemsMax) {
    if (value[at] == '<') {
      const std::size_t end = std::min(value.find('>', at), value.size());
      std::string url = without_spaces(value.substr(at + 1, end - at - 1));
      if (!url.empty()) result.urls.push_back(std::move(url));
      at = end;
    }
    at = skip_cfws(value, std::min(at + 1, value.size()));
  }
  return result;
}

std::optional<ListId> parse_list_id(std::string_view value) {
  const std::size_t open = value.rfind('<');
  ListId result;
  if (open == kNone) {
    result.id = without_cfws(value);
  } else {
    result.id = without_cfws(value.substr(open + 1, value.find('>', open) - open - 1));
    result.description = decode_words(phrase_text(value.substr(0, open)));
  }
  if (result.id.empty()) return std::nullopt;
  return result;
}

}  // namespace angarium::message
