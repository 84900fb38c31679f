#include "cage/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "cage/errand.h"
#include "cage/steward.h"
#include "cage/turn.h"

namespace angarium::cage {
namespace {

/// How often children are looked after when nothing is asked.
constexpr Duration kLookAfter = std::chrono::seconds(1);
/// Deliver's place in the list.
constexpr std::size_t kDeliver = 3;
static_assert(std::is_same_v<std::variant_alternative_t<kDeliver, Request>, Deliver>);

constexpr std::size_t kAttend = 4;
static_assert(std::is_same_v<std::variant_alternative_t<kAttend, Request>, Attend>);
/// Who attends to a user and is asked no more has so long to end what is under way. It may be stopped: by the user, by
/// a file that never answers.
constexpr Duration kLastMoments = std::chrono::seconds(5);

struct Child {
  pid_t process;
  std::size_t kind;
  std::optional<Moment> deadline;
  Descriptor socket{};  ///< of Attend: tells when the other end is closed
};

bool is_deserted(const Descriptor& socket) {
  pollfd one{.fd = socket.get(), .events = 0, .revents = 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & POLLHUP) != 0;
}

class Children {
 public:
  void reap() {
    int status = 0;
    for (pid_t gone = 0; (gone = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      std::erase_if(children_, [&](const Child& child) { return child.process == gone; });
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log::warning("cage", "a request ended without an answer", {{"status", status}});
    }
  }
  void end_overdue() {
    const Moment now = system_clock().now();
    for (Child& child : children_) {
      if (child.socket.get() >= 0 && !child.deadline && is_deserted(child.socket)) child.deadline = now + kLastMoments;
      if (child.deadline && now >= *child.deadline) ::kill(child.process, SIGKILL);
    }
  }
  /// In a child: what is others' is not its own.
  void forget() { children_.clear(); }
  /// All but deliveries: nobody waits for the answer of a question any more, and a servant must not write what the next
  /// server believes is not written.
  void end_all_but_deliveries() {
    for (const Child& child : children_)
      if (child.kind != kDeliver) ::kill(child.process, SIGKILL);
  }
  [[nodiscard]] bool room(std::size_t kind) const {
    const auto under_way = static_cast<std::size_t>(std::ranges::count(children_, kind, &Child::kind));
    return under_way < (kind == kDeliver ? kDeliveriesMax : kind == kAttend ? kAttendantsMax : kQuestionsMax);
  }
  void add(pid_t process, std::size_t kind, Descriptor socket) {
    if (kind == kAttend) {
      children_.push_back({process, kind, std::nullopt, std::move(socket)});
      return;
    }
    const Moment now = system_clock().now();
    children_.push_back({process, kind, now + (kind == kDeliver ? kDeliveryTime : kQuestionTime)});
  }

 private:
  std::vector<Child> children_;
};

void refuse(const Descriptor& socket, std::string words) {
  // Its buffer is empty: it never waits.
  (void)write_frame(socket, encode(Answer(Failed{std::move(words)})), system_clock().now());
}

/// In the child.
[[noreturn]] void do_one(Packet packet, const Policy& policy, Host& host, const Service& service) {
  auto request = decode_request(packet.octets);
  wipe(packet.octets);
  if (request)
    do_errand(*std::move(request), packet.with, policy, host, service);
  else
    refuse(packet.with, request.error().text());
  ::_exit(0);
}

}  // namespace

void seclude(std::initializer_list<const Descriptor*> kept) {
  ::prctl(PR_SET_NAME, "steward", 0, 0, 0);
  // Passwords that are checked here would be in a core file. Programs that are started get it back (execve(2)).
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // A service manager tells all processes of a service to end; deliveries go on until the server itself has ended.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  std::vector<unsigned> stay;
  for (const Descriptor* const one : kept)
    if (one->get() > STDERR_FILENO) stay.push_back(static_cast<unsigned>(one->get()));
  std::ranges::sort(stay);
  unsigned from = STDERR_FILENO + 1;
  for (const unsigned one : stay) {
    if (one > from) ::close_range(from, one - 1, 0);
    from = one + 1;
  }
  ::close_range(from, UINT_MAX, 0);
  if (::chdir("/") != 0) log::warning("cage", "there is no root folder");
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void run_steward(Descriptor channel, const Policy& policy, Host& host, Servant* servant, Descriptor order) {
  Children children;
  Turns turns(std::move(order));
  const pid_t steward = ::getpid();
  while (true) {
    auto packet = receive_packet(channel, kRequestMax, kLookAfter);
    children.reap();
    children.end_overdue();
    if (!packet) break;
    if (packet->octets.empty()) continue;
    const auto kind = request_kind(packet->octets);
    if (!kind) {
      refuse(packet->with, "the octets are no request");
    } else if (!children.room(*kind)) {
      refuse(packet->with, "the steward has too much to do");
    } else if (const pid_t child = ::fork(); child == 0) {
      channel = Descriptor();
      children.forget();
      if (*kind != kAttend) turns.leave();
      do_one(*std::move(packet), policy, host, {.servant = servant, .steward = steward, .turns = turns});
    } else if (child < 0) {
      refuse(packet->with, "no process can be started");
    } else {
      children.add(child, *kind, std::move(packet->with));
    }
    wipe(packet->octets);
  }
  children.end_all_but_deliveries();
}

}  // namespace angarium::cage
