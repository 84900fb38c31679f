// angarium serve: the server in the foreground.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

#include "agent/doors.h"
#include "agent/post_office.h"
#include "base/log.h"
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

}  // namespace

int serve(const Context& context) {
  block_signals();
  const auto configuration = configuration::load(context.directory);
  if (!configuration) return report(configuration.error());
  open_log(*configuration);
  raise_descriptor_limit();
  return_large_blocks();

  // What takes root first; then the user's rights alone, with which the store is opened and every thread begins.
  auto doors = agent::Doors::open(*configuration, passed_sockets());
  if (!doors) return report(doors.error());
  if (auto made = make_drop_folder(*configuration); !made) return report(made.error());
  if (auto became = become_server_user(*configuration); !became) return report(became.error());
  if (auto readable = check_readable(*configuration); !readable) return report(readable.error());
  auto office = agent::PostOffice::open(*configuration, *std::move(doors));
  if (!office) return report(office.error());
  (*office)->start();
  for (const std::string& line : (*office)->listening()) fmt::print("{}\n", line);
  fmt::print("ready\n");
  std::fflush(stdout);
  notify_service_manager("READY=1");
  log::notice("serve", "ready", {{"host", configuration->server.hostname}});

  while (next_signal() == Signal::reload) {
    notify_service_manager("RELOADING=1");
    reload(**office);
    notify_service_manager("READY=1");
  }
  notify_service_manager("STOPPING=1");
  log::notice("serve", "ending");
  (*office)->drain();
  office->reset();
  return control::kDone;
}

}  // namespace angarium::program
