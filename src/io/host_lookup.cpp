#include "io/host_lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "io/error.h"

namespace angarium::io {

Result<std::vector<Endpoint>> look_up_host(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string shown = "the host " + escape_controls(host, 300);
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed != 0)
    return fail(failed == EAI_AGAIN ? kUnreachable : kNoHost, shown + " is not found: " + ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, ::freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* one = all.get(); one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    if (const auto address = IpAddress::parse(text.data())) endpoints.emplace_back(*address, port);
  }
  if (endpoints.empty()) return fail(kNoHost, shown + " has no address");
  return endpoints;
}

}  // namespace angarium::io
