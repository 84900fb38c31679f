#include "queue/record.h"

#include "queue/keys.h"
#include "store/codec.h"

namespace angarium::queue {
namespace {

using store::put_number;
using store::put_octets;
using store::put_signed;
using store::RecordReader;

constexpr std::uint8_t kVersion = 1;
/// Of an entry whose body is sealed: a program that does not know it must not send what it cannot read.
constexpr std::uint8_t kSealedVersion = 2;
/// Octets of a body's key, sealed: the number of a key, nonce, key, tag.
constexpr std::size_t kSealedKeyMax = 10 + keyring::kNonceOctets + keyring::kKeyOctets + keyring::kTagOctets;
constexpr envelope::PathOptions kPaths{.utf8 = envelope::Utf8::accept};

Error damaged(std::string_view what) { return {kDamagedRecord, "a queue record is damaged: " + std::string(what)}; }

/// As in the commands MAIL and RCPT, which the envelope can read.
std::string sender_text(const envelope::Sender& sender) {
  return sender.path.text() + envelope::format_parameters(sender.parameters);
}
std::string recipient_text(const envelope::Recipient& recipient) {
  return recipient.path.text() + envelope::format_parameters(recipient.parameters, envelope::Utf8::accept);
}

void put_trouble(std::string& out, const Trouble& trouble) {
  put_octets(out, trouble.status);
  put_octets(out, std::string_view(trouble.diagnostic).substr(0, kDiagnosticMax));
  put_octets(out, trouble.remote);
  put_signed(out, trouble.at.microseconds);
}

Trouble read_trouble(RecordReader& reader) {
  Trouble trouble;
  trouble.status = reader.octets();
  trouble.diagnostic = reader.octets();
  trouble.remote = reader.octets();
  trouble.at.microseconds = reader.signed_number();
  return trouble;
}

}  // namespace

std::string encode(const Entry& entry) {
  std::string out(1, static_cast<char>(entry.sealed_key.empty() ? kVersion : kSealedVersion));
  const auto body = entry.body.encode();
  out.append(body.data(), body.size());
  if (!entry.sealed_key.empty()) put_octets(out, entry.sealed_key.octets);
  out += static_cast<char>(entry.origin);
  put_octets(out, sender_text(entry.sender));
  put_octets(out, entry.prepended);
  put_number(out, (entry.eight_bit ? 1U : 0U) | (entry.utf8_header ? 2U : 0U) | (entry.binary ? 4U : 0U));
  put_signed(out, entry.arrived.microseconds);
  put_signed(out, entry.expires.microseconds);
  put_signed(out, entry.notice.value_or(WallTime{}).microseconds);
  put_octets(out, entry.submitter);
  put_octets(out, entry.received_from);
  return out;
}

Result<Entry> decode_entry(DeliveryId id, std::string_view octets) {
  RecordReader reader(octets);
  const std::uint8_t version = reader.octet();
  if (version != kVersion && version != kSealedVersion) return std::unexpected(damaged("version of an entry"));
  Entry entry;
  entry.id = id;
  const auto body = store::BodyRef::decode(reader.take(store::BodyRef::kSize));
  if (!body) return std::unexpected(damaged("body of an entry"));
  entry.body = *body;
  if (version == kSealedVersion) {
    entry.sealed_key.octets = reader.octets();
    if (entry.sealed_key.empty() || entry.sealed_key.octets.size() > kSealedKeyMax ||
        !keyring::plain_size(entry.body.length))
      return std::unexpected(damaged("sealed body of an entry"));
  }
  const std::uint8_t origin = reader.octet();
  if (origin > static_cast<std::uint8_t>(Origin::postmaster_report)) return std::unexpected(damaged("origin"));
  entry.origin = static_cast<Origin>(origin);
  const std::string_view sender = reader.octets();
  entry.prepended = reader.octets();
  const std::uint64_t flags = reader.number();
  entry.eight_bit = (flags & 1) != 0;
  entry.utf8_header = (flags & 2) != 0;
  entry.binary = (flags & 4) != 0;
  entry.arrived.microseconds = reader.signed_number();
  entry.expires.microseconds = reader.signed_number();
  if (const std::int64_t notice = reader.signed_number(); notice != 0) entry.notice = WallTime{notice};
  entry.submitter = reader.octets();
  entry.received_from = reader.octets();
  if (!reader.ok()) return std::unexpected(damaged("entry cut short"));
  auto parsed = envelope::parse_sender(sender, kPaths);
  if (!parsed) return std::unexpected(damaged("sender: " + parsed.error().text()));
  entry.sender = *std::move(parsed);
  return entry;
}

std::string encode(const Consignment& consignment) {
  std::string out(1, static_cast<char>(kVersion));
  out += static_cast<char>(consignment.hold);
  out += static_cast<char>(consignment.rank);
  put_number(out, consignment.attempts);
  put_number(out, consignment.addressees.size());
  for (const Addressee& addressee : consignment.addressees) {
    put_octets(out, recipient_text(addressee.recipient));
    put_number(out, addressee.trouble ? 1 : 0);
    if (addressee.trouble) put_trouble(out, *addressee.trouble);
  }
  // Was not there at first: whose trouble is inner.
  std::vector<std::size_t> inner;
  for (std::size_t i = 0; i < consignment.addressees.size(); ++i)
    if (const auto& trouble = consignment.addressees[i].trouble; trouble && trouble->inner) inner.push_back(i);
  if (!inner.empty()) put_number(out, inner.size());
  for (const std::size_t i : inner) put_number(out, i);
  return out;
}

Result<Consignment> decode_consignment(std::string destination, const Place& place, std::string_view octets) {
  RecordReader reader(octets);
  if (reader.octet() != kVersion) return std::unexpected(damaged("version of a consignment"));
  Consignment consignment{.destination = std::move(destination), .place = place};
  const std::uint8_t hold = reader.octet();
  if (hold > static_cast<std::uint8_t>(Hold::set_aside)) return std::unexpected(damaged("hold"));
  consignment.hold = static_cast<Hold>(hold);
  consignment.rank = reader.octet();
  consignment.attempts = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  const std::uint64_t count = reader.number_up_to(kAddresseesMax);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const std::string_view text = reader.octets();
    Addressee addressee;
    if (reader.number_up_to(1) == 1) addressee.trouble = read_trouble(reader);
    if (!reader.ok()) break;
    auto recipient = envelope::parse_recipient(text, kPaths);
    if (!recipient) return std::unexpected(damaged("recipient: " + recipient.error().text()));
    addressee.recipient = *std::move(recipient);
    consignment.addressees.push_back(std::move(addressee));
  }
  if (reader.ok() && !reader.at_end()) {
    for (std::uint64_t left = reader.number_up_to(count); left > 0 && reader.ok(); --left) {
      const std::uint64_t i = reader.number();
      if (i >= count || !consignment.addressees[i].trouble) return std::unexpected(damaged("trouble"));
      consignment.addressees[i].trouble->inner = true;
    }
  }
  if (!reader.ok()) return std::unexpected(damaged("consignment cut short"));
  return consignment;
}

