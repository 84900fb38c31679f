// Builds messages: headers folded and encoded, bodies in the coding that suits them, multiparts with safe boundaries
// (RFC 5322 §2-3, RFC 2045, RFC 2046, RFC 2183).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "message/structure.h"

namespace angarium::message {

/// A header field to be written.
struct OutgoingField {
  enum class Kind : std::uint8_t {
    text,        ///< unstructured, UTF-8: becomes encoded words where needed (Subject)
    structured,  ///< as given, folded only: addresses made by format_address(), dates, message ids
  };
  std::string name;
  std::string value;
  Kind kind = Kind::text;
};

/// A part to be written. The members that its kind does not name are not looked at.
struct OutgoingPart {
  enum class Kind : std::uint8_t {
    text,       ///< `body` is UTF-8 with any line ends
    octets,     ///< `body` is a file
    message,    ///< `body` is a whole message: message/rfc822
    multipart,  ///< `children`, at least one
  };
  Kind kind = Kind::text;
  std::string subtype = "plain";                  ///< text: plain, html …; multipart: mixed, alternative …
  std::string type = "application/octet-stream";  ///< octets: the whole media type
  std::vector<std::pair<std::string, std::string>> parameters;  ///< more of Content-Type, values UTF-8
  std::string body;
  std::vector<OutgoingPart> children;
  std::string disposition;  ///< "attachment", "inline" or nothing
  std::string file_name;    ///< UTF-8
  std::string content_id;   ///< without angle brackets
  std::string description;  ///< UTF-8
};

/// Which hops the message must pass without being touched.
enum class Transfer : std::uint8_t {
  seven_bit,  ///< any: text that is not ASCII is encoded
  eight_bit,  ///< those with 8BITMIME: UTF-8 text with right lines stays as it is
};

/// A part cannot be written: a multipart without children or deeper than kDepthMax, a bad media type or field name.
inline constexpr ErrorKind kBadPart{"message.bad-part", Fault::user, Lasting::permanent};

/// The coding in which a text (with CR LF line ends) is to be sent: as it is when it is ASCII in lines up to 998 octets
/// and no line begins with "From ", else quoted-printable, or base64 when that is shorter.
Encoding text_coding(std::string_view text, Transfer transfer);

/// The message: the fields in their order, MIME-Version, and the content. `random` makes boundaries.
Result<std::string> compose(const std::vector<OutgoingField>& fields, const OutgoingPart& content, Random& random,
                            Transfer transfer = Transfer::seven_bit);

}  // namespace angarium::message
