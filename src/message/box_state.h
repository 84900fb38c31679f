// What mailbox files say of a message besides its octets: flags, keywords and numbers, in the fields that mbox writers
// add to the header (Status, X-Status, X-Keywords, X-UID, X-IMAPbase and kin) and in Maildir file names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace angarium::message {

/// Flags of a message, bits of one number.
using BoxFlags = std::uint8_t;
inline constexpr BoxFlags kBoxSeen = 1;
inline constexpr BoxFlags kBoxAnswered = 2;
inline constexpr BoxFlags kBoxFlagged = 4;
inline constexpr BoxFlags kBoxDraft = 8;
inline constexpr BoxFlags kBoxDeleted = 16;
/// Resent, forwarded or bounced to somebody: "P" of Maildir, the keyword $Forwarded of IMAP.
inline constexpr BoxFlags kBoxPassed = 32;
/// A mail reader has shown it in a list before: "O" of Status, the folder cur of Maildir.
inline constexpr BoxFlags kBoxOld = 64;

/// X-IMAPbase of the first message, or X-IMAP of the internal data: what c-client and Dovecot keep for a whole file.
struct MboxBase {
  std::uint32_t uid_validity = 0;
  std::uint32_t uid_last = 0;  ///< the highest UID given so far
  std::vector<std::string> keywords;
  friend bool operator==(const MboxBase&, const MboxBase&) = default;
};

struct BoxState {
  BoxFlags flags = 0;
  std::vector<std::string> keywords;  ///< each once, in the order they stood, without $Forwarded
  std::size_t words_read = 0;         ///< of fields of keywords, repeated ones too
  std::uint32_t uid = 0;              ///< X-UID; 0: none
  std::string uidl;                   ///< X-UIDL of POP3 servers
  std::optional<MboxBase> base;
  std::optional<std::uint64_t> content_length;  ///< of the body as the file has it; a claim, not to be trusted
  std::optional<std::uint64_t> lines;           ///< of the body; a claim
  friend bool operator==(const BoxState&, const BoxState&) = default;
};

/// Octets of one such field that are read; what stands after them is not. c-client writes lines of keywords, X-IMAPbase
/// of a large folder has some KiB.
inline constexpr std::size_t kBoxFieldMax = std::size_t{64} * 1024;
/// Words that are read as keywords of a message, and as those of a file: Dovecot's and c-client's own bounds are lower.
/// Repeated ones count, for each is compared with those before it.
inline constexpr std::size_t kBoxKeywordsMax = 1000;

/// Octets of a field's name with the blanks behind it (RFC 5322 §4.5, obs-optional) and its colon: with more it is a
/// field like others.
inline constexpr std::size_t kBoxFieldNameMax = 64;

/// The fields that belong to the file, not to the message.
enum class BoxField : std::uint8_t {
  content_length,
  lines,
  status,
  x_status,
  x_keywords,
  x_uid,
  x_uidl,
  x_imap,
  x_imap_base,
  mozilla_status,
  mozilla_status2,
  mozilla_keys,
};

/// What a line of a header that begins so can be. `field` is set when `line` is a whole name with its colon, between
/// which blanks may stand, for others see the field there, too; `possible` when more octets are needed to know. Linear
/// in the few octets of a name.
struct BoxFieldMatch {
  std::optional<BoxField> field;
  bool possible = false;
};
BoxFieldMatch match_box_field(std::string_view line);

/// Takes the value of one field into the state. Several fields of a name add up; of numbers the first counts. What
/// cannot be understood is ignored.
void read_box_field(BoxField field, std::string_view value, BoxState& state);

/// Status, X-Status, X-Keywords, X-UID, X-UIDL and X-IMAPbase (first) with LF line ends, as Dovecot and c-client write
/// them; those that say nothing are left out. Keywords that are no atoms (RFC 9051 §9) are left out.
std::string format_box_fields(const BoxState& state);

}  // namespace angarium::message
