// The whole server: listeners, loops and the agents that answer, opened together and drained together.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/administrator.h"
#include "agent/budget.h"
#include "agent/doors.h"
#include "agent/gate.h"
#include "agent/maildrop.h"
#include "agent/rate.h"
#include "agent/services.h"
#include "agent/transaction.h"
#include "cage/steward.h"
#include "configuration/configuration.h"
#include "io/listener.h"
#include "io/loop.h"

namespace angarium::agent {

/// How long what goes on may take to end after drain(). All together less than the 90 s after which systemd kills.
struct DrainPatience {
  Duration sessions = std::chrono::seconds(15);
  /// Files and commands: as long as is waited for locks on files, and a little more. Then commands are ended,
  Duration deliveries = std::chrono::seconds(45);
  /// and what has not answered after this is given up.
  Duration called_off = std::chrono::seconds(10);
};

class PostOffice {
 public:
  /// Opens the store behind these doors and binds the control socket; nothing is accepted yet. Starts threads: call as
  /// the user that is to own the store's files. With a steward the users of the host have mail.
  static Result<std::unique_ptr<PostOffice>> open(const configuration::Configuration& configuration, Doors doors,
                                                  std::unique_ptr<cage::Steward> steward = nullptr);
  PostOffice(const PostOffice&) = delete;
  PostOffice& operator=(const PostOffice&) = delete;
  ~PostOffice();

  /// A line for each listener: "smtp 127.0.0.1:10025".
  [[nodiscard]] std::vector<std::string> listening() const;

  /// To be told when the process crashes; null when it could not be opened.
  [[nodiscard]] queue::InHand* in_hand() const;

  /// Starts the loops and begins to accept.
  void start();
  /// Reads the configuration and its certificates again: what a reload may change counts for connections that come
  /// afterwards, and what sessions share for all. Sessions that are open keep what they began with. From one thread at
  /// a time; errors leave everything as it was.
  Result<configuration::Reload> reload();
  /// Whether the steward is over: then nobody can log in by a password of the host's, or be delivered to as a user, and
  /// the server should end to be started again. From one thread.
  bool lost_steward();
  /// Stops accepting, lets every session end at its next command boundary, and waits until the outcome of every
  /// delivery into a file or to a command is written down. A command that takes longer than that is ended, and its
  /// message stays in the queue. Joins the loops.
  void drain(const DrainPatience& patience = {});

 private:
  struct Body;
  explicit PostOffice(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace angarium::agent
