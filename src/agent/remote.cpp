#include "agent/remote.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "io/error.h"
#include "io/loop.h"
#include "message/status.h"
#include "route/site.h"
#include "wire/saslsec/exchange.h"
#include "wire/tls/connection.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;
using route::Tls;

queue::Trouble trouble(std::string status, std::string words, std::string remote) {
  return {.status = std::move(status),
          .diagnostic = std::move(words),
          .remote = std::move(remote),
          .at = io::Loop::current().clock().wall()};
}

/// What the operator has set up is nothing for strangers.
queue::Trouble inner(queue::Trouble trouble) {
  trouble.inner = true;
  return trouble;
}

std::string host_text(const route::Hop& hop) { return hop.host + " [" + hop.address.text() + "]"; }

/// Opportunistic TLS that failed is tried again in the clear: no worse than a server that does not offer it (RFC 7435).
bool may_go_plain(const Error& error, Tls tls) { return tls == Tls::opportunistic && error.is(wire::kTlsHandshake); }

}  // namespace

io::Task<std::expected<RemotePlan, Unreachable>> Remote::plan(std::shared_ptr<const RemoteTerms> terms,
                                                              route::Transport transport, std::string domain) {
  RemotePlan plan{.terms = std::move(terms), .way = route::transport_text(transport)};
  plan.site = plan.way;
  route::Hosts hosts;
  plan.port = plan.terms->port;
  if (const auto* const relay = std::get_if<route::Relay>(&transport)) {
    plan.port = relay->port;
    plan.tls = relay->tls;
    plan.login = relay->login;
    domain = relay->host;
    hosts = co_await route::find_relay(resolver_, relay->host, plan.terms->hosts);
  } else if (const auto* const lmtp = std::get_if<route::ByLmtp>(&transport)) {
    plan.port = lmtp->port;
    plan.dialect = smtp::Dialect::lmtp;
    plan.socket = lmtp->socket;
    if (!plan.socket.empty()) co_return plan;
    domain = lmtp->host;
    hosts = co_await route::find_relay(resolver_, lmtp->host, plan.terms->hosts);
  } else {
    hosts = co_await route::find_hosts(resolver_, domain, plan.terms->hosts, io::Loop::current().random());
    plan.site = route::site_of(hosts.hops);
  }
  plan.hops = std::move(hosts.hops);
  if (hosts.failure == route::Failure::none) co_return plan;
  route::Status status = route::recipient_status(hosts.failure, domain);
  // A relay that is not found is the operator's mistake, and mended soon.
  co_return std::unexpected(
      Unreachable{.trouble = trouble(std::string(status.enhanced), std::move(status.text), {}),
                  .permanent = status.code >= 500 && std::holds_alternative<route::ByDns>(transport)});
}

std::vector<std::string> RemotePlan::hosts() const {
  std::vector<std::string> names;
  if (!socket.empty()) names.push_back(socket);
  for (const route::Hop& hop : hops)
    if (std::ranges::find(names, to_lower(hop.host)) == names.end()) names.push_back(to_lower(hop.host));
  return names;
}

bool RemotePlan::fits(const RemoteSession& session) const {
  if (session.way != way || session.site != site) return false;
  if (!socket.empty()) return true;
  const auto named = [](const std::string& name) {
    return [&name](const route::Hop& hop) { return equals_ignore_case(hop.host, name); };
  };
  const auto at = std::ranges::find_if(hops, named(session.name));
  if (at == hops.end()) return false;
  // RFC 5321 §5.1: lower preferences first; equal ones are as good.
  return std::ranges::all_of(hops, [&](const route::Hop& other) {
    return other.preference >= at->preference || std::ranges::any_of(session.passed, [&](const std::string& passed) {
             return equals_ignore_case(other.host, passed);
           });
  });
}

