// Commands that ask the running server, or do the work themselves when none runs.
#include <fmt/core.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "agent/administrator.h"
#include "agent/services.h"
#include "agent/settings.h"
#include "configuration/configuration.h"
#include "control/client.h"
#include "io/loop.h"
#include "program/commands.h"
#include "program/system.h"
#include "program/user.h"

namespace angarium::program {
namespace {

/// A bar on a terminal, nothing elsewhere.
void show_progress(const control::Progress& progress) {
  if (isatty(STDERR_FILENO) == 0 || progress.all == 0) return;
  const auto percent = static_cast<unsigned>(progress.done * 100 / progress.all);
  fmt::print(stderr, "\r[{:<50}] {:3} %{}", std::string(percent / 2, '#'), percent,
             progress.done >= progress.all ? "\n" : "");
}

}  // namespace

/// The store, opened by this command because no server runs.
struct Server::Here {
  Here(std::unique_ptr<agent::Services> opened, agent::AdministratorTerms terms, Result<fetch::Seal> seal)
      : services(std::move(opened)),
        administrator(*services, [terms = std::move(terms)] { return terms; }, std::move(seal)) {}

  /// One a request. They outlive the services, whose threads may still be leaving a loop after their last answer to it.
  std::vector<std::unique_ptr<io::Loop>> loops;
  std::unique_ptr<agent::Services> services;
  agent::Administrator administrator;
};

Server::Server(const Context& context) : context_(context) {}
Server::~Server() = default;

Result<> Server::open_here() {
  const auto configuration = TRY(configuration::load(context_.directory));
  TRY(become_server_user(configuration));
  if (geteuid() != 0 && !owns(context_.directory) && !owns(configuration.resolve(configuration.server.data)))
    return fail(configuration::kUnreadable, "the server is not running, and only root and the owner of " +
                                                context_.directory + " may open its store");
  here_ = std::make_unique<Here>(TRY(agent::Services::open(configuration)), agent::administrator_terms(configuration),
                                 fetch::Seal::read(configuration.resolve(std::string(fetch::kKeyFile))));
  return {};
}

/// On a loop of its own.
Result<control::Reply> Server::do_it_here(const control::Request& request) {
  const auto& loop = here_->loops.emplace_back(TRY(io::make_loop()));
  std::optional<control::Reply> reply;
  const auto work = [](agent::Administrator& who, control::Request what,
                       std::optional<control::Reply>& answer) -> io::Task<> {
    answer = co_await who.execute(std::move(what), [](control::Progress progress) { show_progress(progress); });
  };
  loop->spawn(work(here_->administrator, request, reply));
  loop->drain();
  loop->run();
  if (!reply) return fail(kBroken, "the command ended without a result");
  return *std::move(reply);
}

Result<control::Reply> Server::ask(const control::Request& request) {
  if (here_) return do_it_here(request);
  auto reply = control::ask(context_.directory + "/run/control.sock", request, show_progress);
  if (reply || !reply.error().is(control::kNotRunning)) return reply;
  TRY(open_here());
  return do_it_here(request);
}

Result<control::Reply> ask_or_do(const Context& context, const control::Request& request) {
  return Server(context).ask(request);
}

int report(const Context& context, const control::Reply& refused) {
  if (context.json)
    fmt::print("{}\n", to_json(Shown{{{"error", refused.error}}}));
  else
    fmt::print(stderr, "angarium: {}\n", refused.error);
  return refused.exit_code;
}

int administer(const Context& context, const control::Request& request) {
  const auto reply = ask_or_do(context, request);
  if (!reply) return report(reply.error());
  if (reply->exit_code != control::kDone) return report(context, *reply);
  if (context.json) {
    fmt::print("{}\n", reply->result);
  } else {
    print_result(request.verb, reply->result);
  }
  const bool damaged = request.verb == "store.verify" && reply->result.find("\"damage\":[]") == std::string::npos;
  return damaged ? control::kFailed : control::kDone;
}

int ensure(const Context& context, const control::Request& request, const std::string& otherwise) {
  auto reply = ask_or_do(context, request);
  if (reply && reply->exit_code == control::kFailed) {
    control::Request second = request;
    second.verb = otherwise;
    reply = ask_or_do(context, second);
  }
  if (!reply) return report(reply.error());
  if (reply->exit_code != control::kDone) fmt::print(stderr, "angarium: {}\n", reply->error);
  return reply->exit_code;
}

int config_check(const Context& context) {
  const auto configuration = configuration::load(context.directory);
  if (!configuration) return report(configuration.error());
  if (context.json) {
    fmt::print("{{\"valid\":true}}\n");
  } else {
    fmt::print("{}/angarium.toml is valid.\n", context.directory);
  }
  return control::kDone;
}

int config_show(const Context& context) {
  const auto configuration = configuration::load(context.directory);
  if (!configuration) return report(configuration.error());
  std::vector<Shown> rows;
  for (const configuration::KeyDescription& key : configuration::describe(*configuration)) {
    if (key.default_value.empty()) continue;
    rows.push_back({{{"key", key.name}, {"value", key.value}, {"default", key.default_value}}});
  }
  for (const auto& [key, transport] : configuration->transports)
    rows.push_back({{{"key", "transport." + key}, {"value", "\"" + transport + "\""}, {"default", ""}}});
  for (const configuration::Listener& listener : configuration->listeners)
    rows.push_back(
        {{{"key", "listener." + listener.protocol}, {"value", "\"" + listener.address + "\""}, {"default", ""}}});
  const std::string text = to_json(rows);
  if (context.json) {
    fmt::print("{}\n", text);
  } else {
    print_result("config.show", text);
  }
  return control::kDone;
}

int config_explain(const Context& context, const std::string& key) {
  // A key can be explained without a server's directory.
  auto configuration = configuration::load(context.directory);
  const auto found = configuration::explain(configuration ? *configuration : configuration::Configuration{}, key);
  if (!found) return report(found.error());
  const Shown row{{{"key", found->name},
                   {"type", found->type},
                   {"default", found->default_value},
                   {"value", found->value},
                   {"explanation", found->explanation},
                   {"changes", found->effect}}};
  if (context.json) {
    fmt::print("{}\n", to_json(row));
  } else {
    print_result("config.explain", to_json(row));
  }
  return control::kDone;
}

int rebuild(const Context& context) {
  const auto configuration = configuration::load(context.directory);
  if (!configuration) return report(configuration.error());
  if (auto became = become_server_user(*configuration); !became) return report(became.error());
  auto volume = store::open_local_volume(configuration->resolve(configuration->server.data));
  if (!volume) return report(volume.error());
  const agent::StoredRecords records;
  store::TabletOptions options;
  records.tell(options);
  if (const auto done = store::rebuild(*std::move(volume), options); !done) return report(done.error());
  if (context.json) {
    fmt::print("{{\"rebuilt\":true}}\n");
  } else {
    fmt::print("The state was made anew from the log.\n");
  }
  return control::kDone;
}

}  // namespace angarium::program
