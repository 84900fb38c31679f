// sendmail -bs: programs speak SMTP over standard input and output (pine, inews, some of mutt's users). With the server
// up their octets go through the control socket, whose other end knows the caller's uid. With the server down the same
// session is served here, and its messages go to the drop folder.
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <thread>

#include "agent/drop_session.h"
#include "base/random.h"
#include "base/text.h"
#include "configuration/configuration.h"
#include "control/client.h"
#include "drop/options.h"
#include "drop/smtp_lines.h"
#include "io/connect.h"
#include "io/loop.h"
#include "program/commands.h"
#include "protocol/smtp/server.h"
#include "wire/connection/connection.h"

namespace angarium::program {
namespace {

constexpr std::size_t kBlock = 65536;

int complain(int code, std::string_view text) {
  fmt::print(stderr, "sendmail: {}\n", text);
  return code;
}

/// Everything, or false when the other side is gone.
bool write_whole(int descriptor, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = write(descriptor, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Carries octets between the program at standard input and output and the socket of a session.
class Relay {
 public:
  explicit Relay(int session) : session_(session) {}

  /// Until the session ends.
  int run() {
    while (!over_) {
      const bool reads = !input_over_ && waiting_.empty();
      std::array<pollfd, 2> ends{};
      ends[0] = {
          .fd = session_, .events = static_cast<short>(waiting_.empty() ? POLLIN : POLLIN | POLLOUT), .revents = 0};
      ends[1] = {.fd = reads ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
      if (poll(ends.data(), ends.size(), -1) < 0 && errno != EINTR) return complain(drop::kExitAgain, "cannot wait");
      if (ends[0].revents != 0) from_session();
      if (!over_ && !waiting_.empty()) to_session();
      if (!over_ && ends[1].revents != 0) from_program();
    }
    return code_;
  }

 private:
  void from_session() {
    const ssize_t got = recv(session_, block_.data(), block_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
      over_ = true;
      return;
    }
    // A program that reads no more has heard enough; what it sent before still counts.
    if (!write_whole(STDOUT_FILENO, {block_.data(), static_cast<std::size_t>(got)})) end_input();
  }

  void to_session() {
    const ssize_t sent = send(session_, waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) return;
    // The session's last words are read first.
    if (sent < 0) input_over_ = true;
    waiting_.erase(0, sent < 0 ? std::string::npos : static_cast<std::size_t>(sent));
    if (waiting_.empty() && input_over_) shutdown(session_, SHUT_WR);
  }

  void from_program() {
    const ssize_t got = read(STDIN_FILENO, block_.data(), block_.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) return end_input();
    lines_.feed({block_.data(), static_cast<std::size_t>(got)}, waiting_);
  }

  void end_input() {
    input_over_ = true;
    if (waiting_.empty()) shutdown(session_, SHUT_WR);
  }

  int session_;
  int code_ = drop::kExitOk;
  bool input_over_ = false;
  bool over_ = false;
  drop::SmtpLines lines_;
  std::string waiting_;
  std::array<char, kBlock> block_;
};

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

/// Serves the session at its end of the pair, on the loop of the calling thread.
io::Task<> serve_here(int descriptor, const Context& context) {
  // Who may not read the configuration learns from the server what is too large.
  const auto configuration = configuration::load(context.directory);
  const auto policy = agent::drop_policy(
      configuration ? configuration->server.hostname : host_name(),
      configuration ? static_cast<std::uint64_t>(configuration->smtp.message_size_max) : UINT64_MAX / 2);
  const auto connection = wire::plain_connection(io::adopt_stream(descriptor));
  agent::DropSession session(context.directory + "/drop", system_random(), system_clock());
  co_await protocol::smtp::serve(*connection, session, policy);
}

int speak_here(const Context& context) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return complain(drop::kExitAgain, strerrordesc_np(errno));
  auto loop = io::make_loop();
  if (!loop) return complain(drop::kExitAgain, loop.error().text());
  std::thread server([&] {
    (*loop)->spawn(serve_here(pair[1], context));
    (*loop)->drain();
    (*loop)->run();
  });
  const int code = Relay(pair[0]).run();
  close(pair[0]);
  server.join();
  return code;
}

}  // namespace

int speak_smtp(const Context& context) {
  const control::Request request{.verb = "mail.smtp", .arguments = {}};
  const auto connection = control::connect(context.directory + "/run/control.sock");
  if (!connection) return speak_here(context);
  const auto reply = control::open_talk(*connection, request);
  if (!reply) return speak_here(context);
  if (reply->exit_code != control::kDone) return complain(reply->exit_code, reply->error);
  return Relay(connection->get()).run();
}

}  // namespace angarium::program
