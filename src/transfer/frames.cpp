#include "transfer/frames.h"

#include <algorithm>

#include "store/octets.h"

namespace angarium::transfer {
namespace {

constexpr auto kUseLast = mailbox::SpecialUse::all;

std::unexpected<Error> malformed() { return fail(kTalkEnded, "the other end of the talk said what makes no sense"); }

/// Builds a frame; its length is set at the end.
class Writer {
 public:
  explicit Writer(Kind kind) : octets_(kFrameHead, '\0') { octets_[0] = static_cast<char>(kind); }
  Writer& number(std::uint64_t value) {
    store::append_varint(octets_, value);
    return *this;
  }
  Writer& whole_number(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    return number(bits << 1 ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }
  Writer& text(std::string_view value) {
    number(value.size());
    return rest(value);
  }
  Writer& rest(std::string_view value) {
    octets_ += value;
    return *this;
  }
  Writer& fingerprints(const std::vector<Fingerprint>& all) {
    number(all.size());
    for (const Fingerprint& one : all) rest(transfer::octets(one));
    return *this;
  }
  Writer& flags(const mailbox::FlagNames& flags) {
    std::size_t room = kKeywordOctetsMax;
    std::size_t count = 0;
    for (const std::string& keyword : flags.keywords) {
      if (count == kMessageKeywordsMax || keyword.size() + 2 > room) break;
      room -= keyword.size() + 2;
      ++count;
    }
    number(flags.system).number(count);
    for (std::size_t i = 0; i < count; ++i) text(flags.keywords[i]);
    return *this;
  }
  std::string finish() {
    const auto size = static_cast<std::uint32_t>(octets_.size() - kFrameHead);
    store::store_u32(octets_.data() + 1, size);
    return std::move(octets_);
  }

 private:
  std::string octets_;
};

/// Takes a payload apart; after anything missing ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (!store::take_varint(rest_, value)) return bad();
    return value;
  }
  std::int64_t whole_number() {
    const std::uint64_t bits = number();
    return static_cast<std::int64_t>(bits >> 1 ^ ((bits & 1) != 0 ? ~std::uint64_t{0} : 0));
  }
  std::string_view text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) return ok_ = false, std::string_view();
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::string_view octets(std::size_t size) {
    if (size > rest_.size()) return ok_ = false, std::string_view();
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  mailbox::SpecialUse use() {
    const std::uint64_t value = number();
    if (value > static_cast<std::uint64_t>(kUseLast)) bad();
    return ok_ ? static_cast<mailbox::SpecialUse>(value) : mailbox::SpecialUse::none;
  }
  Subscription subscription() {
    const std::uint64_t value = number();
    if (value > static_cast<std::uint64_t>(Subscription::off)) bad();
    return ok_ ? static_cast<Subscription>(value) : Subscription::when_made;
  }
  Fingerprint fingerprint() {
    Fingerprint value{};
    std::ranges::copy(octets(value.size()), value.begin());
    return value;
  }
  std::vector<Fingerprint> fingerprints(std::size_t max) {
    std::vector<Fingerprint> all;
    const std::uint64_t count = number();
    if (count > max) bad();
    for (std::uint64_t i = 0; i < count && ok_; ++i) all.push_back(fingerprint());
    return all;
  }
  int zone() {
    const std::int64_t minutes = whole_number();
    if (minutes < -6000 || minutes > 6000) bad();
    return ok_ ? static_cast<int>(minutes) : 0;
  }
  mailbox::FlagNames flags() {
    mailbox::FlagNames flags;
    flags.system = static_cast<mailbox::SystemFlags>(number() & mailbox::kSystemFlagsAll);
    const std::uint64_t count = number();
    if (count > kMessageKeywordsMax) bad();
    for (std::uint64_t i = 0; i < count && ok_; ++i) flags.keywords.emplace_back(text());
    return flags;
  }
  bool truth() {
    const std::uint64_t value = number();
    if (value > 1) bad();
    return value == 1;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }

 private:
  std::uint64_t bad() {
    ok_ = false;
    return 0;
  }
  std::string_view rest_;
  bool ok_ = true;
};

template <class T>
Result<T> taken(const Reader& reader, T value) {
  if (!reader.done()) return malformed();
  return value;
}

std::uint64_t number_of(mailbox::SpecialUse use) { return static_cast<std::uint64_t>(use); }

}  // namespace

std::string frame(Kind kind, std::string_view payload) { return Writer(kind).rest(payload).finish(); }

Result<FrameHead> read_head(std::string_view head) {
  if (head.size() < kFrameHead) return malformed();
  const std::size_t size = store::load_u32(head.data() + 1);
  if (size > kPayloadMax) return malformed();
  return FrameHead{.kind = static_cast<Kind>(head[0]), .size = size};
}