std::string encode(const Backoff& backoff) {
  std::string out(1, static_cast<char>(kVersion));
  put_number(out, backoff.failures);
  put_signed(out, backoff.since.microseconds);
  put_signed(out, backoff.next.microseconds);
  put_trouble(out, backoff.trouble);
  // Were not there at first.
  if (backoff.forgiven > 0 || backoff.trouble.inner) put_number(out, backoff.forgiven);
  if (backoff.trouble.inner) put_number(out, 1);
  return out;
}

Result<Backoff> decode_backoff(std::string_view octets) {
  RecordReader reader(octets);
  if (reader.octet() != kVersion) return std::unexpected(damaged("version of a back-off"));
  Backoff backoff;
  backoff.failures = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  backoff.since.microseconds = reader.signed_number();
  backoff.next.microseconds = reader.signed_number();
  backoff.trouble = read_trouble(reader);
  if (reader.ok() && !reader.at_end())
    backoff.forgiven = static_cast<std::uint32_t>(reader.number_up_to(backoff.failures));
  if (reader.ok() && !reader.at_end()) backoff.trouble.inner = reader.number_up_to(1) == 1;
  if (!reader.ok()) return std::unexpected(damaged("back-off cut short"));
  return backoff;
}

std::string encode_whereabouts(const Place& place) {
  std::string out(1, static_cast<char>(place.rank));
  put_signed(out, place.due);
  return out;
}

Result<Place> decode_whereabouts(DeliveryId id, std::uint16_t part, std::string_view octets) {
  RecordReader reader(octets);
  Place place{.rank = reader.octet(), .due = reader.signed_number(), .entry = id, .part = part};
  if (!reader.ok()) return std::unexpected(damaged("whereabouts"));
  return place;
}

void Records::visit(std::string_view key, std::string_view value,
                    const std::function<void(const store::BodyRef&)>& found) const {
  if (!key.starts_with(kind_prefix(RecordKind::entry)) || value.size() < kBodyAt + store::BodyRef::kSize) return;
  if (const auto ref = store::BodyRef::decode(value.substr(kBodyAt, store::BodyRef::kSize)); ref && ref->segment != 0)
    found(*ref);
}

}  // namespace angarium::queue
