#include "agent/settings.h"

#include <unistd.h>

#include "io/interfaces.h"
#include "message/domain.h"
#include "sasl/mechanism.h"

namespace angarium::agent {

namespace smtp = protocol::smtp;
namespace {

/// A month: longer than that a message is better kept by who wrote it.
constexpr std::uint32_t kFutureReleaseMax = 31 * 24 * 3600;
/// RFC 2852 §2: the shortest time within which a message can be wanted back; an attempt at a slow host takes as long.
constexpr std::uint32_t kDeliverByMin = 60;
/// RFC 6710 §5.1: what users may ask for; the rest is the operator's.
constexpr int kPriorityOfUsers = 4;

}  // namespace

smtp::Policy smtp_policy(const configuration::Configuration& c, smtp::Role role, smtp::TlsUse tls) {
  smtp::Policy policy;
  policy.role = role;
  policy.hostname = c.server.hostname;
  policy.tls = tls;
  const bool login = role == smtp::Role::submission || role == smtp::Role::odmr;
  policy.auth = login ? smtp::AuthUse::required : smtp::AuthUse::none;
  if (role == smtp::Role::lmtp && c.lmtp.auth != configuration::LmtpAuth::off)
    policy.auth = c.lmtp.auth == configuration::LmtpAuth::required ? smtp::AuthUse::required : smtp::AuthUse::offered;
  policy.plaintext = static_cast<smtp::PlaintextAuth>(c.auth.plaintext_without_tls);
  policy.mechanisms = c.auth.mechanisms;
  // Guests read, and send nothing.
  std::erase(policy.mechanisms, sasl::kAnonymous.name);
  policy.line_ends =
      c.smtp.bare_line_ends == configuration::BareLineEnds::refuse ? smtp::LineEnds::refuse : smtp::LineEnds::normalise;
  // LMTP's recipients are accepted one by one; who hands over by it keeps a queue, and reports itself.
  policy.dsn = role == smtp::Role::lmtp ? smtp::Announce::no : smtp::Announce::yes;
  // Whoever keeps a queue keeps the time, too: mail goes on by it only to those who do.
  if (role != smtp::Role::lmtp) policy.deliver_by = {.announce = smtp::Announce::yes, .min_s = kDeliverByMin};
  if (role == smtp::Role::submission) {
    policy.burl = smtp::Announce::yes;
    policy.future_release_s = kFutureReleaseMax;
    policy.priorities = {.announce = smtp::Announce::yes, .highest = 0, .authenticated = kPriorityOfUsers};
  }
  const bool etrn = role == smtp::Role::mx && !c.smtp.etrn_networks.empty();
  policy.etrn = etrn ? smtp::Announce::yes : smtp::Announce::no;
  // It knows itself which roles and line ends it is for.
  policy.checkpoint = c.smtp.checkpoint_size > 0 ? smtp::Announce::yes : smtp::Announce::no;
  // RFC 5321 §3.5.2: announced to those who may ask; others hear that they may not.
  using configuration::Vrfy;
  const bool asked_by_hosts = c.smtp.vrfy == Vrfy::all || !c.smtp.relay_networks.empty();
  const bool asked = role == smtp::Role::submission || (role == smtp::Role::mx && asked_by_hosts);
  policy.expn = asked && c.smtp.vrfy != Vrfy::off ? smtp::Announce::yes : smtp::Announce::no;
  policy.limits.message_octets = static_cast<std::uint64_t>(c.smtp.message_size_max);
  policy.limits.recipients = static_cast<std::uint32_t>(c.smtp.recipients_max);
  policy.limits.errors = static_cast<std::uint32_t>(c.smtp.errors_max);
  policy.times.command = c.smtp.command_timeout;
  policy.times.data_block = c.smtp.data_timeout;
  policy.times.data_grace = c.smtp.data_grace;
  policy.times.auth_failure = c.auth.failure_delay;
  if (role == smtp::Role::mx && c.smtp.early_talk == configuration::EarlyTalk::refuse) {
    policy.early_talk = smtp::EarlyTalk::refuse;
    policy.greeting_delay = c.smtp.greeting_delay;
  }
  return policy;
}

protocol::pop3::ServerOptions pop3_options(const configuration::Configuration& c) {
  protocol::pop3::ServerOptions options;
  options.hostname = c.server.hostname;
  options.mechanisms.assign(c.auth.mechanisms.begin(), c.auth.mechanisms.end());
  options.apop = c.auth.apop ? protocol::pop3::Apop::on : protocol::pop3::Apop::off;
  options.idle_timeout = c.pop3.idle_timeout;
  options.login_timeout = c.limits.login_timeout;
  options.send_timeout = c.limits.send_timeout;
  options.failure_delay = c.auth.failure_delay;
  return options;
}

protocol::imap::ServerOptions imap_options(const configuration::Configuration& c) {
  protocol::imap::ServerOptions options;
  options.append_limit = static_cast<std::uint64_t>(c.imap.append_size_max);
  options.message_limit = static_cast<std::uint32_t>(c.imap.message_limit);
  options.idle_timeout = c.imap.idle_timeout;
  options.login_timeout = c.limits.login_timeout;
  options.send_timeout = c.limits.send_timeout;
  return options;
}

io::ResolverOptions resolver_options(const configuration::Configuration& c) {
  using configuration::Dnssec;
  io::ResolverOptions options;
  for (const std::string& text : c.dns.servers)
    if (auto server = io::parse_dns_server(text)) options.servers.push_back(*server);
  options.insecure_domains = c.dns.unsigned_domains;
  if (c.dns.dnssec == Dnssec::off) return options;
  options.trust_anchor_file = c.resolve(c.dns.trust_anchor);
  if (options.trust_anchor_file.empty()) {
    const auto root_key = std::string(io::kSystemTrustAnchor);
    // Without the package there is nothing to check by; strict says so when the resolver is made.
    if (c.dns.dnssec == Dnssec::strict || access(root_key.c_str(), R_OK) == 0) options.trust_anchor_file = root_key;
  }
  using Bogus = io::ResolverOptions::Bogus;
  options.bogus = c.dns.dnssec == Dnssec::strict ? Bogus::temporary : Bogus::insecure;
  return options;
}

route::HostsOptions hosts_options(const configuration::Configuration& c) {
  route::HostsOptions options;
  options.own_names = {c.server.hostname};
  options.question_timeout = c.dns.timeout;
  bool all = false;
  for (const configuration::Listener& listener : c.listeners) {
    const auto endpoint = io::Endpoint::parse(listener.address);
    if (listener.protocol != "smtp" || !endpoint || !endpoint->is_ip()) continue;
    if (endpoint->address().is_unspecified())
      all = true;
    else
      options.own_addresses.push_back(endpoint->address());
  }
  if (all) options.own_addresses = io::interface_addresses();
  return options;
}

Result<route::TransportMap> transport_map(const configuration::Configuration& c) {
  std::vector<route::Rule> rules;
  rules.reserve(c.transports.size());
  for (const auto& [key, transport] : c.transports) rules.push_back({key, TRY(route::parse_transport(transport))});
  for (const configuration::OdmrCustomer& customer : c.odmr)
    for (const std::string& domain : customer.domains) rules.push_back({domain, route::ByAtrn{}});
  return route::TransportMap::make(std::move(rules));
}

std::shared_ptr<const LocalTerms> local_terms(const configuration::Configuration& c) {
  auto local = std::make_shared<LocalTerms>();
  local->hostname = c.server.hostname;
  local->domains.insert(message::domain_key(c.server.hostname));
  for (const std::string& domain : c.local.domains) local->domains.insert(message::domain_key(domain));
  local->srs = c.forwarding.srs;
  local->srs_domain = message::domain_key(c.forwarding.domain);
  // Root's, or the server's own.
  for (const std::string& path : c.local.aliases)
    local->aliases.push_back(std::make_shared<alias::AliasFile>(*local->files, c.resolve(path), geteuid()));
  std::vector<route::DeliveryRule> rules;
  for (const auto& [key, place] : c.deliveries) rules.push_back({key, place});
  // Whoever read the configuration has judged it.
  local->deliveries = route::DeliveryMap::make(rules).value_or(route::DeliveryMap());
  return local;
}

ReportTerms report_terms(const configuration::Configuration& c) {
  return {.hostname = c.server.hostname, .lifetime = c.queue.lifetime, .notice_after = c.queue.notice_after};
}

Result<std::shared_ptr<const CourierTerms>> courier_terms(const configuration::Configuration& c) {
  using wire::tls::ClientContext;
  auto remote = std::make_shared<RemoteTerms>();
  remote->hostname = c.server.hostname;
  remote->port = static_cast<std::uint16_t>(c.outbound.port);
  remote->hosts = hosts_options(c);
  remote->opportunistic = TRY(ClientContext::make(wire::tls::Verification::opportunistic));
  remote->verified = TRY(ClientContext::make(wire::tls::Verification::webpki));
  remote->logins = TRY(read_relay_logins(c));
  auto terms = std::make_shared<CourierTerms>();
  terms->remote = std::move(remote);
  terms->transports = TRY(transport_map(c));
  terms->local = local_terms(c);
  terms->reports = report_terms(c);
  terms->retry_first = c.queue.retry_first;
  terms->retry_longest = c.queue.retry_longest;
  terms->sessions_max = static_cast<std::size_t>(c.outbound.sessions_max);
  terms->per_destination_max = static_cast<std::size_t>(c.outbound.per_destination_max);
  return terms;
}

Result<std::vector<io::Prefix>> read_networks(const std::vector<std::string>& texts) {
  std::vector<io::Prefix> networks;
  for (const std::string& text : texts) networks.push_back(TRY(io::Prefix::parse(text)));
  return networks;
}

account::AttemptLimits attempt_limits(const configuration::Configuration& c) {
  account::AttemptLimits limits;
  limits.failures_max = static_cast<std::uint32_t>(c.auth.failures_max);
  limits.window = c.auth.failures_window;
  return limits;
}

}  // namespace angarium::agent
