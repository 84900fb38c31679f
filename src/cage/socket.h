// The sockets between the steward and who asks it: one for requests, each of which carries the end of a socket of its
// own for the letter and the answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "cage/types.h"
#include "delivery/files.h"

namespace angarium::cage {

using delivery::Descriptor;

enum class SocketKind { packets, octets };
/// Both ends are closed by exec.
Result<std::pair<Descriptor, Descriptor>> socket_pair(SocketKind kind);

/// Sends a packet with a descriptor; waits for room until the deadline. The octets stay
/// as they are. kUnavailable.
Result<> send_packet(const Descriptor& channel, std::string& octets, const Descriptor& with, Moment deadline);

struct Packet {
  std::string octets;
  Descriptor with;
};
/// Waits `wait` at most for a packet of at most `max` octets with one descriptor. Nothing when the other end is closed.
/// An empty packet stands for none yet, and for one that is no such packet.
std::optional<Packet> receive_packet(const Descriptor& channel, std::size_t max, Duration wait);

/// What stopped the writing of a frame.
enum class Written { whole, no_reader, too_late };
/// Four octets of length, the lowest first, then the octets.
Written write_frame(const Descriptor& socket, std::string_view octets, Moment deadline);
/// kUnavailable when it does not come whole until the deadline, or is longer than `max`.
Result<std::string> read_frame(const Descriptor& socket, std::size_t max, Moment deadline);

}  // namespace angarium::cage
