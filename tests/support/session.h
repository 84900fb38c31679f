// Session scripts: what client and server say, as text beside the code of a protocol.
//
//   -- a comment; blank lines mean nothing
//   S: 220 {*}                     a line the server must send: {*} is any text
//   C: EHLO client.example         a line the client sends; CRLF is added
//   S: 250-{re:[a-z.]+} greets     {re:REGEX} is an ECMAScript regular expression without braces nested deeper than one
//   S: 250 {id:=[0-9]+}            remembers what matched; {$id} stands for it in later lines of either side
//   C-raw: NOOP\n\x00              sent as it is after escapes \r \n \t \\ \xHH, no CRLF added
//   C<<                            the lines up to >> are sent, with CRLF each; {$name} is not replaced
//   a literal block
//   >>
//   S<<                            the lines up to >> must come, each exactly as it stands
//   >>
//   S?: * 1 EXISTS                 neighbouring S?: lines may come in any order
//   SILENCE                        nothing more may have come from the server
//   TLS                            the client starts TLS; the handshake must succeed
//   TIME +30s                      virtual time passes (ms, s, min, h)
//   EOF                            the server must have ended the connection
//   CLOSE                          the client closes
//   PIPELINE off                   this script is not run in the pipelined variant
//
// A number names the connection where there are several: C2: S2: S2?: C2-raw: C2<< S2<< TLS2 EOF2 CLOSE2 SILENCE2;
// without one it is 1. Each connection opens when it is first mentioned. A server line not expected by the script is a
// failure.
#pragma once

#include <functional>
#include <string>

#include "io/task.h"
#include "wire/connection/connection.h"

namespace angarium::test {

/// Serves one connection to its end. The connection lives until the task has ended.
using Server = std::function<io::Task<>(wire::Connection&)>;
/// Called once a run, on the run's simulated loop (io::Loop::current()): gives a server with a fresh back end.
using ServerSetup = std::function<Server()>;

enum class Delivery {
  whole,      ///< each line in one piece
  octets,     ///< one octet at a time
  cut,        ///< each send in two pieces, cut at SessionOptions::cut
  pipelined,  ///< all that one connection sends up to its next turning point at once, replies checked afterwards
};

struct SessionOptions {
  Delivery delivery = Delivery::whole;
  std::size_t cut = 0;
  std::uint64_t seed = 0;  ///< of the loop; 0 is in order
  wire::MemoryConnectionOptions connection;
  /// What scripts see of a server's line that does not fit as it stands; null: nothing else. For what the server adds
  /// to its lines that most scripts are not about.
  std::string_view (*visible)(std::string_view line) = nullptr;
};

/// Empty when the session went as the script says; otherwise what went wrong, with the script's line.
std::string play_session(std::string_view script, const ServerSetup& setup, const SessionOptions& options = {});

/// Plays a script file in every delivery, cut at every byte, and reports failures to doctest.
void check_session(const std::string& path, const ServerSetup& setup, SessionOptions options = {});

/// Every *.txt of a folder, in order of names.
void check_sessions(const std::string& folder, const ServerSetup& setup, SessionOptions options = {});

}  // namespace angarium::test
