#include "cage/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "cage/errand.h"
#include "cage/steward.h"

namespace angarium::cage {
namespace {

/// How often children are looked after when nothing is asked.
constexpr Duration kLookAfter = std::chrono::seconds(1);
/// Deliver's place in the list.
constexpr std::size_t kDeliver = 3;
static_assert(std::is_same_v<std::variant_alternative_t<kDeliver, Request>, Deliver>);

struct Child {
  pid_t process;
  std::size_t kind;
  Moment deadline;
};

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
    for (const Child& child : children_)
      if (now >= child.deadline) ::kill(child.process, SIGKILL);
  }
  /// Those who only wanted to know something: nobody waits for the answer any more.
  void end_questions() {
    for (const Child& child : children_)
      if (child.kind != kDeliver) ::kill(child.process, SIGKILL);
  }
  [[nodiscard]] bool room(std::size_t kind) const {
    const auto under_way = static_cast<std::size_t>(std::ranges::count(children_, kind, &Child::kind));
    return under_way < (kind == kDeliver ? kDeliveriesMax : kQuestionsMax);
  }
  void add(pid_t process, std::size_t kind) {
    children_.push_back({process, kind, system_clock().now() + (kind == kDeliver ? kDeliveryTime : kQuestionTime)});
  }

 private:
  std::vector<Child> children_;
};

void refuse(const Descriptor& socket, std::string words) {
  // Its buffer is empty: it never waits.
  (void)write_frame(socket, encode(Answer(Failed{std::move(words)})), system_clock().now());
}

/// In the child.
[[noreturn]] void do_one(Packet packet, const Policy& policy, Host& host) {
  auto request = decode_request(packet.octets);
  wipe(packet.octets);
  if (request)
    do_errand(*std::move(request), packet.with, policy, host);
  else
    refuse(packet.with, request.error().text());
  ::_exit(0);
}

}  // namespace

void seclude(const Descriptor& channel) {
  ::prctl(PR_SET_NAME, "steward", 0, 0, 0);
  // A service manager tells all processes of a service to end; deliveries go on until the server itself has ended.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  const auto kept = static_cast<unsigned>(channel.get());
  if (kept > STDERR_FILENO + 1) ::close_range(STDERR_FILENO + 1, kept - 1, 0);
  ::close_range(kept + 1, UINT_MAX, 0);
  if (::chdir("/") != 0) log::warning("cage", "there is no root folder");
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void run_steward(Descriptor channel, const Policy& policy, Host& host) {
  Children children;
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
      do_one(*std::move(packet), policy, host);
    } else if (child < 0) {
      refuse(packet->with, "no process can be started");
    } else {
      children.add(child, *kind);
    }
    wipe(packet->octets);
  }
  children.end_questions();
}

}  // namespace angarium::cage
