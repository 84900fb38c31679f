#include "io/dns_message.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace angarium::io {
namespace {

constexpr std::size_t kHeader = 12;
/// Pointers of one name. Each leads further back, so a name of 127 labels cannot need more.
constexpr int kPointersMax = 127;
constexpr std::size_t kWireNameMax = 255;  // RFC 1035 §2.3.4
constexpr std::uint16_t kInternet = 1;
constexpr std::uint16_t kSoa = 6;
constexpr unsigned kNameError = 3;  // RFC 1035 §4.1.1

/// Octets from the front of a message, which names may point back into.
class Reader {
 public:
  Reader(std::string_view message, std::size_t at, std::size_t end) : message_(message), at_(at), end_(end) {}

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t left() const { return end_ - at_; }

  std::optional<unsigned> number(std::size_t octets) {
    if (left() < octets) return std::nullopt;
    unsigned value = 0;
    for (std::size_t i = 0; i < octets; ++i) value = value << 8 | octet(at_ + i);
    at_ += octets;
    return value;
  }
  std::optional<std::string_view> take(std::size_t octets) {
    if (left() < octets) return std::nullopt;
    at_ += octets;
    return message_.substr(at_ - octets, octets);
  }

  /// RFC 1035 §4.1.4. A pointer must lead before the place where the part that holds it began, so no name is endless.
  std::optional<std::string> name() {
    std::string text;
    std::size_t wire = 1;
    std::size_t at = at_;
    std::size_t part = at_;
    std::size_t end = end_;
    std::optional<std::size_t> after;
    for (int pointers = 0;;) {
      if (at >= end) return std::nullopt;
      const std::size_t length = octet(at++);
      if (length == 0) break;
      if (length >= 0xC0) {
        if (at >= end || ++pointers > kPointersMax) return std::nullopt;
        const std::size_t to = (length & 0x3F) << 8 | octet(at++);
        if (to >= part || to < kHeader) return std::nullopt;
        if (!after) after = at;
        at = part = to;
        end = message_.size();
        continue;
      }
      wire += length + 1;
      if (length > kNameLabelMax || end - at < length || wire > kWireNameMax) return std::nullopt;
      if (!text.empty()) text += '.';
      for (const char c : message_.substr(at, length)) add_octet(text, c);
      at += length;
    }
    at_ = after.value_or(at);
    if (text.empty()) text = ".";
    return text;
  }

 private:
  [[nodiscard]] unsigned octet(std::size_t at) const { return static_cast<unsigned char>(message_[at]); }
  /// RFC 1035 §5.1: \DDD for what is no plain character of a name.
  static void add_octet(std::string& text, char c) {
    if (c > ' ' && c < 127 && c != '.' && c != '\\') {
      text += c;
      return;
    }
    const auto value = static_cast<unsigned char>(c);
    text += '\\';
    for (const unsigned digit : {value / 100U, value / 10U % 10U, value % 10U}) text += static_cast<char>('0' + digit);
  }

