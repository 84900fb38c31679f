// Reverse-path and forward-path of the SMTP envelope (RFC 5321 §4.1.2, RFC 6531 §3.3). They look like the addresses of
// header fields (message/address.h) but have a grammar of their own: no comments, no folds, no groups.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "message/domain.h"
#include "message/lexical.h"

namespace angarium::envelope {

using message::quote_local_part;
using message::Utf8;

/// What is wrong with a path; each kind is one reply of SMTP (RFC 5321 §4.2.3, RFC 3463 §3.2).
inline constexpr ErrorKind kBadPath{"envelope.bad-path", Fault::syntax, Lasting::permanent};  // 501 5.1.7, 5.1.3
inline constexpr ErrorKind kPathTooLong{"envelope.path-too-long", Fault::syntax,
                                        Lasting::permanent};  // 501 5.1.7, 5.1.3
inline constexpr ErrorKind kUtf8NotAllowed{"envelope.utf8-not-allowed", Fault::syntax,
                                           Lasting::permanent};  // 553 5.6.7

/// Octets that RFC 5321 §4.5.3.1 obliges everyone to accept; longer objects may be accepted, and should.
inline constexpr std::size_t kLocalPartStandard = 64;
inline constexpr std::size_t kPathStandard = 256;

/// What is accepted. The defaults take more than the standard asks for, since return addresses that carry their
/// recipient (VERP, SRS) pass 64 octets in real mail.
struct PathOptions {
  /// RFC 6531: `accept` when SMTPUTF8 was announced; whether this transaction may use it is judged with the parameters.
  Utf8 utf8 = Utf8::refuse;
  enum class Grammar {
    strict,    ///< RFC 5321 to the letter
    tolerant,  ///< also blanks before the path, no angle brackets, underscores and a last dot in the domain
  };
  Grammar grammar = Grammar::strict;
  std::size_t local_part_max = 255;  ///< octets without quoting
  std::size_t path_max = 1024;       ///< octets with brackets and source route
  /// Put where an address lacks its domain; may be empty. Without it such an address is refused. Outlives the call.
  std::optional<std::string_view> default_domain = {};
};

/// Mailbox of RFC 5321 §4.1.2. The quoting of the local part is gone: all quoted forms are the same mailbox.
struct Mailbox {
  std::string local_part;  ///< without quotes and backslashes; printable ASCII, blanks, UTF-8
  std::string domain;      ///< as written, or an address literal with its brackets; empty for <postmaster> only

  /// "local@domain" with as little quoting as possible (RFC 5321 §4.1.2).
  [[nodiscard]] std::string text() const;
  /// It can be sent only with SMTPUTF8 as it stands.
  [[nodiscard]] bool needs_utf8() const;
  [[nodiscard]] bool has_literal() const { return domain.starts_with('['); }
  /// Octet for octet; for the domain's other forms see message::same_domain().
  friend bool operator==(const Mailbox&, const Mailbox&) = default;
};

/// Where reports go. Null ("<>") for what must not be answered (RFC 5321 §4.5.5).
struct ReversePath {
  std::optional<Mailbox> mailbox;
  [[nodiscard]] bool null() const { return !mailbox; }
  /// "<local@domain>" or "<>".
  [[nodiscard]] std::string text() const;
  friend bool operator==(const ReversePath&, const ReversePath&) = default;
};

/// Where the message goes.
struct ForwardPath {
  Mailbox mailbox;
  /// "<postmaster>" without a domain, in any case (RFC 5321 §4.1.1.3, §4.5.1).
  [[nodiscard]] bool postmaster_here() const { return mailbox.domain.empty(); }
  [[nodiscard]] std::string text() const;
  friend bool operator==(const ForwardPath&, const ForwardPath&) = default;
};

/// Reads a whole path. A source route is accepted and forgotten (RFC 5321 §4.1.1.3, appendix C).
Result<ReversePath> parse_reverse_path(std::string_view text, const PathOptions& options = {});
Result<ForwardPath> parse_forward_path(std::string_view text, const PathOptions& options = {});

/// Mailbox alone, without angle brackets: for AUTH=, configuration and command lines.
Result<Mailbox> parse_mailbox(std::string_view text, const PathOptions& options = {});

/// Splits the arguments of MAIL and RCPT after their colon: the path is returned, `rest` is left with the parameters
/// without the blanks before them. Knows quoted strings, so that "<"a> b"@c> SIZE=1" is cut in the right place.
std::string_view take_path(std::string_view& rest, const PathOptions& options = {});

}  // namespace angarium::envelope
