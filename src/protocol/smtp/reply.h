// Replies of SMTP and LMTP (RFC 5321 §4.2) with their enhanced codes (RFC 2034, RFC 3463, RFC 5248).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace angarium::protocol::smtp {

/// An enhanced mail system status code, class.subject.detail (RFC 3463 §2). All zero: none is said (greeting, replies
/// to HELO, EHLO and LHLO, 3yz; RFC 2034 §4).
struct EnhancedCode {
  std::uint8_t status = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  friend constexpr bool operator==(EnhancedCode, EnhancedCode) = default;
  [[nodiscard]] constexpr bool present() const { return status != 0; }
};

/// A reply whose text lies elsewhere: the constants below, and what the writer takes. Lines of the text are parted
/// by '\n'; their length does not matter (the writer folds). Octets that may not stand in a reply are replaced
/// when it is written.
struct ReplyView {
  std::uint16_t code = 0;
  EnhancedCode enhanced;
  std::string_view text;

  /// 2yz or 3yz.
  [[nodiscard]] constexpr bool positive() const { return code >= 200 && code < 400; }
};

/// A reply that owns its text.
struct Reply {
  std::uint16_t code = 0;
  EnhancedCode enhanced;
  std::string text;

  Reply() = default;
  Reply(std::uint16_t number, EnhancedCode status, std::string words)
      : code(number), enhanced(status), text(std::move(words)) {}
  Reply(const ReplyView& view) : code(view.code), enhanced(view.enhanced), text(view.text) {}
  operator ReplyView() const { return {code, enhanced, text}; }

  /// 2yz or 3yz.
  [[nodiscard]] bool positive() const { return code >= 200 && code < 400; }
  /// 2yz: done, the next command may follow.
  [[nodiscard]] bool completed() const { return code >= 200 && code < 300; }
  /// 3yz: the server waits for more.
  [[nodiscard]] bool intermediate() const { return code >= 300 && code < 400; }
  /// 4yz: the same command may succeed later.
  [[nodiscard]] bool transient() const { return code >= 400 && code < 500; }
  /// 5yz, and whatever else is no reply code a server may send (RFC 5321 §4.2).
  [[nodiscard]] bool permanent() const { return code < 200 || code >= 500; }
};

/// What an error becomes on the line, in one place: temporary or permanent says 4yz or 5yz, whose fault it was says
/// the rest. Texts of errors that the client cannot mend stay in the log.
Reply reply_for(const Error& error);

