// angarium serve: the server in the foreground.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "agent/doors.h"
#include "agent/post_office.h"
#include "base/log.h"
#include "cage/steward.h"
#include "location/servant.h"
#include "program/commands.h"
#include "program/signals.h"
#include "program/system.h"
#include "program/user.h"

namespace angarium::program {
namespace {

void open_log(const configuration::Configuration& configuration) {
  using log::Format;
  using log::Level;
  Format format = Format::text;
  if (configuration.log.format == "json") format = Format::json;
  if (configuration.log.format == "journal" || (configuration.log.format == "auto" && logs_to_journal()))
    format = Format::journal;
  Level level = Level::info;
  if (configuration.log.level == "error") level = Level::error;
  if (configuration.log.level == "warning") level = Level::warning;
  if (configuration.log.level == "debug") level = Level::debug;
  log::configure(log::make_sink(STDERR_FILENO, format), level);
}

void reload(agent::PostOffice& office) {
  const auto reloaded = office.reload();
  if (!reloaded) {
    log::error("serve", "reload failed; what was in use stays", {{"error", reloaded.error().text()}});
    return;
  }
  std::string left;
  for (const auto& key : reloaded->left) left += (left.empty() ? "" : ", ") + key.name + " (" + key.reason + ")";
  if (!left.empty()) log::warning("serve", "changed settings take a restart", {{"keys", left}});
  std::string changed;
  for (const std::string& key : reloaded->changed) changed += (changed.empty() ? "" : ", ") + key;
  log::notice("serve", "configuration and certificates reloaded", {{"changed", changed.empty() ? "nothing" : changed}});
}

/// The process that works for the users of the host; null where they are not served.
Result<std::unique_ptr<cage::Steward>> start_steward(const configuration::Configuration& configuration) {
  const auto& local = configuration.local;
  if (!local.system_users) return nullptr;
  if (geteuid() != 0) {
    log::warning("serve",
                 "started without root: of the users of this host only this one has mail, and no other logs in",
                 {{"uid", std::uint64_t{geteuid()}}});
  } else if (configuration.server.user.empty()) {
    log::warning("serve", "server.user is empty: the process that speaks with the network has root's rights");
  }
  location::BoxServant servant;
  return cage::Steward::start({.uid_min = static_cast<uid_t>(local.uid_min),
                               .uid_max = static_cast<uid_t>(local.uid_max),
                               .excluded = local.excluded,
                               .spool_group = local.spool_group},
                              cage::system_host(), &servant, TRY(open_servants_folder(configuration)));
}

/// Reloads when asked to, and returns when the server is to end: as a failure when it lost its steward.
int attend(agent::PostOffice& office) {
  while (true) {
    const Signal signal = next_signal();
    if (signal == Signal::end) return control::kDone;
    if (signal == Signal::child) {
      if (!office.lost_steward()) continue;
      log::error("serve", "the steward is gone, and with it root's rights: the server ends, to be started again");
      return control::kFailed;
    }
    notify_service_manager("RELOADING=1");
    reload(office);
    notify_service_manager("READY=1");
  }
}

}  // namespace

int serve(const Context& context) {
  block_signals();
  const auto configuration = configuration::load(context.directory);
  if (!configuration) return report(configuration.error());
  open_log(*configuration);
  raise_descriptor_limit();
  return_large_blocks();

  // Nothing of the network is open yet, and no key was read: what keeps root's rights begins with none of it.
  auto steward = start_steward(*configuration);
  if (!steward) return report(steward.error());
  // What takes root first; then the user's rights alone, with which the store is opened and every thread begins.
  auto doors = agent::Doors::open(*configuration, passed_sockets());
  if (!doors) return report(doors.error());
  if (auto made = make_drop_folder(*configuration); !made) return report(made.error());
  if (auto became = become_server_user(*configuration); !became) return report(became.error());
  if (auto readable = check_readable(*configuration); !readable) return report(readable.error());
  auto office = agent::PostOffice::open(*configuration, *std::move(doors), *std::move(steward));
  if (!office) return report(office.error());
  std::optional<TellsOfCrash> tells((*office)->in_hand());
  (*office)->start();
  for (const std::string& line : (*office)->listening()) fmt::print("{}\n", line);
  fmt::print("ready\n");
  std::fflush(stdout);
  notify_service_manager("READY=1");
  log::notice("serve", "ready", {{"host", configuration->server.hostname}});

  const int outcome = attend(**office);
  notify_service_manager("STOPPING=1");
  log::notice("serve", "ending");
  (*office)->drain();
  tells.reset();
  office->reset();
  return outcome;
}

}  // namespace angarium::program
