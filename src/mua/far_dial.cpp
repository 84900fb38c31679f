#include "mua/far_dial.h"

#include <vector>

#include "base/text.h"
#include "io/host_lookup.h"
#include "io/race.h"
#include "wire/tls/connection.h"

namespace angarium::mua {
namespace {

using Tls = MailHost::Tls;

/// Where another way is tried next, a silent port is not waited for as long.
constexpr Duration kFirstWayTimeout = std::chrono::seconds(15);

io::Task<Result<std::unique_ptr<io::Stream>>> reach(io::Network& network, MailHost host, Duration timeout) {
  auto endpoints = CO_TRY(io::look_up_host(host.host, host.port));
  io::Race race = co_await io::race(network, std::move(endpoints), {.timeout = timeout});
  if (race.stream) co_return std::move(race.stream);
  for (const io::Attempt& attempt : race.attempts)
    if (attempt.error)
      co_return fail(io::kUnreachable, place_of(host) + " is not to be reached: " + attempt.error->text());
  co_return fail(io::kUnreachable, place_of(host) + " does not answer");
}

io::Task<Result<Reached>> dial_one(io::Network& network, MailHost host, Duration timeout) {
  if (host.port == 0) host.port = configuration::standard_port(host.protocol, host.tls);
  auto stream = CO_TRY(co_await reach(network, host, timeout));
  Reached reached{.connection = nullptr, .by = host};
  if (host.tls == Tls::none) {
    if (!stream->peer().is_local_host())
      co_return fail(kStranger, "without TLS a password goes to this host only; " + place_of(host) +
                                    " is another: write its name without +plain");
    reached.connection = wire::plain_connection(std::move(stream));
    co_return reached;
  }
  auto options = std::make_shared<wire::tls::ClientOptions>();
  // The certificate is judged by check_peer(), before anything is said: so it can be named to the user.
  options->context = CO_TRY(wire::tls::ClientContext::make(wire::tls::Verification::opportunistic));
  options->server_name = host.host;
  if (host.tls == Tls::starttls) {
    reached.connection = wire::tls::client_connection(std::move(stream), std::move(options));
    co_return reached;
  }
  auto connected = co_await wire::tls::connect(std::move(stream), std::move(options));
  if (!connected)
    co_return fail(wire::kTlsHandshake, place_of(host) + " does not speak TLS: " + connected.error().text());
  reached.connection = *std::move(connected);
  co_return reached;
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

std::string place_of(const MailHost& host) {
  const std::uint16_t port = host.port == 0 ? configuration::standard_port(host.protocol, host.tls) : host.port;
  return escape_controls(host.host, 300) + ":" + std::to_string(port);
}

Result<> check_peer(const Reached& reached, const MailAccount& account) {
  if (reached.by.tls == Tls::none) return {};
  const wire::TlsInfo* const tls = reached.connection->tls();
  if (tls == nullptr) return fail(kStranger, "the connection to " + place_of(reached.by) + " has no TLS");
  const std::string shown = "it shows the key sha256:" + tls->peer_key;
  if (!account.key.empty()) {
    if (tls->peer_key == account.key) return {};
    return fail(kStranger, place_of(reached.by) + " is not the server that was meant: " + shown);
  }
  if (tls->peer_verified) return {};
  return fail(kStranger, "nobody vouches for the certificate of " + place_of(reached.by) +
                             ", or it is another host's; " + shown +
                             ". If you know that it is the right one, say it by --key or as key in mail.toml");
}

}  // namespace angarium::mua