io::Task<Remote::Opened> Remote::open(RemotePlan plan) {
  if (!plan.login.empty()) {
    const Moment now = io::Loop::current().now();
    if (const auto words = plan.terms->refused_logins->refused(plan.login, plan.way, now))
      co_return std::unexpected(Unreachable{.trouble = inner(trouble("4.7.8", *words, {})), .login = true});
  }
  if (!plan.socket.empty()) co_return co_await open_socket(plan);
  std::optional<Unreachable> why;
  // RFC 5321 §5.1: the best hosts first; those of equal preference were put in an order of chance.
  for (auto from = plan.hops.begin(); from != plan.hops.end();) {
    const auto to =
        std::find_if(from, plan.hops.end(), [&](const route::Hop& hop) { return hop.preference != from->preference; });
    auto opened = co_await try_hops(plan, {from, to});
    // A password that one host refused is not tried at the next: too many failures lock us out.
    if (opened)
      for (auto hop = plan.hops.begin(); hop != from; ++hop) opened->passed.push_back(hop->host);
    if (opened || opened.error().login) co_return opened;
    // What a host said is told rather than that another one does not answer.
    if (!why || (why->trouble.remote.empty() && !opened.error().trouble.remote.empty()))
      why = std::move(opened).error();
    from = to;
  }
  co_return std::unexpected(*std::move(why));
}

/// Hosts of one preference: a race for each until one of them is fit.
io::Task<Remote::Opened> Remote::try_hops(const RemotePlan& plan, std::vector<route::Hop> hops) {
  std::optional<Unreachable> why;
  while (!hops.empty()) {
    std::vector<io::Endpoint> endpoints;
    for (const route::Hop& hop : hops) endpoints.push_back(io::Endpoint(hop.address, plan.port));
    io::Race race = co_await io::race(network_, endpoints, plan.terms->race);
    const route::Hop* winner = nullptr;
    std::vector<route::Hop> left;
    for (std::size_t i = 0; i < hops.size(); ++i) {
      const io::Attempt& attempt = race.attempts[i];
      if (attempt.outcome == io::Attempt::Outcome::won) {
        winner = &hops[i];
      } else if (attempt.outcome == io::Attempt::Outcome::failed) {
        if (!why) why = {.trouble = trouble("4.4.1", host_text(hops[i]) + ": " + attempt.error->text(), {})};
      } else if (race.stream) {
        left.push_back(hops[i]);
      }
    }
    if (winner == nullptr) break;
    auto opened = co_await greet(plan, winner, std::move(race.stream), plan.tls != Tls::none);
    if (opened || opened.error().login) co_return opened;
    why = std::move(opened).error();
    hops = std::move(left);
  }
  if (!why) why = {.trouble = trouble("4.4.1", "no host answered in time", {})};
  co_return std::unexpected(*std::move(why));
}

io::Task<Remote::Opened> Remote::open_socket(const RemotePlan& plan) {
  auto stream = co_await network_.connect(io::Endpoint::unix_path(plan.socket));
  if (!stream)
    co_return std::unexpected(
        Unreachable{.trouble = inner(trouble("4.4.1", plan.socket + ": " + stream.error().text(), {}))});
  co_return co_await greet(plan, nullptr, *std::move(stream), false);
}

/// `hop`: none for a socket of this host.
io::Task<Remote::Opened> Remote::greet(const RemotePlan& plan, const route::Hop* hop,
                                       std::unique_ptr<io::Stream> stream, bool use_tls) {
  RemoteSession session{
      .way = plan.way, .site = plan.site, .host = "localhost", .name = "localhost", .key = plan.socket};
  if (hop != nullptr) {
    session.host = host_text(*hop);
    session.name = hop->host;
    session.key = to_lower(hop->host);
  }
  const io::Endpoint peer = stream->peer();
  auto refused = [&](const Error& error) {
    const bool login = error.is(kLoginRefused);
    if (login) plan.terms->refused_logins->add(plan.login, plan.way, error.text(), io::Loop::current().now());
    queue::Trouble why = trouble(login ? "4.7.8" : "4.4.0", error.text(), session.name);
    return std::unexpected(Unreachable{.trouble = login ? inner(std::move(why)) : std::move(why), .login = login});
  };
  const bool verify = plan.tls == Tls::verified || plan.tls == Tls::implicit;
  auto options = std::make_shared<wire::tls::ClientOptions>();
  options->context = verify ? plan.terms->verified : plan.terms->opportunistic;
  options->server_name = session.name;
  if (plan.tls == Tls::implicit) {
    auto connected = co_await wire::tls::connect(std::move(stream), std::move(options));
    if (!connected) co_return refused(connected.error());
    session.connection = *std::move(connected);
  } else {
    session.connection = wire::tls::client_connection(std::move(stream), std::move(options));
  }
  const Result<> introduced = co_await introduce(plan, session, use_tls);
  if (introduced) co_return session;
  session.connection->close();
  if (hop == nullptr || !may_go_plain(introduced.error(), plan.tls) || !use_tls) co_return refused(introduced.error());
  log::info("mta", "TLS failed, going on in the clear", {{"host", session.host}, {"error", introduced.error().text()}});
  auto again = co_await network_.connect(peer);
  if (!again) co_return refused(again.error());
  co_return co_await greet(plan, hop, *std::move(again), false);
}

