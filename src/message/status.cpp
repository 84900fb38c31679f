#include "message/status.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"

namespace angarium::message {
namespace {

using Words = std::array<std::string_view, kLanguages>;

/// What the sender can do.
enum class Advice : std::uint8_t {
  check_address,
  other_way,
  later,
  smaller,
  our_postmaster,
  their_postmaster,
  change_content,
  sign_in,
  new_contact,
};
constexpr std::size_t kAdvices = 9;

constexpr std::array<Words, kAdvices> kAdviceWords{{
    {"Check the address for typing errors, then send the message again."},
    {"Reach the recipient another way, and ask for an address that takes mail."},
    {"Send the message again later. If it fails again, reach the recipient another way."},
    {"Make the message smaller, for example by sending a link instead of an attachment, then send it again."},
    {"Tell your own postmaster of this report, so that the settings can be put right."},
    {"Reach the recipient another way, so that the postmaster there hears of it."},
    {"Send the message in another form, for example as plain text or with another kind of attachment."},
    {"Check your account name and password, and the security settings of your mail program."},
    {"Make sure by another way that the address still belongs to the person you are writing to."},
}};

struct Row {
  std::uint16_t subject;
  std::uint16_t detail;
  std::string_view name;  // in the registry
  Words meaning;
  Advice advice;
};

// RFC 3463 §3, and where another RFC registered a code it is named; ordered.
constexpr auto kRows = std::to_array<Row>({
    {0,
     0,
     "Other undefined status",
     {"The message was not accepted; the exact reason is not known."},
     Advice::other_way},
    {1, 0, "Other address status", {"There is something wrong with the address."}, Advice::check_address},
    {1, 1, "Bad destination mailbox address", {"There is no mailbox with this address."}, Advice::check_address},
    {1,
     2,
     "Bad destination system address",
     {"The part of the address after the @ does not exist or takes no mail."},
     Advice::check_address},
    {1, 3, "Bad destination mailbox address syntax", {"This is not a well-formed address."}, Advice::check_address},
    {1, 4, "Destination mailbox address ambiguous", {"The address fits more than one mailbox."}, Advice::check_address},
    {1, 5, "Destination address valid", {"The address is right."}, Advice::other_way},
    {1,
     6,
     "Destination mailbox has moved, no forwarding address",
     {"The recipient's mailbox has moved, and no new address is known."},
     Advice::other_way},
    {1, 7, "Bad sender's mailbox address syntax", {"The sender's address is not well-formed."}, Advice::our_postmaster},
    {1,
     8,
     "Bad sender's system address",
     {"The sender's address is not one that answers can be sent to."},
     Advice::our_postmaster},
    {1,
     9,
     "Message relayed to non-compliant mailer",  // RFC 3886 §3.3.4
     {"The message went on to a system that sends no reports."},
     Advice::other_way},
    {1,
     10,
     "Recipient address has null MX",  // RFC 7505 §6
     {"The part of the address after the @ says that it takes no mail at all."},
     Advice::check_address},
    {2,
     0,
     "Other or undefined mailbox status",
     {"There is something wrong with the recipient's mailbox."},
     Advice::other_way},
    {2, 1, "Mailbox disabled, not accepting messages", {"The recipient's mailbox is closed."}, Advice::other_way},
    {2, 2, "Mailbox full", {"The recipient's mailbox is full."}, Advice::later},
    {2,
     3,
     "Message length exceeds administrative limit",
     {"The message is larger than the recipient's mailbox takes."},
     Advice::smaller},
    {2,
     4,
     "Mailing list expansion problem",
     {"The mailing list could not pass the message on."},
     Advice::their_postmaster},
    {3, 0, "Other or undefined mail system status", {"The recipient's mail system has a problem."}, Advice::later},
    {3, 1, "Mail system full", {"The recipient's mail system has no more room."}, Advice::later},
    {3,
     2,
     "System not accepting network messages",
     {"The recipient's mail system takes no mail at present."},
     Advice::later},
    {3,
     3,
     "System not capable of selected features",
     {"The recipient's mail system cannot do what this message asks for."},
     Advice::change_content},
    {3,
     4,
     "Message too big for system",
     {"The message is larger than the recipient's mail system takes."},
     Advice::smaller},
    {3, 5, "System incorrectly configured", {"A mail system on the way has wrong settings."}, Advice::their_postmaster},
    {3,
     6,
     "Requested priority was changed",
     {"The message got another priority than was asked for."},  // RFC 6710 §10
     Advice::other_way},
    {4,
     0,
     "Other or undefined network or routing status",
     {"The network on the way to the recipient has a problem."},
     Advice::later},
    {4, 1, "No answer from host", {"The recipient's mail server does not answer."}, Advice::later},
    {4, 2, "Bad connection", {"The connection to the recipient's mail server broke."}, Advice::later},
    {4, 3, "Directory server failure", {"It could not be found out where mail for this address goes."}, Advice::later},
    {4, 4, "Unable to route", {"No way to the recipient's mail server is known."}, Advice::check_address},
    {4, 5, "Mail system congestion", {"A mail system on the way has too much to do."}, Advice::later},
    {4, 6, "Routing loop detected", {"The message went in a circle between mail systems."}, Advice::their_postmaster},
    {4, 7, "Delivery time expired", {"The message could not be delivered in the time given for it."}, Advice::later},
    {5,
     0,
     "Other or undefined protocol status",
     {"The mail systems did not understand each other."},
     Advice::our_postmaster},
    {5, 1, "Invalid command", {"The recipient's mail system did not take a command."}, Advice::our_postmaster},
    {5, 2, "Syntax error", {"The recipient's mail system did not understand a command."}, Advice::our_postmaster},
    {5,
     3,
     "Too many recipients",
     {"The message has more recipients than the mail system takes at once."},
     Advice::later},
    {5,
     4,
     "Invalid command arguments",
     {"The recipient's mail system did not take what a command said."},
     Advice::our_postmaster},
    {5,
     5,
     "Wrong protocol version",
     {"The mail systems speak different versions of a protocol."},
     Advice::our_postmaster},
    {5,
     6,
     "Authentication Exchange line is too long",
     {"The sign-in took more than the mail system reads."},  // RFC 4954
     Advice::our_postmaster},
    {6,
     0,
     "Other or undefined media error",
     {"The recipient's mail system does not take the message's content."},
     Advice::change_content},
    {6,
     1,
     "Media not supported",
     {"The recipient's mail system does not take this kind of content."},
     Advice::change_content},
    {6,
     2,
     "Conversion required and prohibited",
     {"The content would have to be converted, which is forbidden."},
     Advice::change_content},
    {6,
     3,
     "Conversion required but not supported",
     {"The content would have to be converted, which is not possible."},
     Advice::change_content},
    {6,
     4,
     "Conversion with loss performed",
     {"The content was converted and lost something on the way."},
     Advice::change_content},
    {6, 5, "Conversion failed", {"The content could not be converted."}, Advice::change_content},
    {6,
     6,
     "Message content not available",
     {"The content of the message could not be fetched."},  // RFC 4468 §5
     Advice::change_content},
    {6,
     7,
     "Non-ASCII addresses not permitted for that sender/recipient",  // RFC 6531 §4.4
     {"The recipient's mail system takes no addresses with other letters than a to z."},
     Advice::other_way},
    {6,
     8,
     "UTF-8 string reply is required, but not permitted by the SMTP client",  // RFC 6531 §4.4
     {"The mail system's answer could not be shown in the letters it needs."},
     Advice::our_postmaster},
    {6,
     9,
     "UTF-8 header message cannot be transferred to one or more recipients",  // RFC 6531 §4.4
     {"The recipient's mail system takes no messages with international addresses."},
     Advice::other_way},
    {6,
     10,
     "UTF-8 string reply is required, but not permitted by the SMTP client",  // RFC 6531 §4.4: as X.6.8
     {"The mail system's answer could not be shown in the letters it needs."},
     Advice::our_postmaster},
    {7,
     0,
     "Other or undefined security status",
     {"The message was refused for reasons of security or policy."},
     Advice::other_way},
    {7,
     1,
     "Delivery not authorized, message refused",
     {"The recipient's mail system refuses this message."},
     Advice::other_way},
    {7, 2, "Mailing list expansion prohibited", {"You may not write to this mailing list."}, Advice::their_postmaster},
    {7,
     3,
     "Security conversion required but not possible",
     {"The message would need another protection, which is not possible."},
     Advice::our_postmaster},
    {7,
     4,
     "Security features not supported",
     {"The recipient's mail system lacks a protection that was asked for."},
     Advice::our_postmaster},
    {7,
     5,
     "Cryptographic failure",
     {"The message's encryption or signature could not be handled."},
     Advice::our_postmaster},
    {7,
     6,
     "Cryptographic algorithm not supported",
     {"The message's kind of encryption is not known there."},
     Advice::our_postmaster},
    {7, 7, "Message integrity failure", {"The message was changed or damaged on the way."}, Advice::later},
    {7, 8, "Authentication credentials invalid", {"Account name or password were wrong."}, Advice::sign_in},
    {7, 9, "Authentication mechanism is too weak", {"The sign-in was not safe enough."}, Advice::sign_in},
    {7, 10, "Encryption Needed", {"The connection must be encrypted."}, Advice::sign_in},  // RFC 5248 §3
    {7,
     11,
     "Encryption required for requested authentication mechanism",
     {"Signing in needs an encrypted connection."},
     Advice::sign_in},
    {7, 12, "A password transition is needed", {"The password must be set anew."}, Advice::sign_in},
    {7, 13, "User Account Disabled", {"The account is closed."}, Advice::other_way},
    {7,
     14,
     "Trust relationship required",
     {"The server wants a trust that this sign-in does not have."},
     Advice::our_postmaster},
    {7, 15, "Priority Level is too low", {"The message's priority is too low to be taken now."}, Advice::later},
    {7,
     16,
     "Message is too big for the specified priority",
     {"The message is too large for its priority."},
     Advice::smaller},
    {7, 17, "Mailbox owner has changed", {"The mailbox belongs to somebody else now."}, Advice::new_contact},
    {7,
     18,
     "Domain owner has changed",
     {"The part of the address after the @ belongs to somebody else now."},
     Advice::new_contact},
    {7,
     19,
     "RRVS test cannot be completed",
     {"It could not be found out whether the mailbox changed hands."},
     Advice::new_contact},
    {7,
     20,
     "No passing DKIM signature found",
     {"The message has no valid signature of its domain."},  // RFC 7372 §3
     Advice::our_postmaster},
    {7,
     21,
     "No acceptable DKIM signature found",
     {"The message has no signature that the recipient's system takes."},
     Advice::our_postmaster},
    {7,
     22,
     "No valid author-matched DKIM signature found",
     {"The message has no valid signature of its author's domain."},
     Advice::our_postmaster},
    {7,
     23,
     "SPF validation failed",
     {"The sending server may not send for the sender's domain."},
     Advice::our_postmaster},
    {7,
     24,
     "SPF validation error",
     {"It could not be checked whether the server may send for the sender's domain."},
     Advice::our_postmaster},
    {7,
     25,
     "Reverse DNS validation failed",
     {"The sending server's name and address do not fit each other."},
     Advice::our_postmaster},
    {7,
     26,
     "Multiple authentication checks failed",
     {"The message did not prove that it comes from its sender."},
     Advice::our_postmaster},
    {7,
     27,
     "Sender address has null MX",
     {"The sender's domain says that it takes no mail, not even reports."},
     Advice::our_postmaster},
    {7, 28, "Mail flood detected", {"Too many messages came in a short time."}, Advice::later},
    {7,
     29,
     "ARC validation failure",
     {"The message was forwarded, and the proof of its way is broken."},  // RFC 8617
     Advice::our_postmaster},
    {7,
     30,
     "REQUIRETLS support required",  // RFC 8689 §5
     {"The message asks for encryption on its whole way, which a server on it cannot promise."},
     Advice::other_way},
});

constexpr auto key(const Row& row) { return std::pair(row.subject, row.detail); }
static_assert(std::ranges::is_sorted(kRows, {}, key));
static_assert(kRows.front().subject == 0 && kRows.front().detail == 0);

const Row* find(std::uint16_t subject, std::uint16_t detail) {
  const auto* row = std::ranges::lower_bound(kRows, std::pair(subject, detail), {}, key);
  return row != kRows.end() && key(*row) == std::pair(subject, detail) ? row : nullptr;
}

const Row& row_of(StatusCode code) {
  if (const Row* row = find(code.subject, code.detail)) return *row;
  const Row* subject = find(code.subject, 0);
  return subject == nullptr ? kRows.front() : *subject;
}

/// One to three digits at the front of the text, taken off.
std::optional<std::uint16_t> take_digits(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > 3) return std::nullopt;
  const auto value = parse_number<std::uint16_t>(text.substr(0, digits));
  text.remove_prefix(digits);
  return value;
}

bool known_class(unsigned class_code) { return class_code == 2 || class_code == 4 || class_code == 5; }

}  // namespace

