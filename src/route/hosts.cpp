#include "route/hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "io/gather.h"
#include "message/domain.h"

namespace angarium::route {
namespace {

using io::Answer;
using io::IpAddress;
using io::MxRecord;
using io::Outcome;
using io::RecordType;

using Addresses = std::vector<IpAddress>;

/// A host named by an MX record, or by the domain itself.
struct Candidate {
  MxRecord mx;
  bool asked = false;      ///< its name can be asked for
  bool uncertain = false;  ///< an answer is missing that may come later
  bool secure = true;
  bool own = false;
  Addresses v6;
  Addresses v4;
};

bool has_first_octet(const IpAddress& address, unsigned low, unsigned high) {
  const auto first = static_cast<unsigned char>(address.octets()[0]);
  return first >= low && first <= high;
}
/// 0.0.0.0, ::, multicast and broadcast: no host can be there.
bool no_host_address(const IpAddress& address) {
  if (address.is_unspecified()) return true;
  return address.family() == IpAddress::Family::v4
             ? has_first_octet(address, 224, 239) || address.text() == "255.255.255.255"
             : has_first_octet(address, 0xFF, 0xFF);
}

/// RFC 5321 §4.1.3; a mapped IPv6 address becomes the IPv4 one. Nothing for kinds that nobody has defined.
std::optional<IpAddress> read_literal(std::string_view text) {
  using Kind = message::AddressLiteral::Kind;
  const auto literal = message::parse_address_literal(text);
  if (!literal || literal->kind == Kind::general) return std::nullopt;
  const auto& octets = literal->octets;
  if (literal->kind == Kind::ipv6) return IpAddress::v6(octets);
  return IpAddress::v4({octets[0], octets[1], octets[2], octets[3]});
}

std::string_view without_last_dot(std::string_view name) {
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  return name;
}

/// The walk from a domain to its hops; collects the facts.
class Search {
 public:
  Search(std::string domain, const HostsOptions& options) : domain_(std::move(domain)), options_(options) {}

  /// An address literal leads to its host without any question.
  std::optional<Hosts> literal();
  /// The domain as the DNS has it; nothing when it cannot.
  std::optional<std::string> name();
  /// The hosts to ask for, best first; none when the answer decides.
  std::vector<Candidate> hosts(const Answer& answer, const std::string& name, Random& random);
  void take_addresses(Candidate& candidate, const Answer& answer);
  Hosts finish(std::vector<Candidate> candidates);

  Hosts fail(Failure failure) {
    result_.failure = failure;
    result_.hops.clear();
    result_.ttl = failure == Failure::dns ? std::chrono::seconds(0) : ttl_;
    if (ttl_ == std::chrono::seconds::max()) result_.ttl = std::chrono::seconds(0);
    const auto status = recipient_status(failure, domain_);
    note("result", fmt::format("{} {} {}", status.code, status.enhanced, status.text));
    return std::move(result_);
  }
  [[nodiscard]] bool failed() const { return failure_ != Failure::none; }
  Hosts fail() { return fail(failure_); }

  /// The operator named the host: it may be this one, needs no brackets around an address, and no proof of its name.
  void trust_name() { trusted_ = secure_ = true; }

 private:
  void note(std::string_view about, std::string text) { result_.facts.push_back({about, std::move(text)}); }
  void note_aliases(const std::string& name, const Answer& answer);
  void lower_ttl(const Answer& answer) { ttl_ = std::min(ttl_, answer.ttl); }
  [[nodiscard]] bool own_name(std::string_view name) const;
  [[nodiscard]] bool own_address(const IpAddress& address) const;
  std::vector<Candidate> rank(std::vector<MxRecord> records, Random& random);
  /// RFC 5321 §5.1: of the preference at which we stand, and all above it, nothing stays.
  void cut_at(std::vector<Candidate>& candidates, std::uint16_t preference, std::string_view who);
  void add_hops(const Candidate& candidate);

