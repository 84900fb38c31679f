// What a life story is made of: how a message came and what was decided of it, and what happened to it afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "envelope/delivery_id.h"

namespace angarium::trace {

/// A record that is not what this version writes.
inline constexpr ErrorKind kDamagedRecord{"trace.damaged-record", Fault::ours, Lasting::permanent};

using envelope::DeliveryId;

/// Where records lie: what others refuse us or try in vain never pushes out what was accepted.
enum class Lane : char { accepted = 'A', refused = 'R' };

/// A text that may have been cut for room. The hash of the whole one stays, so that it is found all the same.
struct Text {
  std::string_view octets;
  std::optional<std::uint32_t> whole;  ///< hash of what it was cut from, as the one who cut it hashes
  Text() = default;
  Text(std::string_view all) : octets(all) {}    // NOLINT: it is one
  Text(const std::string& all) : octets(all) {}  // NOLINT: the same
  Text(std::string&& gone) = delete;
  friend bool operator==(const Text&, const Text&) = default;
};

/// The way in. `here`: made by this host. `onward`: what an address of this host sends on of another message.
/// `pop3`, `imap`: fetched from a box at another host.
enum class Door : std::uint8_t { smtp, submission, lmtp, drop, here, onward, pop3, imap };

/// The code of a reply with its enhanced code; all zero: none.
struct Code {
  std::uint16_t reply = 0;
  std::uint8_t status = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;
  friend bool operator==(const Code&, const Code&) = default;
};

/// Where a copy was put. Numbers as in the room mailbox.
struct Place {
  std::uint32_t recipient = 0;  ///< index in Beginning::recipients, or of the event's fates
  std::uint64_t account = 0;
  std::uint32_t mailbox = 0;
  std::uint32_t uid = 0;
  std::uint64_t email = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

/// What was decided of a recipient when it came.
enum class Course : std::uint8_t {
  refused,    ///< `code` says why
  here,       ///< into mailboxes: see the places
  elsewhere,  ///< into the queue
  discarded,  ///< by the transport map
  failed,     ///< taken, and a report made at once: `code` says why
  dropped,    ///< it was let in, but the message did not come
  onward,     ///< into the queue, since an address before it leads there
};

struct Recipient {
  Text address;
  Course course = Course::here;
  Code code;
  std::uint8_t notify = 0;  ///< bits kNotify…
  friend bool operator==(const Recipient&, const Recipient&) = default;
};
inline constexpr std::uint8_t kNotifyNever = 1;
inline constexpr std::uint8_t kNotifySuccess = 2;
inline constexpr std::uint8_t kNotifyFailure = 4;
inline constexpr std::uint8_t kNotifyDelay = 8;

/// What the sender asked for besides, where it is not the ordinary.
struct Wishes {
  std::uint8_t flags = 0;       ///< bits kWish…
  std::int64_t priority = 0;    ///< RFC 6710
  std::int64_t held_until = 0;  ///< RFC 4865; microseconds since 1970
  std::int64_t deliver_by = 0;  ///< RFC 2852; seconds
  friend bool operator==(const Wishes&, const Wishes&) = default;
};
inline constexpr std::uint8_t kWishHeaders = 1;   ///< RET=HDRS
inline constexpr std::uint8_t kWishFull = 2;      ///< RET=FULL
inline constexpr std::uint8_t kWishUtf8 = 4;      ///< SMTPUTF8
inline constexpr std::uint8_t kWishEightBit = 8;  ///< BODY=8BITMIME
inline constexpr std::uint8_t kWishBinary = 16;   ///< BODY=BINARYMIME
inline constexpr std::uint8_t kWishRequireTls = 32;

/// What ended an attempt to bring mail.
enum class Step : std::uint8_t { connection, mail, rcpt, data, lost };

/// How it was refused. `further` attempts of the same peer followed within `over_ms`, of which nothing else was
/// written.
struct Refusal {
  Step step = Step::mail;
  Code code;
  Text words;
  std::uint64_t further = 0;
  std::uint64_t over_ms = 0;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

/// How one message, or the attempt to bring one, began: one record, written when it was accepted or refused. What is
/// text points into what it was decoded from.
struct Beginning {
  DeliveryId id;  ///< of the key, as the time
  WallTime at;
  Door door = Door::smtp;
  bool extended = true;   ///< EHLO or LHLO
  std::string_view peer;  ///< 4 or 16 octets of an address; empty: a socket of this host
  Text helo;
  std::string_view tls;  ///< version and cipher; empty: in the clear
  Text login;            ///< account or system user; the name of the box that was fetched from
  bool has_sender = true;
  Text sender;  ///< without brackets; empty: <>
  Wishes wishes;
  std::vector<Recipient> recipients;
  std::uint64_t further_recipients = 0;  ///< of which the record has nothing else: there were too many
  std::vector<Place> places;
  std::uint64_t octets = 0;
  std::uint64_t took_ms = 0;  ///< from MAIL to the reply
  Text message_id;            ///< without brackets
  DeliveryId report_of;       ///< Door::here: the message it tells of, if any; Door::onward: what it was sent on from
  std::optional<Refusal> refusal;
  friend bool operator==(const Beginning&, const Beginning&) = default;
};

/// What became of a recipient in an attempt.
struct Fate {
  enum class Kind : std::uint8_t { owed, failed, expired, delivered, relayed, handed_on, discarded, expanded };
  Kind kind = Kind::owed;
  Text address;
  Text status;  ///< enhanced code, as said
  Text words;   ///< of the other side, or ours
  friend bool operator==(const Fate&, const Fate&) = default;
};

/// Something that happened to an accepted message later.
struct Event {
  enum class Kind : std::uint8_t {
    attempt,  ///< of the queue; `text` is the host with its address, empty: it was here, or nobody was reached
    report,   ///< `id` was made for `text`; the fates say of whom
    held,     ///< by an operator
    released,
    removed,
    retried,
    sent_on,    ///< as the message `id`, for the address `text`
    set_aside,  ///< the server crashed over it, `number` times
  };
  Kind kind = Kind::attempt;
  WallTime at;               ///< of the key
  std::uint32_t number = 0;  ///< of the attempt
  std::uint64_t took_ms = 0;
  Text text;
  std::string_view tls;  ///< as Beginning::tls
  DeliveryId id;
  std::vector<Fate> fates;
  std::vector<Place> places;
  friend bool operator==(const Event&, const Event&) = default;
};

}  // namespace angarium::trace
