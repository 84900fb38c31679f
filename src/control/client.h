// The command line's end of the control socket. Blocks: for programs, not for loops.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "control/request.h"

namespace angarium::control {

/// Asks the server on the socket at `path` and waits for its reply, however long the work takes. kNotRunning when
/// nobody answers there.
Result<Reply> ask(const std::string& path, const Request& request,
                  const std::function<void(const Progress&)>& progress = {});

/// A connection to the server that blocks; closed with its owner.
class Connection {
 public:
  explicit Connection(int descriptor) : number_(descriptor) {}
  Connection(Connection&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection();
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};
/// kNotRunning when nobody answers there.
Result<Connection> connect(const std::string& path);
/// Asks for a talk (server.h). With a reply of kDone the connection is in the talk's language from then on.
Result<Reply> open_talk(const Connection& connection, const Request& request);

}  // namespace angarium::control
