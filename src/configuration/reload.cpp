// What a reload may change in a server that runs, and what not.
#include <algorithm>
#include <array>

#include "configuration/configuration.h"
#include "configuration/schema.h"

namespace angarium::configuration {
namespace {

constexpr std::string_view kSteward = "the steward begins with it while root's rights are there";

/// A key, or all that begin with it, and why a server that runs cannot change it.
struct Fixed {
  std::string_view prefix;
  std::string_view reason;
};
constexpr std::array<Fixed, 15> kFixed = {{
    {"server.hostname", "listeners are opened with it"},
    {"server.data", "the store is open"},
    {"server.user", "root's rights are given up once"},
    {"server.loops", "threads are started once"},
    {"log.", "the log is opened once"},
    {"auth.argon2_", "unknown users cost what they cost at the start"},
    {"local.system_users", kSteward},
    {"local.uid_min", kSteward},
    {"local.uid_max", kSteward},
    {"local.excluded", kSteward},
    {"local.spool_group", kSteward},
    {"local.password_cache", "what checks passwords begins with it"},
    {"store.", "the store is opened, and its sweep planned, with it"},
    {"trace.", "the store is opened with it"},
    {"listener", "ports are bound while root's rights are there"},
}};
constexpr std::string_view kTlsSwitched = "listeners are opened with TLS or without";

/// What sessions share, so that it counts for those that are open too.
constexpr std::array<std::string_view, 6> kShared = {
    "auth.failures_max",      "auth.failures_window",           "smtp.messages_per_minute",
    "limits.connections_max", "limits.connections_per_address", "limits.memory_percent"};
/// Tables of such.
constexpr std::array<std::string_view, 4> kSharedTables = {"directory", "token_issuer", "kerberos", "kerberos_realm"};

/// Used by deliveries, not by sessions.
constexpr std::array<std::string_view, 6> kOutbound = {"dns.",        "transport", "delivery",
                                                       "relay_login", "queue.",    "outbound."};

/// Empty: none, a reload may change it.
std::string_view restart_reason(std::string_view name) {
  const auto found = std::ranges::find_if(kFixed, [&](const Fixed& fixed) { return name.starts_with(fixed.prefix); });
  return found == kFixed.end() ? std::string_view() : found->reason;
}

/// Sets the field of `to` as it is in `from`.
struct Keep {
  Configuration& from;
  Configuration& to;
  void operator()(TextField field) const { field(to) = field(from); }
  void operator()(ListField field) const { field(to) = field(from); }
  void operator()(DurationField field) const { field(to) = field(from); }
  void operator()(SwitchField field) const { field(to) = field(from); }
  void operator()(const NumberField& field) const { field.get(to) = field.get(from); }
  void operator()(const SizeField& field) const { field.get(to) = field.get(from); }
  void operator()(const ChoiceField& field) const { field.set(to, field.get(from)); }
};

bool same(const std::vector<Listener>& a, const std::vector<Listener>& b) {
  return std::ranges::equal(
      a, b, [](const Listener& x, const Listener& y) { return x.protocol == y.protocol && x.address == y.address; });
}

bool same(const std::vector<Certificate>& a, const std::vector<Certificate>& b) {
  return std::ranges::equal(a, b, [](const Certificate& x, const Certificate& y) {
    return x.certificate == y.certificate && x.key == y.key;
  });
}

bool same(const std::vector<TransportRule>& a, const std::vector<TransportRule>& b) {
  return std::ranges::equal(a, b, [](const TransportRule& x, const TransportRule& y) {
    return x.key == y.key && x.transport == y.transport;
  });
}

bool same(const std::vector<RelayLogin>& a, const std::vector<RelayLogin>& b) {
  return std::ranges::equal(a, b, [](const RelayLogin& x, const RelayLogin& y) {
    return x.name == y.name && x.user == y.user && x.password_file == y.password_file && x.token_file == y.token_file &&
           x.tickets == y.tickets && x.weak_mechanisms == y.weak_mechanisms && x.layer == y.layer;
  });
}

bool same(const std::vector<OdmrCustomer>& a, const std::vector<OdmrCustomer>& b) {
  return std::ranges::equal(a, b, [](const OdmrCustomer& x, const OdmrCustomer& y) {
    return x.account == y.account && x.domains == y.domains;
  });
}

}  // namespace

std::string effect_of(std::string_view name) {
  if (const std::string_view reason = restart_reason(name); !reason.empty())
    return "after a restart: " + std::string(reason);
  if (std::ranges::find(kShared, name) != kShared.end() ||
      std::ranges::find(kSharedTables, name.substr(0, name.find('.'))) != kSharedTables.end())
    return "on SIGHUP, at once";
  if (name.starts_with("location")) return "on SIGHUP, within a minute";
  if (std::ranges::any_of(kOutbound, [&](std::string_view prefix) { return name.starts_with(prefix); }))
    return "on SIGHUP, for what is sent on from then";
  return "on SIGHUP, for sessions that begin then";
}

Reload plan_reload(const Configuration& used, const Configuration& wanted) {
  Reload reload{.applied = wanted, .changed = {}, .left = {}};
  const bool tls_switched = used.tls.certificate.empty() != wanted.tls.certificate.empty();
  const auto settle = [&](std::string name, std::string_view reason, const auto& keep) {
    if (reason.empty()) {
      reload.changed.push_back(std::move(name));
    } else {
      keep();
      reload.left.push_back({std::move(name), std::string(reason)});
    }
  };
  Configuration before = used;
  const auto old_values = describe(used);
  const auto new_values = describe(wanted);
  for (std::size_t i = 0; i < keys().size(); ++i) {
    if (old_values[i].value == new_values[i].value) continue;
    const bool tls = tls_switched && keys()[i].section == "tls";
    settle(new_values[i].name, tls ? kTlsSwitched : restart_reason(new_values[i].name),
           [&] { std::visit(Keep{before, reload.applied}, keys()[i].field); });
  }
  if (!same(used.transports, wanted.transports)) reload.changed.emplace_back(kTransportSection);
  if (!same(used.deliveries, wanted.deliveries)) reload.changed.emplace_back(kDeliverySection);
  if (!same(used.locations, wanted.locations)) reload.changed.emplace_back(kLocationSection);
  if (!same(used.relay_logins, wanted.relay_logins)) reload.changed.emplace_back("relay_login");
  if (!same(used.odmr, wanted.odmr)) reload.changed.emplace_back("odmr");
  if (used.directories != wanted.directories) reload.changed.emplace_back("directory");
  if (used.token_issuers != wanted.token_issuers) reload.changed.emplace_back("token_issuer");
  if (used.kerberos_realms != wanted.kerberos_realms) reload.changed.emplace_back("kerberos_realm");
  if (!same(used.listeners, wanted.listeners))
    settle("listener", restart_reason("listener"), [&] { reload.applied.listeners = used.listeners; });
  if (!same(used.certificates, wanted.certificates))
    settle("certificate", tls_switched ? kTlsSwitched : "", [&] { reload.applied.certificates = used.certificates; });
  return reload;
}

}  // namespace angarium::configuration
