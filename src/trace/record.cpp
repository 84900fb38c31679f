#include "trace/record.h"

#include <algorithm>
#include <array>

#include "base/crc32c.h"
#include "base/text.h"
#include "store/codec.h"

namespace angarium::trace {
namespace {

using store::put_number;
using store::put_octets;
using store::put_signed;
using store::RecordReader;

constexpr char kVersion = 1;

/// The items of a record: each a letter, its length, its octets. Never used for anything else again.
enum class Item : char {
  attempt = 'A',
  connection = 'C',
  fate = 'F',
  helo = 'H',
  id = 'I',
  login = 'L',
  content = 'M',
  refusal = 'N',
  wishes = 'P',
  further = 'O',
  recipient = 'R',
  sender = 'S',
  tls = 'T',
  place = 'W',
};

/// What most sessions use, in one octet. The order is part of the format: new ones are appended.
constexpr std::array<std::string_view, 9> kCiphers = {
    "TLSv1.3 TLS_AES_256_GCM_SHA384",       "TLSv1.3 TLS_AES_128_GCM_SHA256",
    "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256", "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384",  "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256",  "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLSv1.2 ECDHE-RSA-CHACHA20-POLY1305"};
constexpr std::size_t kTlsMax = 64;

/// A letter, and a length that is filled in when the item ends: items are shorter than 16,384 octets.
class ItemWriter {
 public:
  ItemWriter(std::string& out, Item item) : out_(out) {
    out_ += static_cast<char>(item);
    out_ += '\0';
    begin_ = out_.size();
  }
  ItemWriter(const ItemWriter&) = delete;
  ItemWriter& operator=(const ItemWriter&) = delete;
  ~ItemWriter() {
    const std::size_t size = out_.size() - begin_;
    if (size < 0x80) {
      out_[begin_ - 1] = static_cast<char>(size);
      return;
    }
    out_[begin_ - 1] = static_cast<char>(size | 0x80);
    out_.insert(begin_, 1, static_cast<char>(size >> 7));
  }

