// INPROGRESS: a command that takes long says so from time to time (RFC 9585).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/timer.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap {

/// While it lives the command tells how far it is whenever kProgressEvery has passed. Between its begin and its end
/// nobody leaves a line half written in the session's output, nor waits for it to be sent.
class Progress final : io::Timer {
 public:
  Progress(Session& session, std::string_view tag);
  ~Progress() override { session_.progress = nullptr; }
  /// While somebody waits for the output to be sent.
  void pause() { paused_ = true; }
  void resume() { paused_ = false; }
  /// So many messages (or mailboxes) of so many are done. The goal changes when another step begins.
  void at(std::uint64_t done, std::uint64_t goal) {
    done_ = done;
    goal_ = goal;
  }

 private:
  void fire() override;
  void arm();

  Session& session_;
  std::string tag_;
  std::uint64_t done_ = 0;
  bool paused_ = false;
  std::uint64_t goal_ = 0;  ///< 0: nothing is known
};

}  // namespace angarium::protocol::imap