  std::string domain_;
  const HostsOptions& options_;
  Hosts result_;
  Failure failure_ = Failure::none;
  bool trusted_ = false;
  bool mx_found_ = false;
  bool secure_ = false;
  bool cut_ = false;
  std::chrono::seconds ttl_ = std::chrono::seconds::max();
};

std::optional<Hosts> Search::literal() {
  const auto bare = trusted_ ? IpAddress::parse(domain_) : std::nullopt;
  if (!bare && !domain_.starts_with('[')) return std::nullopt;
  const auto read = bare ? bare : read_literal(domain_);
  if (!read) return fail(Failure::bad_domain);
  const auto& address = *read;
  note("literal", fmt::format("{} is the address {}: no MX records are asked for", domain_, address.text()));
  if (no_host_address(address)) return fail(Failure::unusable);
  if (!trusted_ && own_address(address)) return fail(Failure::loop);
  const bool wanted = options_.families == HostsOptions::Families::both ||
                      (options_.families == HostsOptions::Families::v4) == (address.family() == IpAddress::Family::v4);
  if (!wanted) return fail(Failure::unusable);
  result_.hops.push_back({.host = domain_, .address = address});
  return std::move(result_);
}

std::optional<std::string> Search::name() {
  auto ascii = message::domain_to_ascii(without_last_dot(domain_));
  if (!ascii || *ascii == "." || !io::check_name(*ascii)) return std::nullopt;
  return ascii;
}

void Search::note_aliases(const std::string& name, const Answer& answer) {
  if (answer.aliases.empty()) return;
  note("alias", fmt::format("{} is an alias (CNAME) of {}", name, answer.aliases.back()));
}

bool Search::own_name(std::string_view name) const {
  return std::ranges::any_of(options_.own_names, [&](const std::string& own) {
    return equals_ignore_case(without_last_dot(own), without_last_dot(name));
  });
}

bool Search::own_address(const IpAddress& address) const {
  if (options_.loopback == HostsOptions::Loopback::is_us && address.is_loopback()) return true;
  return std::ranges::find(options_.own_addresses, address) != options_.own_addresses.end();
}

std::vector<Candidate> Search::hosts(const Answer& answer, const std::string& name, Random& random) {
  note_aliases(name, answer);
  switch (answer.outcome) {
    case Outcome::temporary:
      note("mx", fmt::format("MX of {}: {} ({})", name, io::trouble_name(answer.trouble), answer.reason));
      failure_ = Failure::dns;
      return {};
    case Outcome::no_name:
      lower_ttl(answer);
      note("mx", fmt::format("{} does not exist", name));
      failure_ = Failure::no_such_domain;
      return {};
    case Outcome::no_data:
      // RFC 5321 §5.1: an implicit MX record of preference 0 that names the domain.
      lower_ttl(answer);
      secure_ = answer.secure();
      note("mx", fmt::format("{} has no MX record: its own addresses count", name));
      return rank({{0, name}}, random);
    case Outcome::records: break;
  }
  lower_ttl(answer);
  secure_ = answer.secure();
  mx_found_ = true;
  std::vector<MxRecord> records;
  for (const auto& record : answer.records)
    if (const auto* mx = std::get_if<MxRecord>(&record)) records.push_back(*mx);
  // RFC 7505 §3: a single record of preference 0 with the root.
  if (records.size() == 1 && records[0] == MxRecord{0, "."}) {
    note("mx", fmt::format("{} has a null MX record: it takes no mail", name));
    failure_ = Failure::null_mx;
    return {};
  }
  return rank(std::move(records), random);
}

std::vector<Candidate> Search::rank(std::vector<MxRecord> records, Random& random) {
  // RFC 5321 §5.1: hosts of equal preference MUST be spread.
  for (std::size_t i = records.size(); i > 1; --i) std::swap(records[i - 1], records[random.below(i)]);
  std::ranges::sort(records, {}, &MxRecord::preference);
  std::vector<Candidate> candidates;
  for (const auto& mx : records) {
    const bool can_be_asked = mx.exchange != "." && io::check_name(mx.exchange).has_value();
    if (mx_found_)
      note("mx", fmt::format("{} {}{}", mx.preference, mx.exchange, can_be_asked ? "" : ": no name of a host"));
    // Named twice, it counts at its better place.
    if (std::ranges::any_of(candidates,
                            [&](const auto& had) { return equals_ignore_case(had.mx.exchange, mx.exchange); }))
      continue;
    candidates.push_back({.mx = mx, .asked = can_be_asked, .own = own_name(mx.exchange)});
  }
  if (!trusted_) {
    const auto own = std::ranges::find_if(candidates, &Candidate::own);
    if (own != candidates.end()) {
      const auto host = own->mx.exchange;
      cut_at(candidates, own->mx.preference, host);
    }
  }
  std::erase_if(candidates, [](const Candidate& candidate) { return !candidate.asked; });
  if (candidates.size() > kHostsMax) {
    note("limit", fmt::format("of {} hosts the best {} count", candidates.size(), kHostsMax));
    candidates.resize(kHostsMax);
  }
  if (candidates.empty()) failure_ = cut_ ? Failure::loop : Failure::unusable;
  return candidates;
}

void Search::cut_at(std::vector<Candidate>& candidates, std::uint16_t preference, std::string_view who) {
  cut_ = true;
  note("own", fmt::format("{} is this host: nothing from preference {} on is tried", who, preference));
  std::erase_if(candidates, [&](const Candidate& candidate) { return candidate.mx.preference >= preference; });
}

void Search::take_addresses(Candidate& candidate, const Answer& answer) {
  const auto& host = candidate.mx.exchange;
  if (answer.temporary()) {
    candidate.uncertain = true;
    note("address", fmt::format("{}: {} ({})", host, io::trouble_name(answer.trouble), answer.reason));
    return;
  }
  lower_ttl(answer);
  candidate.secure = candidate.secure && answer.secure();
  if (!answer.aliases.empty()) {
    note_aliases(host, answer);  // RFC 2181 §10.3 forbids it for MX hosts; it works all the same
    candidate.own =
        candidate.own || std::ranges::any_of(answer.aliases, [&](const auto& name) { return own_name(name); });
  }
  for (const auto& record : answer.records) {
    const auto* address = std::get_if<IpAddress>(&record);
    if (!address) continue;
    candidate.own = candidate.own || own_address(*address);
    if (no_host_address(*address))
      note("address", fmt::format("{} {}: no host can be there", host, address->text()));
    else
      (address->family() == IpAddress::Family::v6 ? candidate.v6 : candidate.v4).push_back(*address);
  }
  if (answer.outcome == Outcome::no_name) note("address", fmt::format("{} does not exist", host));
}

void Search::add_hops(const Candidate& candidate) {
  const auto& v6 = candidate.v6;
  const auto& v4 = candidate.v4;
  if (v6.empty() && v4.empty() && !candidate.uncertain)
    note("address", fmt::format("{} has no address that can be tried", candidate.mx.exchange));
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    for (const auto* family : {&v6, &v4}) {
      if (i >= family->size()) continue;
      if (count == kAddressesPerHostMax || result_.hops.size() == kHopsMax) {
        note("limit", fmt::format("{}: the other addresses are left out", candidate.mx.exchange));
        return;
      }
      ++count;
      const auto& address = (*family)[i];
      const bool secure = secure_ && candidate.secure;
      note("hop", fmt::format("{} [{}] preference {}{}", candidate.mx.exchange, address.text(), candidate.mx.preference,
                              secure ? ", secure" : ""));
      result_.hops.push_back({.host = candidate.mx.exchange,
                              .address = address,
                              .preference = candidate.mx.preference,
                              .dnssec = secure ? io::Dnssec::secure : io::Dnssec::insecure});
    }
  }
}

Hosts Search::finish(std::vector<Candidate> candidates) {
  const auto own = std::ranges::find_if(candidates, &Candidate::own);
  if (!trusted_ && own != candidates.end()) {
    const auto host = own->mx.exchange;
    cut_at(candidates, own->mx.preference, host);
  }
  for (const auto& candidate : candidates) add_hops(candidate);
  if (result_.hops.empty()) {
    if (std::ranges::any_of(candidates, &Candidate::uncertain)) return fail(Failure::dns);
    if (candidates.empty()) return fail(Failure::loop);
    return fail(mx_found_ ? Failure::unusable : Failure::no_host);
  }
  result_.ttl = ttl_;
  return std::move(result_);
}

/// Asks for the addresses of all candidates at once.
io::Task<Hosts> find_addresses(io::Resolver& resolver, Search& search, std::vector<Candidate> candidates,
                               const HostsOptions& options) {
  std::vector<io::Task<Result<Answer>>> questions;
  std::vector<std::size_t> asked_of;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    for (const auto type : {RecordType::aaaa, RecordType::a}) {
      const auto unwanted = type == RecordType::a ? HostsOptions::Families::v6 : HostsOptions::Families::v4;
      if (options.families == unwanted) continue;
      questions.push_back(resolver.resolve(candidates[i].mx.exchange, type, {.timeout = options.question_timeout}));
      asked_of.push_back(i);
    }
  }
  const auto answers = co_await io::gather(std::move(questions));
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i]) search.take_addresses(candidates[asked_of[i]], *answers[i]);
  co_return search.finish(std::move(candidates));
}

}  // namespace