 private:
  std::string& out_;
  std::size_t begin_;
};

std::uint32_t crc_of_lower(std::string_view text, std::uint32_t seed) {
  std::array<char, 64> lower{};
  std::uint32_t crc = seed;
  while (!text.empty()) {
    const std::size_t size = std::min(text.size(), lower.size());
    for (std::size_t i = 0; i < size; ++i) lower[i] = to_lower(text[i]);
    crc = crc32c({lower.data(), size}, crc);
    text.remove_prefix(size);
  }
  return crc;
}
/// Different kinds of names do not meet.
constexpr std::uint32_t kAddressSeed = 'a';
constexpr std::uint32_t kMessageIdSeed = 'm';
constexpr std::uint32_t kPeerSeed = 'p';

/// Twice the length, and one for a text that was cut: then the hash of the whole one follows.
void put_text(std::string& out, const Text& text, std::size_t most, std::uint32_t seed) {
  const bool cut = text.octets.size() > most;
  const std::string_view kept = text.octets.substr(0, most);
  const bool hashed = cut || text.whole.has_value();
  put_number(out, kept.size() * 2 + (hashed ? 1 : 0));
  out += kept;
  if (!hashed) return;
  const std::uint32_t hash = text.whole ? *text.whole : crc_of_lower(text.octets, seed);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(hash >> shift);
}

Text read_text(RecordReader& reader) {
  const std::uint64_t head = reader.number();
  Text text(reader.take(head / 2));
  if (head % 2 == 0) return text;
  const std::string_view octets = reader.take(4);
  std::uint32_t hash = 0;
  for (const char c : octets) hash = hash << 8 | static_cast<unsigned char>(c);
  text.whole = hash;
  return text;
}

void put_code(std::string& out, const Code& code) {
  put_number(out, code.reply);
  put_number(out, code.status);
  put_number(out, code.subject);
  put_number(out, code.detail);
}

Code read_code(RecordReader& reader) {
  Code code;
  code.reply = static_cast<std::uint16_t>(reader.number_up_to(999));
  code.status = static_cast<std::uint8_t>(reader.number_up_to(9));
  code.subject = static_cast<std::uint16_t>(reader.number_up_to(999));
  code.detail = static_cast<std::uint16_t>(reader.number_up_to(999));
  return code;
}

void put_tls(std::string& out, std::string_view tls) {
  if (tls.empty()) return;
  const ItemWriter item(out, Item::tls);
  const auto* const known = std::ranges::find(kCiphers, tls);
  if (known != kCiphers.end()) {
    out += static_cast<char>(known - kCiphers.begin() + 1);
    return;
  }
  out += '\0';
  out += tls.substr(0, kTlsMax);
}

std::string_view read_tls(std::string_view octets) {
  if (octets.empty()) return {};
  const auto index = static_cast<unsigned char>(octets[0]);
  if (index == 0) return octets.substr(1);
  return index <= kCiphers.size() ? kCiphers[index - 1] : "an unknown cipher";
}

void put_place(std::string& out, const Place& place) {
  const ItemWriter item(out, Item::place);
  put_number(out, place.recipient);
  put_number(out, place.account);
  put_number(out, place.mailbox);
  put_number(out, place.uid);
  put_number(out, place.email);
}

void put_places(std::string& out, const std::vector<Place>& places) {
  for (std::size_t i = 0; i < places.size() && i < kPlacesMax && out.size() < kPlacesOctets; ++i)
    put_place(out, places[i]);
}

Place read_place(RecordReader& reader) {
  Place place;
  place.recipient = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  place.account = reader.number();
  place.mailbox = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  place.uid = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  place.email = reader.number();
  return place;
}

void put_id(std::string& out, DeliveryId id) {
  if (id == DeliveryId()) return;
  const ItemWriter item(out, Item::id);
  put_number(out, id.bits());
}

/// How much of each text is written.
struct Cut {
  std::size_t address = 320;
  std::size_t login = 255;
  std::size_t helo = 255;
  std::size_t message_id = 255;
};
/// The first that keeps the record within its size; what says least goes first.
constexpr std::array<Cut, 5> kCuts = {{{},
                                       {.address = 320, .login = 64, .helo = 48, .message_id = 32},
                                       {.address = 320, .login = 48, .helo = 24, .message_id = 0},
                                       {.address = 56, .login = 40, .helo = 16, .message_id = 0},
                                       {.address = 40, .login = 24, .helo = 8, .message_id = 0}}};

void put_recipients(std::string& out, const Beginning& beginning, const Cut& cut) {
  std::size_t written = 0;
  for (const Recipient& recipient : beginning.recipients) {
    if (out.size() >= kRecipientsOctets) break;
    const ItemWriter item(out, Item::recipient);
    out += static_cast<char>(recipient.course);
    out += static_cast<char>(recipient.notify);
    put_text(out, recipient.address, written++ < kNamedRecipients ? cut.address : 0, kAddressSeed);
    if (recipient.code != Code()) put_code(out, recipient.code);
  }
  if (const std::uint64_t further = beginning.further_recipients + beginning.recipients.size() - written; further > 0) {
    const ItemWriter item(out, Item::further);
    put_number(out, further);
  }
  put_places(out, beginning.places);
}

void put_wishes(std::string& out, const Wishes& wishes) {
  if (wishes == Wishes()) return;
  const ItemWriter item(out, Item::wishes);
  out += static_cast<char>(wishes.flags);
  put_signed(out, wishes.priority);
  put_signed(out, wishes.held_until);
  put_signed(out, wishes.deliver_by);
}

void put_refusal(std::string& out, const Refusal& refusal) {
  const ItemWriter item(out, Item::refusal);
  out += static_cast<char>(refusal.step);
  put_code(out, refusal.code);
  put_text(out, refusal.words, kWordsMax, 0);
  put_number(out, refusal.further);
  put_number(out, refusal.over_ms);
}

void put_all(std::string& out, const Beginning& beginning, const Cut& cut) {
  out.assign(1, kVersion);
  {
    const ItemWriter item(out, Item::connection);
    out += static_cast<char>(beginning.door);
    out += static_cast<char>(beginning.extended ? 1 : 0);
    out += beginning.peer;
  }
  put_tls(out, beginning.tls);
  if (!beginning.login.octets.empty()) {
    const ItemWriter item(out, Item::login);
    put_text(out, beginning.login, cut.login, kAddressSeed);
  }
  if (beginning.has_sender) {
    const ItemWriter item(out, Item::sender);
    put_text(out, beginning.sender, cut.address, kAddressSeed);
  }
  put_wishes(out, beginning.wishes);
  put_recipients(out, beginning, cut);
  put_id(out, beginning.report_of);
  if (beginning.refusal) put_refusal(out, *beginning.refusal);
  if (!beginning.helo.octets.empty()) {
    const ItemWriter item(out, Item::helo);
    put_text(out, beginning.helo, cut.helo, 0);
  }
  const ItemWriter item(out, Item::content);
  put_number(out, beginning.octets);
  put_number(out, beginning.took_ms);
  put_text(out, beginning.message_id, cut.message_id, kMessageIdSeed);
}

/// Calls `take(item, reader)` for each item; false: it is cut short.
template <class Take>
bool each_item(std::string_view octets, Take take) {
  RecordReader all(octets);
  if (octets.size() > kRecordMax || all.octet() != static_cast<std::uint8_t>(kVersion)) return false;
  while (!all.at_end() && all.ok()) {
    const auto item = static_cast<Item>(all.octet());
    RecordReader reader(all.octets());
    if (!all.ok()) return false;
    take(item, reader);
    if (!reader.ok()) return false;
  }
  return all.ok();
}

template <class Enum>
Enum read_enum(RecordReader& reader, Enum last) {
  const std::uint8_t value = reader.octet();
  if (value > static_cast<std::uint8_t>(last)) reader.broken();
  return value > static_cast<std::uint8_t>(last) ? Enum() : static_cast<Enum>(value);
}

Recipient read_recipient(RecordReader& reader) {
  Recipient recipient;
  recipient.course = read_enum(reader, Course::onward);
  recipient.notify = reader.octet();
  recipient.address = read_text(reader);
  if (!reader.at_end()) recipient.code = read_code(reader);
  return recipient;
}

Wishes read_wishes(RecordReader& reader) {
  Wishes wishes;
  wishes.flags = reader.octet();
  wishes.priority = reader.signed_number();
  wishes.held_until = reader.signed_number();
  wishes.deliver_by = reader.signed_number();
  return wishes;
}

Refusal read_refusal(RecordReader& reader) {
  Refusal refusal;
  refusal.step = read_enum(reader, Step::lost);
  refusal.code = read_code(reader);
  refusal.words = read_text(reader);
  refusal.further = reader.number();
  refusal.over_ms = reader.number();
  return refusal;
}

void read_connection(RecordReader& reader, Beginning& beginning) {
  beginning.door = read_enum(reader, Door::imap);
  beginning.extended = reader.octet() != 0;
  const std::string_view peer = reader.rest();
  if (!peer.empty() && peer.size() != 4 && peer.size() != 16) reader.broken();
  beginning.peer = peer;
}

void read_item(Item item, RecordReader& reader, Beginning& beginning) {
  switch (item) {
    case Item::connection: return read_connection(reader, beginning);
    case Item::helo: beginning.helo = read_text(reader); return;
    case Item::id: beginning.report_of = DeliveryId(reader.number()); return;
    case Item::login: beginning.login = read_text(reader); return;
    case Item::content:
      beginning.octets = reader.number();
      beginning.took_ms = reader.number();
      beginning.message_id = read_text(reader);
      return;
    case Item::refusal: beginning.refusal = read_refusal(reader); return;
    case Item::wishes: beginning.wishes = read_wishes(reader); return;
    case Item::recipient: beginning.recipients.push_back(read_recipient(reader)); return;
    case Item::further: beginning.further_recipients = reader.number(); return;
    case Item::sender:
      beginning.has_sender = true;
      beginning.sender = read_text(reader);
      return;
    case Item::tls: beginning.tls = read_tls(reader.rest()); return;
    case Item::place: beginning.places.push_back(read_place(reader)); return;
    case Item::attempt:
    case Item::fate: break;
  }
}

Error damaged(std::string_view what) {
  return {kDamagedRecord, "a record of the trace is damaged: " + std::string(what)};
}

}  // namespace

void encode(const Beginning& beginning, std::string& out) {
  const std::size_t recipients = std::max<std::size_t>(1, beginning.recipients.size());
  // What was refused lies in a ring of its own, and its words have room there.
  const std::size_t room = kAcceptedMax + (recipients - 1) * kRecipientMax + (beginning.refusal ? kWordsMax : 0);
  for (const Cut& cut : kCuts) {
    put_all(out, beginning, cut);
    if (out.size() <= room) return;
  }
}

void encode(const Event& event, std::string& out) {
  out.assign(1, kVersion);
  {
    const ItemWriter item(out, Item::attempt);
    out += static_cast<char>(event.kind);
    put_number(out, event.number);
    put_number(out, event.took_ms);
    put_text(out, event.text, kWordsMax, kAddressSeed);
  }
  put_tls(out, event.tls);
  put_id(out, event.id);
  std::size_t fates = 0;
  for (const Fate& fate : event.fates) {
    if (fates++ == kFatesMax) break;
    const ItemWriter item(out, Item::fate);
    out += static_cast<char>(fate.kind);
    put_text(out, fate.address, kRecipientMax, kAddressSeed);
    put_text(out, fate.status, 16, 0);
    // What a server says to many at once is mostly the same.
    const bool again = fates > 1 && event.fates[fates - 2].words == fate.words;
    out += again ? '\1' : '\0';
    if (!again) put_text(out, fate.words, kWordsMax, 0);
  }
  put_places(out, event.places);
}

Result<Beginning> decode_beginning(DeliveryId id, WallTime at, std::string_view octets) {
  Beginning beginning;
  beginning.id = id;
  beginning.at = at;
  beginning.has_sender = false;
  const bool whole = each_item(octets, [&](Item item, RecordReader& reader) { read_item(item, reader, beginning); });
  if (!whole) return std::unexpected(damaged("how a message came"));
  return beginning;
}

Result<Event> decode_event(WallTime at, std::string_view octets) {
  Event event;
  event.at = at;
  const auto take = [&](Item item, RecordReader& reader) {
    if (item == Item::attempt) {
      event.kind = read_enum(reader, Event::Kind::set_aside);
      event.number = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
      event.took_ms = reader.number();
      event.text = read_text(reader);
    } else if (item == Item::tls) {
      event.tls = read_tls(reader.rest());
    } else if (item == Item::id) {
      event.id = DeliveryId(reader.number());
    } else if (item == Item::place) {
      event.places.push_back(read_place(reader));
    } else if (item == Item::fate) {
      Fate fate;
      fate.kind = read_enum(reader, Fate::Kind::expanded);
      fate.address = read_text(reader);
      fate.status = read_text(reader);
      const bool again = reader.octet() != 0;
      if (!again) fate.words = read_text(reader);
      if (again && !event.fates.empty()) fate.words = event.fates.back().words;
      event.fates.push_back(fate);
    }
  };
  if (!each_item(octets, take)) return std::unexpected(damaged("what happened to a message"));
  return event;
}

std::uint32_t hash_of(DeliveryId id) { return static_cast<std::uint32_t>(id.bits()); }

std::uint32_t hash_of_address(const Text& address) {
  return address.whole ? *address.whole : crc_of_lower(address.octets, kAddressSeed);
}

std::uint32_t hash_of_message_id(const Text& message_id) {
  return message_id.whole ? *message_id.whole : crc_of_lower(message_id.octets, kMessageIdSeed);
}

std::uint32_t hash_of_peer(std::string_view octets) { return crc32c(octets, kPeerSeed); }

std::vector<std::uint32_t> hashes_of(const Beginning& beginning) {
  std::vector<std::uint32_t> hashes{hash_of(beginning.id)};
  if (!beginning.peer.empty()) hashes.push_back(hash_of_peer(beginning.peer));
  const auto has = [](const Text& text) { return !text.octets.empty() || text.whole.has_value(); };
  if (has(beginning.sender)) hashes.push_back(hash_of_address(beginning.sender));
  if (has(beginning.login)) hashes.push_back(hash_of_address(beginning.login));
  if (has(beginning.message_id)) hashes.push_back(hash_of_message_id(beginning.message_id));
  for (const Recipient& recipient : beginning.recipients) hashes.push_back(hash_of_address(recipient.address));
  std::ranges::sort(hashes);
  const auto twice = std::ranges::unique(hashes);
  hashes.erase(twice.begin(), twice.end());
  return hashes;
}

}  // namespace angarium::trace
