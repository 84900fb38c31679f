// The structured fields of a header that are neither addresses, dates nor parameters, and the table of all fields we
// know by name. All readers are lenient, never fail and are linear.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::message {

/// The grammar of a field's value, that is, who reads it.
enum class FieldSyntax {
  unstructured,     ///< decode_text()
  date,             ///< parse_date()
  mailbox,          ///< parse_addresses(); one
  mailboxes,        ///< parse_addresses(); no groups
  addresses,        ///< parse_addresses()
  message_id,       ///< parse_message_ids(); one
  message_ids,      ///< parse_message_ids()
  phrases,          ///< parse_phrases()
  content_type,     ///< parse_content_type()
  word_parameters,  ///< parse_word_with_parameters()
  word,             ///< without_cfws()
  words,            ///< parse_words()
  uri,              ///< parse_uri()
  urls,             ///< parse_urls()
  list_id,          ///< parse_list_id()
  path,             ///< "<…>": envelope::parse_reverse_path()
  received,         ///< parse_received()
};

struct KnownField {
  std::string_view name;  ///< in the usual spelling
  FieldSyntax syntax;
  bool once;  ///< a message has it at most once (RFC 5322 §3.6, RFC 2045 §3, RFC 2369 §3 …)
};
/// The field of that name, without regard to case, or nullptr: then its value is unstructured.
const KnownField* known_field(std::string_view name);

/// Of one field; the rest is not read.
inline constexpr std::size_t kMessageIdsMax = 5'000;
inline constexpr std::size_t kListItemsMax = 1'000;

/// Message-ID, In-Reply-To, References, Content-ID, Resent-Message-ID: what stands between angle brackets, without them
/// and without blanks and comments (RFC 5322 §3.6.4, §4.5.4). Where no bracket stands at all, each word is taken as an
/// identifier.
std::vector<std::string> parse_message_ids(std::string_view value);

/// Keywords: phrases between commas, decoded, blanks as one, empty ones left out.
std::vector<std::string> parse_phrases(std::string_view value);

/// Content-Language and the like: words between commas, without comments, as written.
std::vector<std::string> parse_words(std::string_view value);

/// MIME-Version, Content-Transfer-Encoding and the like: the value without any blank or comment, as written.
std::string without_cfws(std::string_view value);

/// Content-Location, Content-Base (RFC 2557 §4.4): encoded words decoded, blanks of folding taken out.
std::string parse_uri(std::string_view value);

/// List-Help, List-Unsubscribe and the like (RFC 2369 §2).
struct ListUrls {
  std::vector<std::string> urls;  ///< in order of preference, without brackets and blanks
  bool no = false;                ///< "NO": posting is not allowed (RFC 2369 §3.4)
};
ListUrls parse_urls(std::string_view value);

/// List-Id (RFC 2919 §3).
struct ListId {
  std::string description;  ///< decoded
  std::string id;           ///< without brackets; compares without case
};
std::optional<ListId> parse_list_id(std::string_view value);

}  // namespace angarium::message
