#include "io/memory_resolver.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.h"

namespace angarium::io {
namespace {

constexpr std::array kTypes{RecordType::a,   RecordType::cname, RecordType::ptr, RecordType::mx,
                            RecordType::txt, RecordType::aaaa,  RecordType::srv, RecordType::tlsa};

std::optional<RecordType> parse_type(std::string_view text) {
  for (const auto type : kTypes)
    if (equals_ignore_case(text, record_type_name(type))) return type;
  return std::nullopt;
}

/// Words of a line; what is quoted is one word.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    line = trim(line);
    if (line.empty() || line.front() == ';') return words;
    const bool quoted = line.front() == '"';
    if (quoted) line.remove_prefix(1);
    const auto end = std::min(line.find_first_of(quoted ? "\""sv : " \t;"sv), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(quoted ? std::min(end + 1, line.size()) : end);
  }
}

/// The key of a name: lower case, no dot at the end.
std::string key_of(std::string_view name) {
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  return to_lower(name);
}

std::string written_name(std::string_view name) {
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  return std::string(name);
}

std::optional<IpAddress> parse_address(std::string_view text, IpAddress::Family family) {
  const auto address = IpAddress::parse(text);
  return address && address->family() == family ? address : std::nullopt;
}

std::optional<Record> parse_srv(const std::vector<std::string_view>& words) {
  if (words.size() != 4) return std::nullopt;
  const auto priority = parse_number<std::uint16_t>(words[0]);
  const auto weight = parse_number<std::uint16_t>(words[1]);
  const auto port = parse_number<std::uint16_t>(words[2]);
  if (!priority || !weight || !port) return std::nullopt;
  return SrvRecord{*priority, *weight, *port, written_name(words[3])};
}

std::optional<Record> parse_tlsa(const std::vector<std::string_view>& words) {
  if (words.size() != 4) return std::nullopt;
  const auto usage = parse_number<std::uint8_t>(words[0]);
  const auto selector = parse_number<std::uint8_t>(words[1]);
  const auto matching = parse_number<std::uint8_t>(words[2]);
  auto data = from_hex(words[3]);
  if (!usage || !selector || !matching || !data) return std::nullopt;
  return TlsaRecord{*usage, *selector, *matching, *std::move(data)};
}

std::optional<Record> parse_record(RecordType type, const std::vector<std::string_view>& words) {
  if (words.empty()) return std::nullopt;
  switch (type) {
    case RecordType::a:
    case RecordType::aaaa: {
      const auto family = type == RecordType::a ? IpAddress::Family::v4 : IpAddress::Family::v6;
      const auto address = parse_address(words[0], family);
      if (words.size() == 1 && address) return *address;
      return std::nullopt;
    }
    case RecordType::cname:
    case RecordType::ptr:
      if (words.size() == 1) return NameRecord{written_name(words[0])};
      return std::nullopt;
    case RecordType::mx: {
      const auto preference = parse_number<std::uint16_t>(words[0]);
      if (words.size() == 2 && preference) return MxRecord{*preference, written_name(words[1])};
      return std::nullopt;
    }
    case RecordType::txt: {
      std::string text;
      for (const auto word : words) text += word;
      return TextRecord{std::move(text)};
    }
    case RecordType::srv: return parse_srv(words);
    case RecordType::tlsa: return parse_tlsa(words);
  }
  return std::nullopt;
}

bool is_or_below(std::string_view name, std::string_view domain) {
  return name == domain ||
         (name.size() > domain.size() && name.ends_with(domain) && name[name.size() - domain.size() - 1] == '.');
}

}  // namespace

struct MemoryResolver::Zones {
  struct Entry {
    RecordType type;
    std::uint32_t ttl;
    Record record;
  };
  struct Fault {
    std::optional<RecordType> type;  ///< none: every type
    Trouble trouble = Trouble::none;
    Duration delay{0};
  };

  static Result<std::unique_ptr<Zones>> parse(std::string_view text) {
    auto zones = std::make_unique<Zones>();
    for (std::size_t number = 1; !text.empty(); ++number) {
      const auto line = take_until(text, '\n');
      const auto words = words_of(line);
      if (words.empty()) continue;
      if (!(words[0].starts_with('$') ? zones->add_control(words) : zones->add_record(words)))
        return fail(kBadZone, "line " + std::to_string(number) + ": " + escape_controls(line));
    }
    return zones;
  }

  bool add_control(const std::vector<std::string_view>& words) {
    if (words.size() < 2 || words.size() > 3) return false;
    const auto key = key_of(words[1]);
    if (words[0] == "$TTL") {
      const auto value = parse_number<std::uint32_t>(words[1]);
      ttl = value.value_or(0);
      return value.has_value() && words.size() == 2;
    }
    if (words[0] == "$SECURE") {
      secure.push_back(key);
      return words.size() == 2;
    }
    Fault fault;
    if (words[0] == "$SLOW") {
      const auto delay = words.size() == 3 ? parse_number<std::uint32_t>(words[2]) : std::nullopt;
      if (!delay) return false;
      fault.delay = std::chrono::milliseconds(*delay);
    } else {
      if (words.size() == 3 && !(fault.type = parse_type(words[2]))) return false;
      fault.trouble = words[0] == "$TIMEOUT"    ? Trouble::timed_out
                      : words[0] == "$SERVFAIL" ? Trouble::server_failure
                      : words[0] == "$BOGUS"    ? Trouble::bogus
                                                : Trouble::none;
      if (fault.trouble == Trouble::none) return false;
    }
    faults.emplace(key, fault);
    return true;
  }

