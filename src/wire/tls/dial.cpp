#include "wire/tls/dial.h"

#include <utility>

#include "base/text.h"
#include "io/host_lookup.h"
#include "wire/tls/connection.h"

namespace angarium::wire::tls {
namespace {

io::Task<Result<std::unique_ptr<io::Stream>>> reach(io::Network& network, Way way) {
  auto endpoints = CO_TRY(io::look_up_host(way.host, way.port));
  io::Race race = co_await io::race(network, std::move(endpoints), {.timeout = way.timeout});
  if (race.stream) co_return std::move(race.stream);
  for (const io::Attempt& attempt : race.attempts)
    if (attempt.error)
      co_return fail(io::kUnreachable, place_of(way) + " is not to be reached: " + attempt.error->text());
  co_return fail(io::kUnreachable, place_of(way) + " does not answer");
}

}  // namespace

std::string place_of(const Way& way) { return escape_controls(way.host, 300) + ":" + std::to_string(way.port); }

io::Task<Result<std::unique_ptr<Connection>>> dial(io::Network& network, Way way) {
  auto stream = CO_TRY(co_await reach(network, way));
  if (way.tls == Way::Tls::none) {
    if (stream->peer().is_local_host()) co_return plain_connection(std::move(stream));
    co_return fail(kStranger, "without TLS a password goes to this host only; " + place_of(way) +
                                  " is another: write its name without +plain");
  }
  auto options = std::make_shared<ClientOptions>();
  // What the certificate says is judged by check_peer(): so it can be named to the user.
  options->context = CO_TRY(ClientContext::make(Verification::opportunistic));
  options->server_name = way.host;
  if (way.tls == Way::Tls::starttls) co_return client_connection(std::move(stream), std::move(options));
  auto connected = co_await connect(std::move(stream), std::move(options));
  if (connected) co_return connected;
  co_return fail(kTlsHandshake, place_of(way) + " does not speak TLS: " + connected.error().text());
}

Result<> check_peer(const Connection& connection, const Way& way, std::string_view key, std::string_view say_by) {
  if (way.tls == Way::Tls::none) return {};
  const TlsInfo* const tls = connection.tls();
  if (tls == nullptr) return fail(kStranger, "the connection to " + place_of(way) + " has no TLS");
  const std::string shown = "it shows the key sha256:" + tls->peer_key;
  if (!key.empty()) {
    if (tls->peer_key == key) return {};
    return fail(kStranger, place_of(way) + " is not the server that was meant: " + shown);
  }
  if (tls->peer_verified) return {};
  return fail(kStranger, "nobody vouches for the certificate of " + place_of(way) + ", or it is another host's; " +
                             shown + ". If you know that it is the right one, say it " + std::string(say_by));
}

}  // namespace angarium::wire::tls
