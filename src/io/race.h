// Connecting to a host that has several addresses: one after another with a head start, the first that answers wins
// (Happy Eyeballs, RFC 8305 §5).
//
// For mail the addresses of one race are those of one host, IPv6 and IPv4, or of hosts of equal preference. Never
// across preferences: RFC 5321 §5.1 wants the better host tried first, not only first begun, and a backup that happens
// to be nearer would take mail that its primary was there to take.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "io/network.h"

namespace angarium::io {

struct RaceOptions {
  /// The head start of each address; after a failure the next one is tried at once. RFC 8305 §5 recommends 250 ms, and
  /// allows 100 ms to 2 s.
  Duration head_start = std::chrono::milliseconds(250);
  Duration attempt_timeout = std::chrono::seconds(30);
  /// From the call on, whatever is still tried.
  Duration timeout = std::chrono::seconds(60);
  /// Attempts under way at the same time: at least 1, which is one strictly after the other.
  std::size_t at_once = 3;
  /// The addresses to connect from.
  std::optional<IpAddress> from_v4;
  std::optional<IpAddress> from_v6;
};

/// What became of one address.
struct Attempt {
  Endpoint to;
  enum class Outcome : std::uint8_t {
    won,
    failed,     ///< `error` says why
    given_up,   ///< another one won, or time was over, before it answered: it may still be a good address
    not_begun,  ///< likewise, before its turn
  } outcome = Outcome::not_begun;
  std::optional<Error> error;  ///< of `failed`
  Duration began{0};           ///< from the start of the race
  Duration took{0};
};

struct Race {
  std::unique_ptr<Stream> stream;  ///< of the winner; none: all failed, or time was over
  std::vector<Attempt> attempts;   ///< one for each address, in their order

  /// The addresses that neither won nor failed: what is left when the winner's server turns out to be of no use.
  [[nodiscard]] std::vector<Endpoint> left() const;
};

/// Endpoints in order of preference, each tried once; at best the families alternate (RFC 8305 §4). Destroying the task
/// gives all attempts up. The network outlives it.
Task<Race> race(Network& network, std::vector<Endpoint> endpoints, RaceOptions options = {});

}  // namespace angarium::io
