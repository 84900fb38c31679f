// What waits in the queue: a message, and for each destination the recipients it is still owed to.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "envelope/delivery_id.h"
#include "envelope/envelope.h"
#include "keyring/body.h"
#include "store/body.h"

namespace angarium::queue {

/// A record that is not what this version writes.
inline constexpr ErrorKind kDamagedRecord{"queue.damaged-record", Fault::ours, Lasting::permanent};
/// Nothing of that id, or of that destination, is in the queue.
inline constexpr ErrorKind kNotQueued{"queue.not-queued", Fault::user, Lasting::permanent};
/// It is being sent at this moment: ask again.
inline constexpr ErrorKind kUnderWay{"queue.under-way", Fault::user, Lasting::temporary};
/// A destination, an envelope or a number of recipients beyond the limits below.
inline constexpr ErrorKind kTooLong{"queue.too-long", Fault::user, Lasting::permanent};

/// Octets of a destination's name: a domain, or a transport in words; keys of the store stay below its limit.
inline constexpr std::size_t kDestinationMax = 640;
/// Recipients of one consignment: what every server takes in one transaction (RFC 5321 §4.5.3.1.8).
inline constexpr std::size_t kAddresseesMax = 100;
/// Consignments of one entry, so that one message stays one batch.
inline constexpr std::size_t kConsignmentsMax = 10'000;
/// Octets kept of what a server said; a reply of eight lines (RFC 5321 §4.5.3.1.5).
inline constexpr std::size_t kDiagnosticMax = 4096;

using envelope::DeliveryId;

/// Where a message comes from: what is said when it cannot be delivered depends on it.
enum class Origin : std::uint8_t {
  accepted,           ///< from a client or a server
  report,             ///< we made it: its failure is told to the postmaster (RFC 5321 §6.1)
  postmaster_report,  ///< that telling: its failure is told to nobody
};

/// The key of a body, sealed by one of the queue's own (body.h).
struct SealedKey {
  std::string octets;
  /// Kept until the batch that has it is answered: a rotation of the queue's key waits for it, or would not see it.
  /// Nothing: it was read from the store, where the record that has it is seen.
  std::shared_ptr<const void> on_its_way;
  [[nodiscard]] bool empty() const { return octets.empty(); }
  friend bool operator==(const SealedKey& one, const SealedKey& other) { return one.octets == other.octets; }
};

/// One accepted message that is owed to somebody elsewhere. Immutable once it is in the store.
struct Entry {
  DeliveryId id;
  Origin origin = Origin::accepted;
  envelope::Sender sender;   ///< as MAIL said, with the parameters that go on to the next server
  store::BodyRef body;       ///< the octets as received
  SealedKey sealed_key;      ///< what those are sealed by; empty: they lie there as they came
  std::string prepended;     ///< trace fields before the body: whole lines with CRLF
  bool eight_bit = false;    ///< the body has octets above 127
  bool utf8_header = false;  ///< its header needs SMTPUTF8
  bool binary = false;       ///< only BDAT carries it unharmed
  WallTime arrived;
  WallTime expires;                ///< what is still owed then fails
  std::optional<WallTime> notice;  ///< when its sender is told of the delay
  std::string submitter;           ///< address of the account that submitted it; empty: brought by a server
  std::string received_from;       ///< what the bringing server called itself, for reports
  /// Octets of the body as it came.
  [[nodiscard]] std::uint64_t body_length() const {
    return sealed_key.empty() ? body.length : keyring::plain_size(body.length).value_or(0);
  }
  [[nodiscard]] std::uint64_t octets() const { return prepended.size() + body_length(); }
  friend bool operator==(const Entry&, const Entry&) = default;
};
using EntryPtr = std::shared_ptr<const Entry>;

/// Why a recipient has not got it yet.
struct Trouble {
  std::string status;      ///< enhanced code (RFC 3463)
  std::string diagnostic;  ///< words of the other side, or ours; at most kDiagnosticMax octets are kept
  std::string remote;      ///< host that said so; empty: nobody was reached
  WallTime at;
  bool inner = false;  ///< the words tell of files, programs or settings of this host: strangers get the status alone
  friend bool operator==(const Trouble&, const Trouble&) = default;
};

/// A recipient that is still owed the message.
struct Addressee {
  envelope::Recipient recipient;
  std::optional<Trouble> trouble;
  friend bool operator==(const Addressee&, const Addressee&) = default;
};

/// Why a consignment is not sent though it is due.
enum class Hold : std::uint8_t {
  none,
  by_operator,  ///< until it is released
  set_aside,    ///< whoever handled it crashed
};

/// Where a consignment stands among those of its destination: rank first, then the time it is due.
struct Place {
  std::uint8_t rank = 9;  ///< 0 goes first: 9 less the priority of MT-PRIORITY (RFC 6710); kHeldRank: it is held
  std::int64_t due = 0;   ///< microseconds since 1970
  DeliveryId entry;
  std::uint16_t part = 0;  ///< several consignments of one entry to one destination
  friend auto operator<=>(const Place&, const Place&) = default;
};
inline constexpr std::uint8_t kHeldRank = 255;
/// MT-PRIORITY's -9 … 9.
constexpr std::uint8_t rank_of(int priority) { return static_cast<std::uint8_t>(9 - priority); }

/// Recipients of one entry that go the same way.
struct Consignment {
  std::string destination;
  Place place;
  Hold hold = Hold::none;
  std::uint8_t rank = 9;       ///< what place.rank is when it is not held
  std::uint32_t attempts = 0;  ///< so far
  std::vector<Addressee> addressees;
  friend bool operator==(const Consignment&, const Consignment&) = default;
};

/// What is known of a destination that cannot be reached; kept while it lasts.
struct Backoff {
  std::uint32_t failures = 0;  ///< in a row
  std::uint32_t forgiven = 0;  ///< as many of them no pause is reckoned from: somebody asked to try anew
  WallTime since;
  WallTime next;  ///< not tried before
  Trouble trouble;
  friend bool operator==(const Backoff&, const Backoff&) = default;
};

}  // namespace angarium::queue