  std::string_view message_;
  std::size_t at_;
  std::size_t end_;
};

struct RawRecord {
  std::string name;
  std::uint16_t type;
  std::uint16_t in_class;
  std::uint32_t ttl;
  Reader data;
};

std::optional<RawRecord> read_record(Reader& reader, std::string_view message) {
  auto name = reader.name();
  if (!name) return std::nullopt;
  const auto type = reader.number(2);
  const auto in_class = reader.number(2);
  const auto ttl = reader.number(4);
  const auto length = reader.number(2);
  if (!type || !in_class || !ttl || !length || reader.left() < *length) return std::nullopt;
  const Reader data(message, reader.at(), reader.at() + *length);
  reader.take(*length);
  // RFC 2181 §8: with the highest bit set it is 0.
  return RawRecord{*std::move(name), static_cast<std::uint16_t>(*type), static_cast<std::uint16_t>(*in_class),
                   *ttl > 0x7FFF'FFFF ? 0 : *ttl, data};
}

std::optional<Record> read_text(Reader& data) {
  std::string text;
  while (data.left() > 0) {
    const auto length = data.number(1);
    const auto part = data.take(*length);
    if (!part) return std::nullopt;
    text += *part;
  }
  return TextRecord{std::move(text)};
}

template <std::size_t octets>
std::optional<std::array<std::uint8_t, octets>> read_octets(Reader& data) {
  const auto raw = data.take(octets);
  if (!raw) return std::nullopt;
  std::array<std::uint8_t, octets> result{};
  std::ranges::copy(*raw, result.begin());
  return result;
}

std::optional<Record> read_tlsa(Reader& data) {
  const auto head = data.number(3);
  if (!head) return std::nullopt;
  return TlsaRecord{static_cast<std::uint8_t>(*head >> 16), static_cast<std::uint8_t>(*head >> 8 & 0xFF),
                    static_cast<std::uint8_t>(*head & 0xFF), std::string(*data.take(data.left()))};
}

std::optional<Record> read_srv(Reader& data) {
  const auto priority = data.number(2);
  const auto weight = data.number(2);
  const auto port = data.number(2);
  if (!port) return std::nullopt;
  auto target = data.name();
  if (!target) return std::nullopt;
  return SrvRecord{static_cast<std::uint16_t>(*priority), static_cast<std::uint16_t>(*weight),
                   static_cast<std::uint16_t>(*port), *std::move(target)};
}

std::optional<Record> read_mx(Reader& data) {
  const auto preference = data.number(2);
  if (!preference) return std::nullopt;
  auto exchange = data.name();
  if (!exchange) return std::nullopt;
  return MxRecord{static_cast<std::uint16_t>(*preference), *std::move(exchange)};
}

/// The whole of a record's data.
std::optional<Record> read_data(Reader data, RecordType type) {
  std::optional<Record> record;
  switch (type) {
    case RecordType::a:
      if (const auto octets = read_octets<4>(data)) record = IpAddress::v4(*octets);
      break;
    case RecordType::aaaa:
      if (const auto octets = read_octets<16>(data)) record = IpAddress::v6(*octets);
      break;
    case RecordType::cname:
    case RecordType::ptr:
      if (auto name = data.name()) record = NameRecord{*std::move(name)};
      break;
    case RecordType::mx: record = read_mx(data); break;
    case RecordType::txt: record = read_text(data); break;
    case RecordType::srv: record = read_srv(data); break;
    case RecordType::tlsa: record = read_tlsa(data); break;
  }
  if (data.left() > 0) return std::nullopt;
  return record;
}

/// RFC 2308 §5: the lesser of the SOA record's own TTL and its last field.
std::optional<std::uint32_t> negative_ttl(const RawRecord& soa) {
  Reader data = soa.data;
  if (!data.name() || !data.name() || !data.take(16)) return std::nullopt;
  const auto minimum = data.number(4);
  if (!minimum) return std::nullopt;
  return std::min<std::uint32_t>(*minimum, soa.ttl);
}

Answer malformed(std::string_view what) {
  return no_answer(Trouble::malformed, "the answer cannot be read: " + std::string(what));
}

/// Walks from the question's name along the aliases to the records.
class Walk {
 public:
  Walk(std::string question, RecordType type) : name_(std::move(question)), type_(type) {}

  Answer answer(const std::vector<RawRecord>& records, unsigned code, std::optional<std::uint32_t> negative) {
    if (!follow(records)) return no_answer(Trouble::server_failure, "the chain of aliases is too long, or a circle");
    if (broken_) return malformed("an alias");
    for (const auto& raw : records) {
      if (!matches(raw, type_) || answer_.records.size() == kRecordsMax) continue;
      auto record = read_data(raw.data, type_);
      if (!record) return malformed(std::string("a record of type ").append(record_type_name(type_)));
      answer_.records.push_back(*std::move(record));
      lower(raw.ttl);
    }
    if (!answer_.records.empty()) {
      answer_.outcome = Outcome::records;
    } else {
      answer_.outcome = code == kNameError ? Outcome::no_name : Outcome::no_data;
      lower(negative.value_or(0));
    }
    answer_.ttl = std::chrono::seconds(ttl_);
    return std::move(answer_);
  }

 private:
  [[nodiscard]] bool matches(const RawRecord& raw, RecordType type) const {
    return raw.type == static_cast<std::uint16_t>(type) && raw.in_class == kInternet &&
           equals_ignore_case(raw.name, name_);
  }
  bool follow(const std::vector<RawRecord>& records) {
    if (type_ == RecordType::cname) return true;
    while (true) {
      const auto alias =
          std::ranges::find_if(records, [this](const auto& raw) { return matches(raw, RecordType::cname); });
      if (alias == records.end()) return true;
      if (answer_.aliases.size() == kAliasesMax) return false;
      const auto target = read_data(alias->data, RecordType::cname);
      broken_ = !target;
      if (broken_) return true;
      name_ = std::get<NameRecord>(*target).name;
      answer_.aliases.push_back(name_);
      lower(alias->ttl);
    }
  }
  void lower(std::uint32_t ttl) { ttl_ = std::min(ttl_, ttl); }

  std::string name_;
  RecordType type_;
  Answer answer_;
  std::uint32_t ttl_ = UINT32_MAX;
  bool broken_ = false;
};

}  // namespace

Answer read_answer(std::string_view message, RecordType type) {
  Reader reader(message, 0, message.size());
  if (message.size() < kHeader) return malformed("it is shorter than its header");
  reader.take(2);
  const unsigned flags = *reader.number(2);
  const unsigned questions = *reader.number(2);
  const unsigned answers = *reader.number(2);
  const unsigned authorities = *reader.number(2);
  reader.take(2);
  const unsigned code = flags & 0xF;
  if ((flags & 0x8000) == 0) return malformed("it is a question");
  if ((flags & 0x0200) != 0) return malformed("it is cut (TC)");
  if (code != 0 && code != kNameError)
    return no_answer(Trouble::server_failure, "the server answered with code " + std::to_string(code));
  if (questions != 1) return malformed("it has not one question");
  auto question = reader.name();
  if (!question || !reader.take(4)) return malformed("its question");
  std::vector<RawRecord> records;
  for (unsigned i = 0; i < answers; ++i) {
    auto record = read_record(reader, message);
    if (!record) return malformed("its answer section");
    records.push_back(*std::move(record));
  }
  std::optional<std::uint32_t> negative;
  for (unsigned i = 0; i < authorities; ++i) {
    const auto record = read_record(reader, message);
    if (!record) return malformed("its authority section");
    if (record->type == kSoa && record->in_class == kInternet) negative = negative_ttl(*record);
  }
  return Walk(*std::move(question), type).answer(records, code, negative);
}

}  // namespace angarium::io
