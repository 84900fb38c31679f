// What a server says, as values (RFC 9051 §7): read by the client half, and by tests of the server half. Sans-IO.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "protocol/imap/error.h"
#include "protocol/imap/number_set.h"
#include "protocol/imap/parser.h"
#include "protocol/imap/types.h"

namespace angarium::protocol::imap {

/// One response without its CRLF, literals in place, is at most so long; bodies are streamed and don't count.
inline constexpr std::size_t kResponseMax = 16 * 1024 * 1024;
/// Parentheses of a value that is kept as text (ENVELOPE, BODYSTRUCTURE).
inline constexpr int kValueDepthMax = 200;
/// Keywords of one list of flags: stores that we know keep some hundred in a mailbox; a short one costs 32 times its
/// octets in memory.
inline constexpr std::size_t kToldKeywordsMax = 4096;

/// "+ text"
struct Continuation {
  std::string text;
};

/// A status response, tagged or not (RFC 9051 §7.1).
struct StatusResponse {
  enum class Kind { ok, no, bad, bye, preauth };
  std::string tag;  ///< "*": untagged
  Kind kind = Kind::ok;
  std::string code;       ///< upper case, such as "UIDNEXT"; empty: none
  std::string code_text;  ///< what follows the code within the brackets
  std::string text;
};

struct CapabilityResponse {
  std::vector<std::string> names;  ///< upper case
  [[nodiscard]] bool has(std::string_view name) const;
};
struct EnabledResponse {
  std::vector<std::string> names;
};
/// "* n EXISTS", RECENT or EXPUNGE.
struct NumberResponse {
  enum class Kind { exists, recent, expunge };
  Kind kind = Kind::exists;
  std::uint32_t number = 0;
};
struct VanishedResponse {
  bool earlier = false;
  NumberSet uids;
};
struct FlagsResponse {
  FlagList flags;
};
/// LIST and LSUB.
struct ListResponse {
  bool subscriptions = false;    ///< LSUB
  std::uint32_t attributes = 0;  ///< of NameBit; unknown ones are passed over
  std::optional<char> delimiter;
  std::string name;     ///< UTF-8
  std::string written;  ///< the name's octets as the server sent them
  std::vector<std::string> child_info;
};
/// RFC 2342 §5, RFC 9051 §7.3.3.
struct NamespaceResponse {
  struct Space {
    std::string prefix;  ///< UTF-8
    std::optional<char> delimiter;
  };
  std::vector<Space> personal;
  std::vector<Space> others;
  std::vector<Space> shared;
};
struct StatusItemsResponse {
  std::string name;                                          ///< UTF-8
  std::vector<std::pair<std::string, std::uint64_t>> items;  ///< numbers only
};
struct SearchResponse {
  bool extended = false;  ///< ESEARCH
  bool by_uid = false;
  std::string tag;
  NumberSet all;
  std::optional<std::uint32_t> min;
  std::optional<std::uint32_t> max;
  std::optional<std::uint64_t> count;
  std::optional<std::uint64_t> modseq;
};
struct FetchResponse {
  struct Content {
    std::string label;                  ///< "BODY[1.2]<0>" as the server wrote it, upper case outside of field names
    std::optional<std::string> octets;  ///< nullopt: NIL, or streamed to the sink
  };
  std::uint32_t sequence = 0;
  std::optional<std::uint32_t> uid;
  std::optional<FlagList> flags;
  bool recent = false;
  std::optional<std::uint64_t> modseq;
  std::optional<std::uint64_t> size;
  std::optional<WallTime> internal_date;
  int internal_zone_minutes = 0;  ///< that it was told in, east of Greenwich
  std::string envelope;           ///< the text between and with the parentheses
  std::string body;
  std::string body_structure;
  std::string email_id;
  std::string thread_id;
  std::vector<Content> contents;
};
/// Whatever else: the name, and the text after it.
struct OtherResponse {
  std::string name;
  std::string text;
};

using Response = std::variant<Continuation, StatusResponse, CapabilityResponse, EnabledResponse, NumberResponse,
                              VanishedResponse, FlagsResponse, ListResponse, NamespaceResponse, StatusItemsResponse,
                              SearchResponse, FetchResponse, OtherResponse>;

/// Reads one whole response. With NameForm::modified_utf7 names of mailboxes are taken as that where they are, else as
/// they stand: servers differ. kSyntax when it is none.
Result<Response> parse_response(std::string_view text, NameForm names = NameForm::modified_utf7);

/// Reads a code that holds "uidvalidity uids" (APPENDUID) or "uidvalidity uids uids" (COPYUID).
struct UidCode {
  std::uint32_t uid_validity = 0;
  NumberSet first;
  NumberSet second;
};
std::optional<UidCode> parse_uid_code(std::string_view code_text);

}  // namespace angarium::protocol::imap