Status recipient_status(Failure failure, std::string_view of) {
  const auto domain = escape_controls(of);
  switch (failure) {
    case Failure::none: break;
    case Failure::dns: return {451, "4.4.3", fmt::format("the DNS does not answer for {} now", domain)};
    case Failure::bad_domain: return {550, "5.1.2", fmt::format("{} is no domain that mail can go to", domain)};
    case Failure::no_such_domain: return {550, "5.1.2", fmt::format("the domain {} does not exist", domain)};
    case Failure::null_mx: return {556, "5.1.10", fmt::format("the domain {} takes no mail (null MX)", domain)};
    case Failure::no_host: return {550, "5.4.4", fmt::format("{} has neither MX nor address records", domain)};
    case Failure::unusable: return {550, "5.4.4", fmt::format("no mail host of {} has a usable address", domain)};
    case Failure::loop: return {554, "5.4.6", fmt::format("mail for {} loops back to this host", domain)};
  }
  return {250, "2.0.0", ""};
}

std::optional<Status> sender_status(Failure failure, std::string_view of) {
  const auto domain = escape_controls(of);
  switch (failure) {
    case Failure::none:
    case Failure::loop: return std::nullopt;
    case Failure::dns: return Status{451, "4.1.8", fmt::format("the DNS does not answer for {} now", domain)};
    case Failure::null_mx:
      return Status{550, "5.7.27", fmt::format("the sender's domain {} takes no mail (null MX)", domain)};
    case Failure::bad_domain:
    case Failure::no_such_domain:
    case Failure::no_host:
    case Failure::unusable: break;
  }
  return Status{550, "5.1.8", fmt::format("the sender's domain {} takes no mail", domain)};
}

io::Task<Hosts> find_hosts(io::Resolver& resolver, std::string domain, const HostsOptions& options, Random& random) {
  Search search(std::move(domain), options);
  if (auto found = search.literal()) co_return *std::move(found);
  const auto name = search.name();
  if (!name) co_return search.fail(Failure::bad_domain);
  const auto answer = co_await resolver.resolve(*name, RecordType::mx, {.timeout = options.question_timeout});
  if (!answer) co_return search.fail(Failure::bad_domain);
  auto candidates = search.hosts(*answer, *name, random);
  if (search.failed()) co_return search.fail();
  co_return co_await find_addresses(resolver, search, std::move(candidates), options);
}

io::Task<Hosts> find_relay(io::Resolver& resolver, std::string host, const HostsOptions& options) {
  Search search(std::move(host), options);
  search.trust_name();
  if (auto found = search.literal()) co_return *std::move(found);
  const auto name = search.name();
  if (!name) co_return search.fail(Failure::bad_domain);
  std::vector<Candidate> candidates;
  candidates.push_back({.mx = {0, *name}, .asked = true});
  co_return co_await find_addresses(resolver, search, std::move(candidates), options);
}

}  // namespace angarium::route