std::string encode(const MailboxWish& wish) {
  return Writer(Kind::mailbox)
      .number(wish.handle)
      .number(wish.make == Make::yes ? 1 : 0)
      .number(number_of(wish.use))
      .number(static_cast<std::uint64_t>(wish.subscription))
      .text(wish.name)
      .finish();
}
Result<MailboxWish> decode_wish(std::string_view payload) {
  Reader reader(payload);
  MailboxWish wish;
  wish.handle = reader.number();
  wish.make = reader.truth() ? Make::yes : Make::no;
  wish.use = reader.use();
  wish.subscription = reader.subscription();
  wish.name = reader.text();
  return taken(reader, std::move(wish));
}

std::string encode(const MailboxPlace& place) {
  return Writer(Kind::place)
      .number(place.handle)
      .number(place.exists ? 1 : 0)
      .text(place.name)
      .text(place.refused)
      .finish();
}
Result<MailboxPlace> decode_place(std::string_view payload) {
  Reader reader(payload);
  MailboxPlace place;
  place.handle = reader.number();
  place.exists = reader.truth();
  place.name = reader.text();
  place.refused = reader.text();
  return taken(reader, std::move(place));
}

std::string encode(const MessageEnd& end) {
  return Writer(Kind::message)
      .number(end.number)
      .number(end.handle)
      .rest(octets(end.fingerprint))
      .fingerprints(end.also)
      .flags(end.flags)
      .number(end.received ? 1 : 0)
      .whole_number(end.received.value_or(0))
      .whole_number(end.zone_minutes)
      .finish();
}
Result<MessageEnd> decode_message(std::string_view payload) {
  Reader reader(payload);
  MessageEnd end;
  end.number = reader.number();
  end.handle = reader.number();
  end.fingerprint = reader.fingerprint();
  end.also = reader.fingerprints(kAlsoMax);
  end.flags = reader.flags();
  const bool dated = reader.truth();
  const std::int64_t received = reader.whole_number();
  if (dated) end.received = received;
  end.zone_minutes = reader.zone();
  return taken(reader, std::move(end));
}

std::string encode(Kind kind, const Counts& counts) {
  return Writer(kind)
      .number(counts.imported)
      .number(counts.known)
      .number(counts.refused)
      .number(counts.settled)
      .finish();
}
Result<Counts> decode_counts(std::string_view payload) {
  Reader reader(payload);
  Counts counts;
  counts.imported = reader.number();
  counts.known = reader.number();
  counts.refused = reader.number();
  counts.settled = reader.number();
  return taken(reader, counts);
}

std::string encode(const Note& note) { return Writer(Kind::note).number(note.number).text(note.words).finish(); }
Result<Note> decode_note(std::string_view payload) {
  Reader reader(payload);
  Note note;
  note.number = reader.number();
  note.words = reader.text();
  return taken(reader, std::move(note));
}

std::string encode(const Failure& failure) {
  return Writer(Kind::failed).number(failure.temporary ? 1 : 0).text(failure.words).finish();
}
Result<Failure> decode_failure(std::string_view payload) {
  Reader reader(payload);
  Failure failure;
  failure.temporary = reader.truth();
  failure.words = reader.text();
  return taken(reader, std::move(failure));
}

std::string encode(const ListedMailbox& listed) {
  return Writer(Kind::listed)
      .number(listed.id)
      .number(listed.uid_validity)
      .number(number_of(listed.use))
      .number(listed.messages)
      .number(listed.octets)
      .text(listed.name)
      .finish();
}
Result<ListedMailbox> decode_listed(std::string_view payload) {
  Reader reader(payload);
  ListedMailbox listed;
  listed.id = reader.number();
  listed.uid_validity = reader.number();
  listed.use = reader.use();
  listed.messages = reader.number();
  listed.octets = reader.number();
  listed.name = reader.text();
  return taken(reader, std::move(listed));
}

std::string encode(const MessageHeader& header) {
  return Writer(Kind::header)
      .number(header.uid)
      .whole_number(header.received)
      .whole_number(header.zone_minutes)
      .number(header.size)
      .flags(header.flags)
      .finish();
}
Result<MessageHeader> decode_header(std::string_view payload) {
  Reader reader(payload);
  MessageHeader header;
  header.uid = reader.number();
  header.received = reader.whole_number();
  header.zone_minutes = reader.zone();
  header.size = reader.number();
  header.flags = reader.flags();
  return taken(reader, std::move(header));
}

std::string encode_numbers(Kind kind, std::uint64_t number, std::string_view rest) {
  return Writer(kind).number(number).rest(rest).finish();
}
Result<std::pair<std::uint64_t, std::string_view>> decode_number(std::string_view payload) {
  Reader reader(payload);
  const std::uint64_t number = reader.number();
  if (!reader.ok()) return malformed();
  return std::pair(number, reader.rest());
}

Result<std::vector<Fingerprint>> decode_fingerprints(std::string_view payload) {
  constexpr std::size_t kSize = std::tuple_size_v<Fingerprint>;
  if (payload.size() % kSize != 0 || payload.size() / kSize > kKnownMax) return malformed();
  std::vector<Fingerprint> all(payload.size() / kSize);
  for (std::size_t i = 0; i < all.size(); ++i) std::ranges::copy(payload.substr(i * kSize, kSize), all[i].begin());
  return all;
}

}  // namespace angarium::transfer