std::string StatusCode::text() const { return fmt::format("{}.{}.{}", class_code, subject, detail); }

std::optional<StatusCode> parse_status(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n#");
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin);
  StatusCode code;
  std::uint16_t* const numbers[] = {&code.class_code, &code.subject, &code.detail};
  for (std::uint16_t* const number : numbers) {
    if (number != &code.class_code) {
      if (!text.starts_with('.')) return std::nullopt;
      text.remove_prefix(1);
    }
    const auto value = take_digits(text);
    if (!value) return std::nullopt;
    *number = *value;
  }
  const bool goes_on = text.size() > 1 && text[0] == '.' && is_digit(text[1]);
  if (!known_class(code.class_code) || goes_on) return std::nullopt;
  return code;
}

std::optional<StatusCode> status_of_reply(std::string_view reply) {
  const std::size_t begin = std::min(reply.find_first_not_of(" \t\r\n"), reply.size());
  reply.remove_prefix(begin);
  if (reply.size() < 3 || !is_digit(reply[0]) || !is_digit(reply[1]) || !is_digit(reply[2])) return std::nullopt;
  const auto class_code = static_cast<std::uint16_t>(reply[0] - '0');
  if (!known_class(class_code)) return std::nullopt;
  if (reply.size() > 3 && reply[3] != ' ' && reply[3] != '-') return std::nullopt;
  if (reply.size() > 4) {
    // RFC 2034 §3: the class of both codes is the same.
    const auto code = parse_status(reply.substr(4));
    if (code && code->class_code == class_code) return code;
  }
  return StatusCode{class_code, 0, 0};
}

std::string_view status_name(StatusCode code) { return row_of(code).name; }

std::string_view status_meaning(StatusCode code, Language language) {
  return row_of(code).meaning[static_cast<std::size_t>(language)];
}

std::string_view status_advice(StatusCode code, Language language) {
  return kAdviceWords[static_cast<std::size_t>(row_of(code).advice)][static_cast<std::size_t>(language)];
}

}  // namespace angarium::message
