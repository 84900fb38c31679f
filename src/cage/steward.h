// The steward: the process that has root's rights, where system users are served, and never reads from the network.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "cage/host.h"
#include "cage/message.h"
#include "cage/servant.h"
#include "cage/socket.h"
#include "cage/types.h"
#include "delivery/letter.h"

namespace angarium::cage {

/// Requests of each kind under way at one time; more are told to come back.
inline constexpr std::size_t kQuestionsMax = 16;
inline constexpr std::size_t kDeliveriesMax = 32;
/// Twice as many as the server attends to at one time: those that were deserted end by and by.
inline constexpr std::size_t kAttendantsMax = 64;

/// Who asks. Any number of threads; every call blocks until the answer is there (questions: kQuestionTime at most,
/// deliveries: kDeliveryTime). kUnavailable when there is none: the same request may succeed later, until ended().
class Steward {
 public:
  /// Forks it. Call before any thread starts and before anything secret or of the network is open: it keeps no
  /// descriptor but standard error. It has the rights of this process and ends with it. `host` and `servant` are used
  /// in it alone. `order`: a folder, the same for each server of one place: a user's servants begin once the user's of
  /// the server before are gone (Turns), even where that was killed. None: nobody is waited for.
  static Result<std::unique_ptr<Steward>> start(const Policy& policy, Host& host = system_host(),
                                                Servant* servant = nullptr, Descriptor order = {});
  Steward(const Steward&) = delete;
  Steward& operator=(const Steward&) = delete;
  /// Lets it end, and waits for that.
  ~Steward();

  /// The user of that name, if it is served.
  Result<std::optional<User>> find_user(const std::string& name) const;
  /// Verdict::wrong also for users who are not served.
  Result<Verdict> check_password(const std::string& name, sasl::Secret password, const std::string& remote) const;
  /// Nothing for users who are not served.
  Result<std::optional<Forward>> forward(const std::string& name) const;
  /// Delivers the letter as the user. Trouble with the steward is an outcome, too: a temporary one.
  delivery::Outcome deliver(const Deliver& request, delivery::Octets& letter) const;

  /// A process of the user's in which the servant works; closing the socket ends it. kUnavailable also for users who
  /// are not served.
  Result<Descriptor> attend(const Attend& request) const;

  /// Begins no more deliveries. In order: commands under way are ended (delivery::CallOff), what is written into files
  /// ends by itself, and all are answered. At once: what has not answered is a temporary failure now. Any thread.
  enum class End : std::uint8_t { in_order, at_once };
  void end_deliveries(End how);

  /// Questions that wait for their answer fail now, as do all that are asked from now on: the host may never answer.
  /// Any thread.
  void end_questions();
  /// The same of attend(). Those who attend go on until their sockets are closed.
  void end_attending();

  /// Whether its process is over. It is not started again: nobody has the rights for it any more. From one thread.
  bool ended();
  [[nodiscard]] pid_t process() const { return process_; }

 private:
  Steward(Descriptor channel, pid_t process) : channel_(std::move(channel)), process_(process) {}
  Result<Descriptor> ask(const Request& request, Moment deadline) const;
  template <class Wanted>
  static Result<Wanted> answer(const Descriptor& socket, Moment deadline);
  template <class Wanted>
  Result<Wanted> question(const Request& request) const;
  class Registered;

  /// Requests of a kind that are under way.
  struct UnderWay {
    std::set<int> sockets;
    bool ending = false;
  };
  void end(UnderWay& those, int how);

  Descriptor channel_;
  pid_t process_;
  bool over_ = false;
  mutable std::mutex mutex_;
  mutable UnderWay deliveries_;  // under the mutex
  mutable UnderWay questions_;   // under the mutex
  mutable UnderWay attending_;   // under the mutex: those that are not attended to yet
};

/// The files of a user's .forward, as they were when they were read: alias::read_forward() and alias::expand() read
/// them here with no rights at all. Any thread.
class ForwardFiles final : public alias::Files {
 public:
  explicit ForwardFiles(Forward forward) : forward_(std::move(forward)) {}
  Result<std::optional<alias::FileStatus>> status(const std::string& path) override;
  Result<std::optional<alias::FileText>> read(const std::string& path, std::size_t max) override;
  [[nodiscard]] std::string forward_path() const { return forward_.files.front().path; }

 private:
  Forward forward_;
};

}  // namespace angarium::cage
