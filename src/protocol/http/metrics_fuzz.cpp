// Whatever comes where a scraper should: one answer at most, and the connection ends.
#include "protocol/http/metrics.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "io/memory.h"

using namespace angarium;

namespace {

/// What the server has said by now.
void read_all(io::Stream& stream, std::string& into) {
  char buffer[4096];
  for (;;) {
    const auto count = stream.try_read(buffer);
    if (!count || *count == 0) return;
    into.append(buffer, *count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t step = data[0] == 0 ? size : data[0];
  std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  io::SimulatedLoop loop;
  auto ends = wire::memory_connections();
  loop.spawn(protocol::http::serve_metrics(*ends.server));
  loop.settle();
  std::string said;
  for (; !octets.empty(); octets.remove_prefix(std::min(step, octets.size()))) {
    (void)ends.client->try_write(octets.substr(0, step));
    loop.settle();
    read_all(*ends.client, said);
  }
  ends.client->close();
  loop.settle();
  if (loop.tasks() != 0) std::abort();
  if (!said.empty() && !said.starts_with("HTTP/1.1 ")) std::abort();
  return 0;
}
