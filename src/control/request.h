// What a command line asks of the running server, and what it hears back: one line of JSON each way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace angarium::control {

/// The line is no request or reply, or is beyond its limit.
inline constexpr ErrorKind kMalformed{"control.malformed", Fault::syntax, Lasting::permanent};
/// Nobody answers on the control socket: the server is not running.
inline constexpr ErrorKind kNotRunning{"control.not-running", Fault::dependency, Lasting::temporary};

/// Octets of one line; a listing of 10,000 accounts fits.
inline constexpr std::size_t kLineMax = 16u << 20;
/// Octets of a request: an alias with a thousand targets fits.
inline constexpr std::size_t kRequestMax = 60u << 10;

/// A verb such as "account.add" and its arguments in order; a name may occur several times.
struct Request {
  std::string verb;
  std::vector<std::pair<std::string, std::string>> arguments;

  /// The first argument of that name, or empty.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  Request& add(std::string_view name, std::string_view value) {
    arguments.emplace_back(name, value);
    return *this;
  }
};

/// Exit codes of the command line.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kTemporary = 75;

struct Reply {
  int exit_code = kDone;
  std::string error;            ///< in words, empty when done
  std::string result = "null";  ///< JSON text
};
/// The reply that tells of an error: exit code 75 when it may go away by itself.
Reply failure(const Error& error);

/// How far long work is; sent between the request and its reply, any number of times.
struct Progress {
  std::uint64_t done = 0;
  std::uint64_t all = 0;
};

// Each line ends with LF.
std::string encode(const Request& request);
std::string encode(const Reply& reply);
std::string encode(const Progress& progress);
Result<Request> decode_request(std::string_view line);
/// What a server sends: progress or, last, the reply.
struct Message {
  bool last = false;
  Progress progress;
  Reply reply;
};
Result<Message> decode_message(std::string_view line);

}  // namespace angarium::control
