// The language of a talk between the command and the server (control::Talk): frames of a kind, a length and a payload.
//
// Import: the command says which mailboxes it will fill, asks which messages are known, then sends messages as octets
// and an end that describes them. The server tells from time to time how many are durable.
// Export: the command asks for the list of mailboxes, for the UIDs of one, and for messages; and what went to a server
// before, which it has remembered. `over` ends each answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mailbox/mailbox.h"
#include "transfer/error.h"
#include "transfer/fingerprint.h"

namespace angarium::transfer {

enum class Kind : char {
  // From the command, import.
  mailbox = 'M',   ///< MailboxWish: answered by place
  known = 'K',     ///< fingerprints: answered by known
  octets = 'D',    ///< the next octets of a message
  message = 'E',   ///< its end: MessageEnd
  abandon = 'A',   ///< its source failed: forget the octets
  remember = 'R',  ///< fingerprints that are known once all before is durable
  commit = 'C',    ///< answered by committed when all before is durable
  // From the command, export.
  list = 'L',   ///< answered by a listed for each mailbox, and over
  uids = 'U',   ///< a mailbox's number: answered by a set of UIDs in pieces, and over
  fetch = 'F',  ///< a mailbox's number and a set of UIDs: answered by header, octets, message for each, and over
  // From the server.
  place = 'm',      ///< MailboxPlace
  are_known = 'k',  ///< an octet for each fingerprint, 1: it came in before
  durable = 'a',    ///< Counts, so far
  note = 'n',       ///< Note: one message was refused, or cannot be read
  committed = 'c',  ///< Counts
  failed = 'x',     ///< Failure: the talk is over
  listed = 'l',     ///< ListedMailbox
  header = 'h',     ///< MessageHeader
  piece = 'd',      ///< the next octets of the message, or of the set of UIDs
  whole = 'z',      ///< the message is whole
  over = 'e',       ///< the answer is
};

/// Octets of a frame's kind and length.
inline constexpr std::size_t kFrameHead = 5;
/// Octets of a payload: fits the buffer of a connection with its head.
inline constexpr std::size_t kPayloadMax = 60u << 10;
/// Fingerprints of one question.
inline constexpr std::size_t kKnownMax = 2000;
/// Further names of one message.
inline constexpr std::size_t kAlsoMax = 4;
/// Keywords of one message, and their octets, which leave a payload room for all else: further ones are not sent.
inline constexpr std::size_t kMessageKeywordsMax = mailbox::kKeywordsMax;
inline constexpr std::size_t kKeywordOctetsMax = 48u << 10;

std::string frame(Kind kind, std::string_view payload = {});
struct FrameHead {
  Kind kind = Kind::octets;
  std::size_t size = 0;
};
/// Of the kFrameHead octets. kTalkEnded when the payload is too large.
Result<FrameHead> read_head(std::string_view head);

enum class Make : std::uint8_t { no, yes };
/// Whether the mailbox is to be subscribed to: as any that is made here, or as it was where its mail comes from.
enum class Subscription : std::uint8_t { when_made, on, off };
/// Where messages are to go. A special use finds the mailbox that has it; else the name counts.
struct MailboxWish {
  std::uint64_t handle = 0;  ///< the command's own number for it
  Make make = Make::no;      ///< no: only tell where it would be
  mailbox::SpecialUse use = mailbox::SpecialUse::none;
  Subscription subscription = Subscription::when_made;
  std::string name;
};
struct MailboxPlace {
  std::uint64_t handle = 0;
  bool exists = false;
  std::string name;     ///< that it has
  std::string refused;  ///< why it cannot be, in words; empty: it can
};
struct MessageEnd {
  std::uint64_t number = 0;  ///< the command's own, for notes
  std::uint64_t handle = 0;
  Fingerprint fingerprint{};
  std::vector<Fingerprint> also;  ///< kAlsoMax at most; noted, whether they are known or not
  mailbox::FlagNames flags;
  std::optional<std::int64_t> received;  ///< seconds since 1970; none: now
  int zone_minutes = 0;
};
struct Counts {
  std::uint64_t imported = 0;
  std::uint64_t known = 0;    ///< had come in before
  std::uint64_t refused = 0;  ///< each with a note
  std::uint64_t settled = 0;  ///< messages that are one of the three
};
struct Note {
  std::uint64_t number = 0;
  std::string words;
};
struct Failure {
  bool temporary = false;
  std::string words;
};
struct ListedMailbox {
  std::uint64_t id = 0;
  std::uint64_t uid_validity = 0;
  mailbox::SpecialUse use = mailbox::SpecialUse::none;
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::string name;
};
struct MessageHeader {
  std::uint64_t uid = 0;
  std::int64_t received = 0;
  int zone_minutes = 0;
  std::uint64_t size = 0;  ///< octets that follow
  mailbox::FlagNames flags;
};

// Whole frames.
std::string encode(const MailboxWish& wish);
std::string encode(const MailboxPlace& place);
std::string encode(const MessageEnd& end);
std::string encode(Kind kind, const Counts& counts);
std::string encode(const Note& note);
std::string encode(const Failure& failure);
std::string encode(const ListedMailbox& listed);
std::string encode(const MessageHeader& header);
std::string encode_numbers(Kind kind, std::uint64_t number, std::string_view rest = {});

// Payloads. kTalkEnded for what is none.
Result<MailboxWish> decode_wish(std::string_view payload);
Result<MailboxPlace> decode_place(std::string_view payload);
Result<MessageEnd> decode_message(std::string_view payload);
Result<Counts> decode_counts(std::string_view payload);
Result<Note> decode_note(std::string_view payload);
Result<Failure> decode_failure(std::string_view payload);
Result<ListedMailbox> decode_listed(std::string_view payload);
Result<MessageHeader> decode_header(std::string_view payload);
/// A number, and what follows it.
Result<std::pair<std::uint64_t, std::string_view>> decode_number(std::string_view payload);
/// kKnownMax at most.
Result<std::vector<Fingerprint>> decode_fingerprints(std::string_view payload);

}  // namespace angarium::transfer