namespace reply {

// Positive.
inline constexpr ReplyView kOk{250, {2, 0, 0}, "OK"};
inline constexpr ReplyView kSenderOk{250, {2, 1, 0}, "Sender OK"};
inline constexpr ReplyView kRecipientOk{250, {2, 1, 5}, "Recipient OK"};
inline constexpr ReplyView kMessageOk{250, {2, 0, 0}, "Message accepted"};
inline constexpr ReplyView kChunkOk{250, {2, 0, 0}, "Chunk received"};
inline constexpr ReplyView kUrlOk{250, {2, 5, 0}, "Waiting for more BURL or BDAT"};  // RFC 4468 §6
inline constexpr ReplyView kWillTry{252, {2, 1, 5}, "Cannot VRFY user, but will accept message and attempt delivery"};
inline constexpr ReplyView kStartInput{354, {}, "Start mail input; end with <CRLF>.<CRLF>"};
inline constexpr ReplyView kReadyForTls{220, {2, 0, 0}, "Ready to start TLS"};
inline constexpr ReplyView kAuthenticated{235, {2, 7, 0}, "Authentication successful"};

// The connection ends or is not wanted. The server puts its name before these texts (RFC 5321 §4.2.3).
inline constexpr ReplyView kClosing{221, {2, 0, 0}, "Service closing transmission channel"};
inline constexpr ReplyView kShuttingDown{421, {4, 3, 2}, "Service not available, closing transmission channel"};
inline constexpr ReplyView kTimedOutWaiting{421, {4, 4, 2}, "Timeout exceeded, closing transmission channel"};
inline constexpr ReplyView kTooManyErrors{421, {4, 7, 0}, "Too many errors, closing transmission channel"};
inline constexpr ReplyView kTooManyCommands{421, {4, 7, 0}, "Too many commands, closing transmission channel"};
inline constexpr ReplyView kForeign{421, {4, 7, 0}, "This is a mail server, closing transmission channel"};
inline constexpr ReplyView kNotSynchronized{554, {5, 5, 0}, "SMTP protocol synchronization error"};

// Syntax and sequence.
inline constexpr ReplyView kUnknownCommand{500, {5, 5, 2}, "Syntax error, command unrecognized"};
inline constexpr ReplyView kLineTooLong{500, {5, 5, 2}, "Line too long"};
inline constexpr ReplyView kBadLineEnd{500, {5, 5, 2}, "Lines end with CR LF, and bare CR or LF are not allowed"};
inline constexpr ReplyView kBadOctets{500, {5, 5, 2}, "Invalid octets in command"};
inline constexpr ReplyView kBadArguments{501, {5, 5, 4}, "Syntax error in parameters or arguments"};
inline constexpr ReplyView kNoArguments{501, {5, 5, 4}, "Command takes no parameters"};
inline constexpr ReplyView kBadName{501, {5, 5, 4}, "Domain or address literal required"};
inline constexpr ReplyView kNotImplemented{502, {5, 5, 1}, "Command not offered here"};
inline constexpr ReplyView kBadSequence{503, {5, 5, 1}, "Bad sequence of commands"};
inline constexpr ReplyView kGreetFirst{503, {5, 5, 1}, "Send EHLO or HELO first"};
inline constexpr ReplyView kGreetFirstLmtp{503, {5, 5, 1}, "Send LHLO first"};
inline constexpr ReplyView kMailFirst{503, {5, 5, 1}, "Send MAIL first"};
inline constexpr ReplyView kNested{503, {5, 5, 1}, "A mail transaction is in progress"};
inline constexpr ReplyView kNoRecipients{503, {5, 5, 1}, "No valid recipients"};
inline constexpr ReplyView kUnknownParameter{555, {5, 5, 4}, "MAIL FROM/RCPT TO parameters not recognized"};
inline constexpr ReplyView kBinaryNeedsBdat{503, {5, 5, 1}, "BINARYMIME messages are sent with BDAT"};
inline constexpr ReplyView kTransidNeedsData{503, {5, 5, 1}, "Transactions with TRANSID are sent with DATA"};
inline constexpr ReplyView kTransidIsText{501, {5, 5, 4}, "TRANSID is not for BINARYMIME messages"};
inline constexpr ReplyView kGoesOn{503, {5, 5, 1}, "The transaction goes on with DATA"};  // RFC 1845 §3
inline constexpr ReplyView kBdatBegun{503, {5, 5, 1}, "DATA and BDAT cannot be used in one transaction"};

// Addresses.
inline constexpr ReplyView kBadReversePath{501, {5, 1, 7}, "Bad sender address syntax"};
inline constexpr ReplyView kBadForwardPath{501, {5, 1, 3}, "Bad recipient address syntax"};
inline constexpr ReplyView kSenderNeedsAscii{550, {5, 6, 7}, "Non-ASCII addresses need SMTPUTF8"};     // RFC 6531 §3.5
inline constexpr ReplyView kRecipientNeedsAscii{553, {5, 6, 7}, "Non-ASCII addresses need SMTPUTF8"};  // RFC 6531 §3.5
inline constexpr ReplyView kUtf8ReplyNeeded{252, {2, 6, 8}, "A reply with UTF-8 is not permitted by the client"};

// Limits.
inline constexpr ReplyView kTooManyRecipients{452, {4, 5, 3}, "Too many recipients"};  // RFC 5321 §4.5.3.1.10
inline constexpr ReplyView kTooManyMessages{421, {4, 5, 3}, "Too many messages, closing transmission channel"};
inline constexpr ReplyView kTooBig{552, {5, 3, 4}, "Message size exceeds fixed maximum message size"};  // RFC 1870 §6.1
inline constexpr ReplyView kBareLineEnds{554, {5, 6, 0}, "Message has bare CR or LF"};  // RFC 5321 §2.3.8

// RFC 4468 §6.
inline constexpr ReplyView kUrlNotAuthorized{554, {5, 7, 0}, "IMAP URL authorization failed"};
inline constexpr ReplyView kUrlNeedsTrust{554, {5, 7, 8}, "URL resolution requires trust relationship"};
inline constexpr ReplyView kUrlEmpty{554, {5, 6, 6}, "IMAP URL resolution failed"};
inline constexpr ReplyView kUrlLater{451, {4, 4, 1}, "IMAP server unavailable"};

inline constexpr ReplyView kHeldTooLong{501, {5, 5, 4}, "Held longer than offered"};           // RFC 4865 §4.2
inline constexpr ReplyView kHeldBeyondBy{501, {5, 5, 4}, "Held until after the time in BY"};   // RFC 4865 §5.2.2
inline constexpr ReplyView kByTooSoon{555, {5, 5, 4}, "Time in BY is less than the minimum"};  // RFC 2852 §3, §4

inline constexpr ReplyView kNoSuchQueue{458, {4, 5, 4}, "Unable to queue messages: name one domain"};  // RFC 1985 §5.3

// Authentication and security.
inline constexpr ReplyView kAuthenticationRequired{530, {5, 7, 0}, "Authentication required"};
inline constexpr ReplyView kTlsRequired{530, {5, 7, 0}, "Must issue a STARTTLS command first"};
inline constexpr ReplyView kMechanismUnknown{504, {5, 5, 4}, "Unrecognized authentication mechanism"};
inline constexpr ReplyView kMechanismWeak{534, {5, 7, 9}, "Authentication mechanism is too weak"};
inline constexpr ReplyView kMechanismNeedsTls{
    538, {5, 7, 11}, "Encryption required for requested authentication mechanism"};
inline constexpr ReplyView kCredentialsInvalid{535, {5, 7, 8}, "Authentication credentials invalid"};
/// RFC 4954 §6: weaker than server policy permits for that user.
inline constexpr ReplyView kSecondFactorNeeded{
    534, {5, 7, 9}, "This account has a second factor: log in with an app password"};
inline constexpr ReplyView kPasswordNotForThis{535, {5, 7, 8}, "This password is not for this service, or is over"};
inline constexpr ReplyView kTransitionNeeded{
    432, {4, 7, 12}, "A password transition is needed: log in once with the password itself"};
inline constexpr ReplyView kAuthenticationLater{454, {4, 7, 0}, "Temporary authentication failure"};
inline constexpr ReplyView kAuthenticationCancelled{501, {5, 7, 0}, "Authentication cancelled"};
inline constexpr ReplyView kBadBase64{501, {5, 5, 2}, "Cannot decode base64"};
inline constexpr ReplyView kAuthMalformed{501, {5, 5, 2}, "Malformed authentication message"};
inline constexpr ReplyView kNoInitialResponse{501, {5, 7, 0}, "Mechanism takes no initial response"};
inline constexpr ReplyView kAuthLineTooLong{500, {5, 5, 6}, "Authentication exchange line is too long"};
inline constexpr ReplyView kAlreadyAuthenticated{503, {5, 5, 1}, "Already authenticated"};
inline constexpr ReplyView kTlsActive{503, {5, 5, 1}, "TLS is already active"};
inline constexpr ReplyView kTlsNotAvailable{454, {4, 7, 0}, "TLS not available due to temporary reason"};

}  // namespace reply

}  // namespace angarium::protocol::smtp
