#include "location/order.h"

#include "cage/coding.h"

namespace angarium::location {
namespace {

using cage::Reader;
using cage::Writer;

static_assert(kMessagesOfBoxMax * (4 + 32 + 8) < kOrderMax, "names of the usual length");

std::unexpected<Error> malformed() { return fail(kTrouble, "who works on the boxes speaks another language"); }

void write_names(Writer& to, const KeywordNames& names) {
  to.number(static_cast<std::uint32_t>(names.size()));
  for (const std::string& name : names) to.text(name);
}

// --- orders ---------------------------------------------------------------------------------------------------------

struct OrderWriter {
  Writer& to;
  void operator()(const FindBoxes&) const {}
  void operator()(const MakeBox& one) const { to.text(one.path); }
  void operator()(const RenameBox& one) const { to.text(one.from).text(one.to); }
  void operator()(const RemoveBox& one) const { to.text(one.path); }
  void operator()(const IsMissing& one) const { to.text(one.path); }
  void operator()(const LookAtBox& one) const { to.text(one.path); }
  void operator()(const OpenBoxOf& one) const { to.text(one.path); }
  void operator()(const ReadMessage& one) const { to.number(one.opening).number(one.index); }
  void operator()(const WhenReceived& one) const { to.number(one.opening).number(one.index); }
  void operator()(const ChangeBox& one) const {
    to.number(one.opening).number(static_cast<std::uint32_t>(one.removed.size()));
    for (const std::size_t index : one.removed) to.number(static_cast<std::uint32_t>(index));
    to.number(static_cast<std::uint32_t>(one.marked.size()));
    for (const auto& [index, flags] : one.marked) to.number(static_cast<std::uint32_t>(index)).number(flags);
    write_names(to, one.names);
  }
  void operator()(const AddMessage& one) const {
    to.text(one.path).number(one.message.flags).number(one.message.received.microseconds).text(one.message.octets);
  }
};

/// How many follow; more than there may be is none.
std::uint32_t read_count(Reader& from, std::size_t max) {
  const auto count = from.number<std::uint32_t>();
  if (count > max) from.refuse();
  return from.ok() ? count : 0;
}

KeywordNames read_names(Reader& from) {
  KeywordNames names;
  for (auto left = read_count(from, box::kKeywordsMax); left > 0 && from.ok(); --left)
    names.push_back(from.text(kKeywordOctetsMax));
  return names;
}

ChangeBox read_change(Reader& from) {
  ChangeBox one{.opening = from.number<std::uint32_t>(), .removed = {}, .marked = {}};
  for (auto left = read_count(from, kMessagesOfBoxMax); left > 0 && from.ok(); --left)
    one.removed.push_back(from.number<std::uint32_t>());
  for (auto left = read_count(from, kMessagesOfBoxMax); left > 0 && from.ok(); --left) {
    const auto index = from.number<std::uint32_t>();
    one.marked.emplace_back(index, from.number<Flags>());
  }
  one.names = read_names(from);
  return one;
}

AddMessage read_add(Reader& from) {
  AddMessage one{.path = from.text(kBoxPathMax), .message = {}};
  one.message.flags = from.number<message::BoxFlags>();
  one.message.received.microseconds = from.number<std::int64_t>();
  one.message.octets = from.text(kMessageMax);
  return one;
}

Order read_order(std::size_t kind, Reader& from) {
  switch (kind) {
    case 0: return FindBoxes{};
    case 1: return MakeBox{from.text(kBoxPathMax)};
    case 2: {
      RenameBox one{.from = from.text(kBoxPathMax), .to = {}};
      one.to = from.text(kBoxPathMax);
      return one;
    }
    case 3: return RemoveBox{from.text(kBoxPathMax)};
    case 4: return IsMissing{from.text(kBoxPathMax)};
    case 5: return LookAtBox{from.text(kBoxPathMax)};
    case 6: return OpenBoxOf{from.text(kBoxPathMax)};
    case 7: {
      const auto opening = from.number<std::uint32_t>();
      return ReadMessage{opening, from.number<std::uint32_t>()};
    }
    case 8: {
      const auto opening = from.number<std::uint32_t>();
      return WhenReceived{opening, from.number<std::uint32_t>()};
    }
    case 9: return read_change(from);
    default: return read_add(from);
  }
}

// --- replies --------------------------------------------------------------------------------------------------------

void write_there(Writer& to, const There& there) { to.text(there.name).number(there.flags); }
There read_there(Reader& from) {
  There there{.name = from.text(kNameOctetsMax)};
  there.flags = from.number<Flags>();
  return there;
}

struct ReplyWriter {
  Writer& to;
  void operator()(const Done&) const {}
  void operator()(const BoxesFound& one) const {
    to.number(static_cast<std::uint32_t>(one.boxes.size()));
    for (const Found& found : one.boxes) to.text(found.mailbox).text(found.path);
  }
  void operator()(const Missing& one) const { to.flag(one.missing); }
  void operator()(const BoxLooked& one) const {
    const Stamp& stamp = one.stamp;
    to.number(stamp.size).number(stamp.inode).number(stamp.identity).number(stamp.written_ns).number(stamp.named_ns);
    to.number(stamp.table_inode).number(stamp.table_ns);
    to.flag(stamp.numbered).flag(stamp.settled).flag(stamp.missing);
  }
  void operator()(const BoxOpened& one) const {
    to.number(one.opening).number(one.all).number(static_cast<std::uint32_t>(one.messages.size()));
    for (const There& there : one.messages) write_there(to, there);
    write_names(to, one.names);
  }
  void operator()(const MessageRead& one) const { to.text(one.octets); }
  void operator()(const Received& one) const {
    to.flag(one.date.has_value());
    if (!one.date) return;
    to.number(one.date->instant().microseconds).number(static_cast<std::int16_t>(one.date->zone_minutes));
    to.flag(one.date->zone_unknown);
  }
  void operator()(const MessageAdded& one) const { write_there(to, one.there); }
  void operator()(const Refused& one) const { to.text(one.words).flag(one.gone); }
};

BoxesFound read_boxes(Reader& from) {
  BoxesFound one;
  for (auto left = read_count(from, kBoxesMax); left > 0 && from.ok(); --left) {
    Found found{.mailbox = from.text(kBoxPathMax), .path = {}};
    found.path = from.text(kBoxPathMax);
    one.boxes.push_back(std::move(found));
  }
  return one;
}

BoxLooked read_looked(Reader& from) {
  BoxLooked one;
  one.stamp.size = from.number<std::uint64_t>();
  one.stamp.inode = from.number<std::uint64_t>();
  one.stamp.identity = from.number<std::uint64_t>();
  one.stamp.written_ns = from.number<std::int64_t>();
  one.stamp.named_ns = from.number<std::int64_t>();
  one.stamp.table_inode = from.number<std::uint64_t>();
  one.stamp.table_ns = from.number<std::int64_t>();
  one.stamp.numbered = from.flag();
  one.stamp.settled = from.flag();
  one.stamp.missing = from.flag();
  return one;
}

BoxOpened read_opened(Reader& from) {
  BoxOpened one{.opening = from.number<std::uint32_t>(), .all = from.number<std::uint64_t>(), .messages = {}};
  for (auto left = read_count(from, kMessagesOfBoxMax); left > 0 && from.ok(); --left)
    one.messages.push_back(read_there(from));
  one.names = read_names(from);
  return one;
}

Received read_received(Reader& from) {
  if (!from.flag()) return {};
  const WallTime instant{from.number<std::int64_t>()};
  const int zone = from.number<std::int16_t>();
  const bool unknown = from.flag();
  if (!is_tellable(instant, zone)) from.refuse();
  if (!from.ok()) return {};
  auto date = message::DateTime::at(instant, zone);
  date.zone_unknown = unknown;
  return {date};
}

Refused read_refused(Reader& from) {
  Refused one{.words = from.text(kBoxPathMax)};
  one.gone = from.flag();
  return one;
}

Reply read_reply(std::size_t kind, Reader& from) {
  switch (kind) {
    case 0: return Done{};
    case 1: return read_boxes(from);
    case 2: return Missing{from.flag()};
    case 3: return read_looked(from);
    case 4: return read_opened(from);
    case 5: return MessageRead{from.text(kMessageMax)};
    case 6: return read_received(from);
    case 7: return MessageAdded{read_there(from)};
    default: return read_refused(from);
  }
}

template <class All, class With>
std::string encoded(const All& one) {
  Writer writer(one.index());
  std::visit(With{writer}, one);
  return writer.take();
}

template <class All>
Result<All> decoded(std::string_view octets, All (*read)(std::size_t, Reader&)) {
  if (octets.size() > kOrderMax) return malformed();
  Reader reader(octets);
  const auto kind = reader.number<std::uint8_t>();
  if (!reader.ok() || kind >= std::variant_size_v<All>) return malformed();
  All one = read(kind, reader);
  if (!reader.end()) return malformed();
  return one;
}

}  // namespace

bool is_tellable(WallTime instant, int zone_minutes) {
  constexpr int kZoneMax = 24 * 60;
  // Years of four digits, whatever the zone.
  constexpr std::int64_t kFirstSecond = -30'000'000'000;
  constexpr std::int64_t kLastSecond = 253'400'000'000;
  return instant.microseconds % 1'000'000 == 0 && instant.seconds() >= kFirstSecond &&
         instant.seconds() <= kLastSecond && zone_minutes >= -kZoneMax && zone_minutes <= kZoneMax;
}

std::string encode(const Order& order) { return encoded<Order, OrderWriter>(order); }
std::string encode(const Reply& reply) { return encoded<Reply, ReplyWriter>(reply); }
Result<Order> decode_order(std::string_view octets) { return decoded<Order>(octets, read_order); }
Result<Reply> decode_reply(std::string_view octets) { return decoded<Reply>(octets, read_reply); }

}  // namespace angarium::location
