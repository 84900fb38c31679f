// The page of counters over HTTP/1.1: what a Prometheus server asks for.
#pragma once

#include "io/task.h"
#include "wire/connection/connection.h"

namespace angarium::protocol::http {

/// Octets of a request's head: a scraper sends a few hundred.
inline constexpr std::size_t kHeadMax = 8 * 1024;
/// How long a client may take for its request, and to read the page.
inline constexpr Duration kPatience = std::chrono::seconds(10);

/// Answers one request on the connection (RFC 9112) and closes it: GET or HEAD of /metrics; 404, 405, 400 otherwise.
io::Task<> serve_metrics(wire::Connection& connection);

}  // namespace angarium::protocol::http
