// The way to an IMAP server from a command: by the host's own look-ups, since a command runs without the server's.
#include <memory>

#include "base/text.h"
#include "io/block_on.h"
#include "io/host_lookup.h"
#include "io/network.h"
#include "io/race.h"
#include "transfer/remote.h"
#include "wire/tls/connection.h"

namespace angarium::transfer {
namespace {

io::Task<Result<std::unique_ptr<wire::Connection>>> reach(io::Network& network, std::vector<io::Endpoint> endpoints,
                                                          fetch::Url url) {
  io::Race race = co_await io::race(network, endpoints);
  if (!race.stream) {
    for (const io::Attempt& attempt : race.attempts)
      if (attempt.error) co_return fail(io::kUnreachable, attempt.to.text() + ": " + attempt.error->text());
    co_return fail(io::kUnreachable, url.host + ": no answer in time");
  }
  if (url.tls == fetch::Tls::none) {
    if (race.stream->peer().is_local_host()) co_return wire::plain_connection(std::move(race.stream));
    co_return fail(kStranger, "without TLS a password goes to this host only; write imaps:// or imap://");
  }
  auto options = std::make_shared<wire::tls::ClientOptions>();
  // What it is told by is judged before anything is said (RemoteBox::enter).
  options->context = CO_TRY(wire::tls::ClientContext::make(wire::tls::Verification::opportunistic));
  options->server_name = url.host;
  if (url.tls == fetch::Tls::starttls)
    co_return wire::tls::client_connection(std::move(race.stream), std::move(options));
  co_return co_await wire::tls::connect(std::move(race.stream), std::move(options));
}

}  // namespace

Result<std::unique_ptr<wire::Connection>> connect_remote(io::Loop& loop, const fetch::Url& url) {
  auto endpoints = io::look_up_host(url.host, url.port);
  if (!endpoints) return fail(endpoints.error().temporary() ? io::kUnreachable : kPlace, endpoints.error().text());
  const auto network = io::socket_network();
  return io::block_on(loop, reach(*network, *std::move(endpoints), url));
}

}  // namespace angarium::transfer
