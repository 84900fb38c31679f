// Trace fields (RFC 5322 §3.6.7, RFC 5321 §4.4): Received read and written, Return-Path, Delivered-To, and new
// Message-IDs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/time.h"
#include "message/date.h"

namespace angarium::message {

/// One Received field. Values are as written, without blanks and angle brackets around them; empty where there is none.
struct Received {
  std::string from;          ///< what the client called itself in HELO or EHLO
  std::string from_comment;  ///< what the server knew of it: "(name [192.0.2.1])" without its parentheses
  std::string by;
  std::string by_comment;
  std::string via;
  std::string with;
  std::string id;
  std::string for_path;
  std::optional<DateTime> date;
};
/// Reads the value leniently, in any order of clauses. Never fails; linear.
Received parse_received(std::string_view value);

/// How the message came, as RFC 3848 and RFC 6531 §4.3 name it.
struct WithProtocol {
  enum class Base { smtp, esmtp, lmtp } base = Base::esmtp;
  bool tls = false;
  bool authenticated = false;
  bool utf8 = false;  ///< MAIL said SMTPUTF8
  /// "ESMTPSA", "UTF8LMTP" …; plain SMTP has no forms.
  [[nodiscard]] std::string name() const;
};

/// What a Received field says. Texts from the wire may be anything: they cannot break the field.
struct ReceivedFacts {
  std::string_view helo;          ///< as the client gave it
  std::string_view peer_name;     ///< its reverse DNS name, verified; or empty
  std::string_view peer_literal;  ///< "[192.0.2.1]", "[IPv6:…]"; empty for what came by no network
  std::string_view by;            ///< our host name
  std::string_view by_comment;    ///< how it came when by no protocol; then `with` says nothing
  WithProtocol with;
  std::string_view tls;       ///< version and cipher, as a comment; or empty
  std::string_view id;        ///< the delivery id
  std::string_view for_path;  ///< "<local@domain>", only when there is exactly one recipient (RFC 5321 §7.2); or empty
  DateTime date;
};
/// The whole field, folded, with its line end.
std::string compose_received(const ReceivedFacts& facts);

/// "Return-Path: <…> CRLF" of the reverse-path as written, "<>" or "<local@domain>" (RFC 5321 §4.4).
std::string compose_return_path(std::string_view reverse_path);
/// "Delivered-To: local@domain CRLF".
std::string compose_delivered_to(std::string_view address);

/// A new Message-ID with its angle brackets (RFC 5322 §3.6.4): time and 80 random bits in base 32 "@" host.
std::string make_message_id(WallTime now, Random& random, std::string_view host);

}  // namespace angarium::message
