#include "protocol/imap/error.h"

#include "base/text.h"
#include "protocol/imap/limits.h"

namespace angarium::protocol::imap {
namespace {

struct Code {
  const ErrorKind* kind;
  std::string_view code;
};

// RFC 5530 §3, RFC 9051 §7.1, RFC 4978 §3, RFC 9586 §3, RFC 10022 §3.1.3.2.
constexpr Code kCodes[] = {
    {&kUidRequired, "UIDREQUIRED"},
    {&kClientBug, "CLIENTBUG"},
    {&kTooFew, "TOOFEW"},
    // RFC 5465 §3.1: all events that there are.
    {&kBadEvent,
     "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
     "ServerMetadataChange)"},
    {&kNotificationOverflow, "NOTIFICATIONOVERFLOW"},
    {&kNonExistent, "NONEXISTENT"},
    {&kTryCreate, "TRYCREATE"},
    {&kAlreadyExists, "ALREADYEXISTS"},
    {&kHasChildren, "HASCHILDREN"},
    {&kCannot, "CANNOT"},
    {&kNoPermission, "NOPERM"},
    {&kOverQuota, "OVERQUOTA"},
    {&kLimit, "LIMIT"},
    {&kTooBig, "TOOBIG"},
    {&kMetadataTooLong, "METADATA MAXSIZE 32768"},
    {&kMetadataTooMany, "METADATA TOOMANY"},
    {&kReadOnly, "READ-ONLY"},
    {&kBadComparator, "BADCOMPARATOR"},
    {&kBadCharset, "BADCHARSET (US-ASCII UTF-8)"},
    {&kUnknownCte, "UNKNOWN-CTE"},
    {&kUseAttr, "USEATTR"},
    {&kAuthenticationFailed, "AUTHENTICATIONFAILED"},
    {&kAuthorizationFailed, "AUTHORIZATIONFAILED"},
    {&kExpired, "EXPIRED"},
    {&kPrivacyRequired, "PRIVACYREQUIRED"},
    {&kContactAdmin, "CONTACTADMIN"},
    {&kExpungeIssued, "EXPUNGEISSUED"},
    {&kInUse, "INUSE"},
    {&kCompressionActive, "COMPRESSIONACTIVE"},
    {&kNotSaved, "NOTSAVED"},
    {&kBusy, "UNAVAILABLE"},
};

static_assert(kAnnotationMax == 32768, "as METADATA MAXSIZE tells it");

std::string printable(const Error& error) {
  // resp-text holds no CR or LF; a text that begins with "[" would be read as a code (RFC 9051 §9, resp-text).
  auto text = escape_controls(error.text(), 400);
  if (text.empty()) text = "Refused";
  if (text.front() == '[') text.insert(0, "- ");
  for (auto& c : text) {
    if (!is_ascii(c)) c = '?';
  }
  return text;
}

}  // namespace

Reply reply_to(const Error& error) {
  if (error.is(kFilterCharset)) return {Status::bad, "BADCHARSET (US-ASCII UTF-8)", printable(error)};
  if (error.is(kUndefinedFilter)) return {Status::no, "UNDEFINED-FILTER " + error.text(), "There is no such filter"};
  if (error.is(kReferral)) return {Status::no, "REFERRAL " + error.text(), "Your mail is at another server"};
  const bool syntax = error.fault() == Fault::syntax;
  for (const auto& [kind, code] : kCodes) {
    if (error.is(*kind)) return {syntax ? Status::bad : Status::no, std::string(code), printable(error)};
  }
  if (syntax) return {Status::bad, {}, printable(error)};
  if (error.fault() == Fault::user) return {Status::no, {}, printable(error)};
  if (error.is(kCorruption)) return {Status::no, "CORRUPTION", "What is stored is damaged, it has been logged"};
  if (error.fault() == Fault::dependency)
    return {Status::no, "UNAVAILABLE", "Temporarily not possible, try again later"};
  return {Status::no, "SERVERBUG", "Internal error, it has been logged"};
}

}  // namespace angarium::protocol::imap