io::Task<Result<>> Remote::introduce(const RemotePlan& plan, RemoteSession& session, bool use_tls) {
  session.client = std::make_unique<smtp::Client>(
      *session.connection,
      smtp::ClientOptions{.name = plan.terms->hostname, .dialect = plan.dialect, .times = plan.terms->times});
  smtp::Client& client = *session.client;
  CO_TRY(co_await client.open());
  if (use_tls && plan.tls != Tls::implicit) {
    if (client.extensions().starttls) {
      CO_TRY(co_await client.start_tls());
    } else if (plan.tls != Tls::opportunistic) {
      co_return fail(smtp::kRefusedNow, session.name + " offers no STARTTLS, which the transport asks for");
    }
  }
  if (const wire::TlsInfo* const tls = session.connection->tls()) session.tls = tls->version + " " + tls->cipher;
  if (plan.login.empty()) co_return Result<>();
  co_return co_await log_in(plan, session);
}

io::Task<Result<>> Remote::log_in(const RemotePlan& plan, RemoteSession& session) {
  const auto login = plan.terms->logins.find(plan.login);
  if (login == plan.terms->logins.end())
    co_return fail(kLoginRefused, "there is no [[relay_login]] '" + plan.login + "' in the configuration");
  const bool plain = session.connection->tls() == nullptr;
  if (plain && login->second.layer == sasl::Protection::none)
    co_return fail(kLoginRefused, "the login '" + plan.login + "' is used over TLS only, and " + session.name +
                                      " is spoken to in the clear");
  sasl::ClientContext credentials;
  credentials.identity.authentication_id = login->second.user;
  credentials.service = "smtp";
  credentials.host = session.name;
  credentials.bindings = wire::saslsec::channel_bindings(*session.connection);
  // Without TLS nothing is said or sent but under a layer.
  if (plain) credentials.protection_min = login->second.layer;
  if (plain) credentials.protection_max = sasl::Protection::confidentiality;
  CO_TRY(co_await furnish(pool_, login->second, credentials));
  // Who it is that asks is known only by the certificate: without it the password itself is not told, only proved.
  const bool verified = plan.tls == Tls::verified || plan.tls == Tls::implicit;
  const bool ticket = login->second.has == sasl::Needs::ticket;
  const Result<> done = co_await session.client->authenticate(
      std::move(credentials), verified ? sasl::Plaintext::allowed : sasl::Plaintext::refused,
      login->second.weak ? sasl::Choice::Weak::allowed : sasl::Choice::Weak::refused);
  if (done) {
    plan.terms->refused_logins->taken(plan.login, plan.way);
    co_return done;
  }
  if (done.error().is(smtp::kHungUpAtLogin))
    co_return fail(kLoginRefused, session.name + " hung up when it was told the login '" + plan.login +
                                      "', as some do whose name or password is wrong");
  // A connection that is lost otherwise says nothing of the login.
  if (done.error().temporary() || done.error().is(io::kEndOfStream)) co_return done;
  co_return fail(
      kLoginRefused,
      session.name + " does not take the login '" + plan.login + "': " + done.error().text() +
          (verified ? ""
           : plain  ? " (without TLS only what agrees on a layer is used: GSSAPI, or DIGEST-MD5)"
           : ticket ? " (with tls=required only GS2-KRB5 is used, which whoever stands between cannot carry on; "
                      "tls=verified allows GSSAPI)"
                    : " (with tls=required only SCRAM is used; tls=verified allows PLAIN and LOGIN)"));
}

}  // namespace angarium::agent
