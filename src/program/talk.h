// A talk (control::Talk) with the running server; with the store itself when none runs.
#pragma once

#include <sys/types.h>

#include <optional>

#include "control/client.h"
#include "program/commands.h"

namespace angarium::program {

/// When no server runs, a child process becomes the server's user, opens the store and is the other end: this process
/// keeps its own rights, to read and write what its caller may.
class TalkDoor {
 public:
  TalkDoor() = default;
  TalkDoor(const TalkDoor&) = delete;
  TalkDoor& operator=(const TalkDoor&) = delete;
  /// Ends the connection and waits until the child has closed the store.
  ~TalkDoor();

  /// Call before threads start. A reply other than kDone refuses.
  Result<control::Reply> open(const Context& context, const control::Request& request);
  [[nodiscard]] int descriptor() const { return connection_->get(); }

 private:
  Result<> open_here(const Context& context);

  std::optional<control::Connection> connection_;
  pid_t child_ = -1;
};

}  // namespace angarium::program