  bool add_record(std::vector<std::string_view> words) {
    const auto key = key_of(words[0]);
    words.erase(words.begin());
    std::uint32_t its_ttl = ttl;
    if (!words.empty()) {
      if (const auto value = parse_number<std::uint32_t>(words[0])) {
        its_ttl = *value;
        words.erase(words.begin());
      }
    }
    const auto type = words.empty() ? std::nullopt : parse_type(words[0]);
    if (!type) return false;
    words.erase(words.begin());
    auto record = parse_record(*type, words);
    if (!record) return false;
    names[key].push_back({*type, its_ttl, *std::move(record)});
    return true;
  }

  [[nodiscard]] bool is_there(std::string_view key) const {
    return std::ranges::any_of(names, [&](const auto& entry) { return is_or_below(entry.first, key); });
  }
  [[nodiscard]] Fault fault_of(const std::string& key, RecordType type) const {
    Fault found;
    const auto [first, last] = faults.equal_range(key);
    for (auto it = first; it != last; ++it) {
      const auto& fault = it->second;
      if (fault.type && *fault.type != type) continue;
      found.delay = std::max(found.delay, fault.delay);
      if (fault.trouble != Trouble::none) found.trouble = fault.trouble;
    }
    return found;
  }
  [[nodiscard]] bool is_secure(std::string_view key) const {
    return std::ranges::any_of(secure, [&](const auto& domain) { return is_or_below(key, domain); });
  }

  [[nodiscard]] Answer answer(std::string key, RecordType type) const;

  std::uint32_t ttl = 3600;
  std::map<std::string, std::vector<Entry>, std::less<>> names;
  std::multimap<std::string, Fault, std::less<>> faults;
  std::vector<std::string> secure;
};

Answer MemoryResolver::Zones::answer(std::string key, RecordType type) const {
  Answer result;
  bool secure_all = true;
  std::uint32_t least = UINT32_MAX;
  while (true) {
    if (const auto fault = fault_of(key, type); fault.trouble != Trouble::none)
      return no_answer(fault.trouble, "the zones say so of " + key);
    secure_all = secure_all && is_secure(key);
    const auto entries = names.find(key);
    const Entry* alias = nullptr;
    if (entries != names.end()) {
      for (const auto& entry : entries->second) {
        if (entry.type == RecordType::cname) alias = &entry;
        if (entry.type != type || result.records.size() == kRecordsMax) continue;
        result.records.push_back(entry.record);
        least = std::min(least, entry.ttl);
      }
    }
    if (!result.records.empty() || !alias) break;
    if (result.aliases.size() == kAliasesMax)
      return no_answer(Trouble::server_failure, "the chain of aliases is too long, or a circle");
    result.aliases.push_back(std::get<NameRecord>(alias->record).name);
    least = std::min(least, alias->ttl);
    key = key_of(result.aliases.back());
  }
  result.outcome = !result.records.empty() ? Outcome::records : is_there(key) ? Outcome::no_data : Outcome::no_name;
  if (result.records.empty()) least = std::min(least, ttl);
  result.ttl = std::chrono::seconds(least);
  result.dnssec = secure_all ? Dnssec::secure : Dnssec::insecure;
  return result;
}

MemoryResolver::MemoryResolver(Loop& loop, DnsFaults faults, std::unique_ptr<Zones> zones)
    : loop_(loop), faults_(faults), random_(faults.seed), zones_(std::move(zones)) {}

MemoryResolver::~MemoryResolver() = default;

Result<std::unique_ptr<MemoryResolver>> MemoryResolver::make(Loop& loop, std::string_view zones, DnsFaults faults) {
  auto read = TRY(Zones::parse(zones));
  return std::unique_ptr<MemoryResolver>(new MemoryResolver(loop, faults, std::move(read)));
}

Result<void> MemoryResolver::set_zones(std::string_view zones) {
  zones_ = TRY(Zones::parse(zones));
  return {};
}

void MemoryResolver::set_faults(DnsFaults faults) {
  faults_ = faults;
  random_ = SeededRandom(faults.seed);
}

bool MemoryResolver::chance(std::uint32_t per_million) {
  return per_million > 0 && random_.below(1'000'000) < per_million;
}

Task<Result<Answer>> MemoryResolver::resolve(std::string name, RecordType type, ResolveOptions options) {
  CO_TRY(check_name(name));
  ++asked_;
  const auto key = key_of(name);
  auto fault = zones_->fault_of(key, type);
  if (faults_.delay_max > Duration{0})
    fault.delay +=
        Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(faults_.delay_max.count()) + 1)));
  const bool silent = chance(faults_.timed_out_per_million);
  const bool failing = chance(faults_.server_failure_per_million);
  const bool forged = chance(faults_.bogus_per_million);
  auto answer = silent    ? no_answer(Trouble::timed_out, "by chance")
                : failing ? no_answer(Trouble::server_failure, "by chance")
                : forged  ? no_answer(Trouble::bogus, "by chance")
                          : zones_->answer(key, type);
  if (answer.trouble == Trouble::timed_out || fault.delay >= options.timeout) {
    co_await loop_.sleep_for(options.timeout);
    co_return no_answer(Trouble::timed_out, "no answer in time");
  }
  co_await loop_.sleep_for(fault.delay);
  co_return answer;
}

}  // namespace angarium::io
