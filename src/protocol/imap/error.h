// The kinds of failure of this room and of its port, and the one place that turns an error into a tagged reply.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::protocol::imap {

// Broken grammar: BAD.
inline constexpr ErrorKind kSyntax{"imap.syntax", Fault::syntax, Lasting::permanent};
inline constexpr ErrorKind kWrongState{"imap.wrong-state", Fault::syntax, Lasting::permanent};
inline constexpr ErrorKind kUidRequired{"imap.uid-required", Fault::syntax, Lasting::permanent};
inline constexpr ErrorKind kClientBug{"imap.client-bug", Fault::syntax, Lasting::permanent};
/// FILTER beside a CHARSET that filters are not in (RFC 5466 §3.1): BAD with a code.
inline constexpr ErrorKind kFilterCharset{"imap.filter-charset", Fault::syntax, Lasting::permanent};
inline constexpr ErrorKind kTooLong{"imap.too-long", Fault::syntax, Lasting::permanent};
// Well-formed, refused: NO with a response code of RFC 5530 where there is one. A backend answers with these.
inline constexpr ErrorKind kRefused{"imap.refused", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kNonExistent{"imap.non-existent", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kTryCreate{"imap.try-create", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kAlreadyExists{"imap.already-exists", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kHasChildren{"imap.has-children", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kCannot{"imap.cannot", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kNoPermission{"imap.no-permission", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kOverQuota{"imap.over-quota", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kLimit{"imap.limit", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kBadEvent{"imap.bad-event", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kNotificationOverflow{"imap.notification-overflow", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kTooFew{"imap.too-few", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kMetadataTooLong{"imap.metadata-too-long", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kMetadataTooMany{"imap.metadata-too-many", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kTooBig{"imap.too-big", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kReadOnly{"imap.read-only", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kBadComparator{"imap.bad-comparator", Fault::user, Lasting::permanent};
/// Who logged in has his mail elsewhere: the text is the URL (RFC 2221).
inline constexpr ErrorKind kReferral{"imap.referral", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kBadCharset{"imap.bad-charset", Fault::user, Lasting::permanent};
/// The text is the filter's name.
inline constexpr ErrorKind kUndefinedFilter{"imap.undefined-filter", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kUnknownCte{"imap.unknown-cte", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kUseAttr{"imap.use-attr", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kAuthenticationFailed{"imap.authentication-failed", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kAuthorizationFailed{"imap.authorization-failed", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kExpired{"imap.expired", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kPrivacyRequired{"imap.privacy-required", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kContactAdmin{"imap.contact-admin", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kExpungeIssued{"imap.expunge-issued", Fault::user, Lasting::temporary};
inline constexpr ErrorKind kInUse{"imap.in-use", Fault::user, Lasting::temporary};
/// Its reply carries the URL: RFC 4469 §4.1.
inline constexpr ErrorKind kBadUrl{"imap.bad-url", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kCompressionActive{"imap.compression-active", Fault::user, Lasting::permanent};
inline constexpr ErrorKind kNotSaved{"imap.not-saved", Fault::user, Lasting::permanent};
// Not the client's fault: NO.
inline constexpr ErrorKind kUnavailable{"imap.unavailable", Fault::dependency, Lasting::temporary};
/// As kUnavailable, with a text that was written for the client.
inline constexpr ErrorKind kBusy{"imap.busy", Fault::dependency, Lasting::temporary};
inline constexpr ErrorKind kCorruption{"imap.corruption", Fault::dependency, Lasting::permanent};
inline constexpr ErrorKind kServerBug{"imap.server-bug", Fault::ours, Lasting::permanent};

enum class Status { ok, no, bad };

/// A tagged reply without its tag. `code` stands between brackets; empty: none.
struct Reply {
  Status status = Status::ok;
  std::string code;
  std::string text;
};

/// OK with a text.
inline Reply done(std::string text, std::string code = {}) { return {Status::ok, std::move(code), std::move(text)}; }

/// Syntax → BAD, with its code; user → NO with its code; dependency → NO [UNAVAILABLE]; ours → NO [SERVERBUG];
/// kCorruption → NO [CORRUPTION]. Errors of foreign rooms are judged by their fault; what is ours or a dependency's has
/// fixed words, so that nothing inner is shown: its text is for the log (Session::note).
Reply reply_to(const Error& error);

}  // namespace angarium::protocol::imap
