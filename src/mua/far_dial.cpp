#include "mua/far_dial.h"

#include <utility>

#include "io/host_lookup.h"
#include "io/race.h"
#include "wire/saslsec/exchange.h"

namespace angarium::mua {
namespace {

using Tls = MailHost::Tls;

/// Where another way is tried next, a silent port is not waited for as long.
constexpr Duration kFirstWayTimeout = std::chrono::seconds(15);

/// Of one whose kind of TLS is known.
wire::tls::Way way_to(const MailHost& host) {
  wire::tls::Way way{.host = host.host,
                     .port = host.port == 0 ? configuration::standard_port(host.protocol, host.tls) : host.port};
  if (host.tls == Tls::starttls) way.tls = wire::tls::Way::Tls::starttls;
  if (host.tls == Tls::none) way.tls = wire::tls::Way::Tls::none;
  return way;
}

io::Task<Result<Reached>> dial_one(io::Network& network, MailHost host, Duration timeout) {
  wire::tls::Way way = way_to(host);
  way.timeout = timeout;
  host.port = way.port;
  co_return Reached{.connection = CO_TRY(co_await wire::tls::dial(network, std::move(way))), .by = std::move(host)};
}

/// RFC 8314 §3: TLS from the first octet on before STARTTLS, and never neither.
io::Task<Result<Reached>> dial(io::Network& network, MailHost host) {
  constexpr Duration kLast = io::RaceOptions{}.timeout;
  if (host.tls != Tls::automatic) co_return co_await dial_one(network, std::move(host), kLast);
  MailHost way = host;
  way.tls = Tls::implicit;
  auto first = co_await dial_one(network, way, kFirstWayTimeout);
  if (first || first.error().is(io::kNoHost)) co_return first;
  way.tls = Tls::starttls;
  auto second = co_await dial_one(network, way, kLast);
  if (second) co_return second;
  co_return fail(io::kUnreachable, first.error().text() + "; " + second.error().text());
}

}  // namespace

Dial dial_by(io::Network& network) {
  return [&network](MailHost host) { return dial(network, std::move(host)); };
}

std::string place_of(const MailHost& host) { return wire::tls::place_of(way_to(host)); }

Result<> check_peer(const Reached& reached, const MailAccount& account) {
  return wire::tls::check_peer(*reached.connection, way_to(reached.by), account.key, "by --key or as key in mail.toml");
}

const std::string& user_for(const MailAccount& account, MailHost::Protocol protocol) {
  if (protocol == MailHost::Protocol::smtp && !account.smtp_user.empty()) return account.smtp_user;
  return account.user.empty() ? account.address : account.user;
}

Result<sasl::ClientContext> credentials_for(const FarTerms& terms, const Reached& reached, std::string service,
                                            sasl::Secret password) {
  const MailAccount& account = terms.account;
  sasl::ClientContext context;
  context.password = std::move(password);
  context.service = std::move(service);
  context.host = reached.by.host;
  context.bindings = wire::saslsec::channel_bindings(*reached.connection);
  if (reached.connection->tls() == nullptr) context.protection_max = sasl::Protection::confidentiality;
  if (!account.tickets) {
    context.identity.authentication_id = user_for(account, reached.by.protocol);
    if (!account.token_file.empty()) context.has = sasl::Needs::token;
    return context;
  }
  context.has = sasl::Needs::ticket;
  // An address that stands for the user is no principal: the ticket says who it is.
  const bool named =
      !account.user.empty() || (reached.by.protocol == MailHost::Protocol::smtp && !account.smtp_user.empty());
  context.gss = TRY(terms.ticket(named ? user_for(account, reached.by.protocol) : std::string(), context));
  return context;
}

}  // namespace angarium::mua
