#include "program/talk.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/services.h"
#include "agent/transfer_verbs.h"
#include "cage/host.h"
#include "configuration/configuration.h"
#include "io/connect.h"
#include "io/loop.h"
#include "program/system.h"
#include "program/user.h"

namespace angarium::program {
namespace {

struct Opened {
  std::unique_ptr<agent::Services> services;
  agent::LocationTerms locations;
};

Result<std::string> home_of(const std::string& name) {
  const auto user = TRY(cage::system_host().find_user(name));
  if (!user) return fail(configuration::kUnreadable, "this host has no user " + name);
  return user->home;
}

/// With the rights of the server's user, for good.
Result<Opened> open_services(const Context& context) {
  const auto configuration = TRY(configuration::load(context.directory));
  TRY(become_server_user(configuration));
  if (geteuid() != 0 && !owns(context.directory) && !owns(configuration.resolve(configuration.server.data)))
    return fail(configuration::kUnreadable, "the server is not running, and only root and the owner of " +
                                                context.directory + " may open its store");
  Opened opened{TRY(agent::Services::open(configuration)), agent::location_terms(configuration)};
  opened.locations.home_of = home_of;
  return opened;
}

/// Takes the request off, so that the reply is not lost with it.
void refuse(int descriptor, const Error& error) {
  std::array<char, 4096> block{};
  while (true) {
    const ssize_t got = read(descriptor, block.data(), block.size());
    if (got <= 0 || block[static_cast<std::size_t>(got) - 1] == '\n') break;
  }
  const std::string reply = control::encode(control::failure(error));
  (void)send(descriptor, reply.data(), reply.size(), MSG_NOSIGNAL);
}

/// The child's whole life.
int be_the_server(int descriptor, const Context& context) {
  // Whoever ends the command ends the connection: then the store is closed in order.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  auto services = open_services(context);
  if (!services) {
    refuse(descriptor, services.error());
    return control::kFailed;
  }
  auto loop = io::make_loop();
  if (!loop) {
    refuse(descriptor, loop.error());
    return control::kFailed;
  }
  const auto nothing = [](control::Request, control::Caller, control::Tell) -> io::Task<control::Reply> {
    co_return control::failure(Error(kBroken, "no verb but talks"));
  };
  (*loop)->spawn(control::serve_caller(io::adopt_stream(descriptor), control::Caller{geteuid()}, nothing,
                                       agent::transfers(*services->services, [&] { return services->locations; })));
  (*loop)->drain();
  (*loop)->run();
  services->services->end_work();
  return control::kDone;
}

}  // namespace

TalkDoor::~TalkDoor() {
  connection_.reset();
  if (child_ < 0) return;
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<> TalkDoor::open_here(const Context& context) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(kSystem, "socketpair: " + std::string(strerrordesc_np(errno)));
  child_ = fork();
  if (child_ == 0) {
    close(ends[0]);
    const int code = be_the_server(ends[1], context);
    _exit(code);
  }
  close(ends[1]);
  connection_.emplace(ends[0]);
  if (child_ < 0) return fail(kSystem, "fork: " + std::string(strerrordesc_np(errno)));
  return {};
}

Result<control::Reply> TalkDoor::open(const Context& context, const control::Request& request) {
  auto connected = control::connect(context.directory + "/run/control.sock");
  if (connected) {
    connection_.emplace(*std::move(connected));
  } else if (connected.error().is(control::kNotRunning)) {
    TRY(open_here(context));
  } else {
    return std::unexpected(std::move(connected).error());
  }
  return control::open_talk(*connection_, request);
}

}  // namespace angarium::program
