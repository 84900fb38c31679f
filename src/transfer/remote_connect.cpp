// The way to an IMAP server from a command.
#include <memory>

#include "io/block_on.h"
#include "io/host_lookup.h"
#include "io/network.h"
#include "transfer/remote.h"

namespace angarium::transfer {

wire::tls::Way way_to(const fetch::Url& url) {
  using Tls = wire::tls::Way::Tls;
  Tls tls = Tls::implicit;
  if (url.tls == fetch::Tls::starttls) tls = Tls::starttls;
  if (url.tls == fetch::Tls::none) tls = Tls::none;
  return {.host = url.host, .port = url.port, .tls = tls};
}

Result<std::unique_ptr<wire::Connection>> connect_remote(io::Loop& loop, const fetch::Url& url) {
  const auto network = io::socket_network();
  auto connection = io::block_on(loop, wire::tls::dial(*network, way_to(url)));
  if (!connection && connection.error().is(io::kNoHost)) return fail(kPlace, connection.error().text());
  return connection;
}

}  // namespace angarium::transfer
