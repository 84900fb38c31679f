// The way to an IMAP server from a command: by the host's own look-ups, since a command runs without the server's.
#include <netdb.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

#include "base/text.h"
#include "io/network.h"
#include "io/race.h"
#include "transfer/block_on.h"
#include "transfer/remote.h"
#include "wire/tls/connection.h"

namespace angarium::transfer {
namespace {

Result<std::vector<io::Endpoint>> find_host(const fetch::Url& url) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(url.host.c_str(), nullptr, &hints, &found);
  if (failed != 0)
    return fail(failed == EAI_AGAIN ? io::kUnreachable : kPlace,
                "the host " + escape_controls(url.host, 300) + " is not found: " + ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  std::vector<io::Endpoint> endpoints;
  for (const addrinfo* one = all.get(); one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    if (const auto address = io::IpAddress::parse(text.data())) endpoints.emplace_back(*address, url.port);
  }
  if (endpoints.empty()) return fail(kPlace, "the host " + escape_controls(url.host, 300) + " has no address");
  return endpoints;
}

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
  const auto endpoints = TRY(find_host(url));
  const auto network = io::socket_network();
  return block_on(loop, reach(*network, endpoints, url));
}

}  // namespace angarium::transfer
