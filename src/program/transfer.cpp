// angarium import: mail of other programs brought in.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "io/loop.h"
#include "program/commands.h"
#include "program/located.h"
#include "program/moving.h"
#include "program/rights.h"
#include "program/talk.h"
#include "transfer/import.h"
#include "transfer/remote.h"

namespace angarium::program {
namespace {

namespace json = boost::json;
using transfer::Defect;
using transfer::Plan;
using transfer::PlannedFolder;
using transfer::Report;

json::string name_of(transfer::Folder::Form form) {
  switch (form) {
    case transfer::Folder::Form::mbox: return "mbox";
    case transfer::Folder::Form::maildir: return "maildir";
    case transfer::Folder::Form::imap: return "imap";
  }
  return "";
}

/// Nothing but a mailbox comes of it.
bool is_empty(const PlannedFolder& one) { return one.messages == 0 && one.refused.empty(); }

json::object json_of(const Plan& plan) {
  json::array folders;
  for (const PlannedFolder& one : plan.folders)
    folders.push_back(json::object{{"source", shown(one.folder.name)},
                                   {"path", shown(one.folder.path)},
                                   {"form", name_of(one.folder.form)},
                                   {"mailbox", shown(one.target)},
                                   {"exists", one.exists},
                                   {"messages", one.messages},
                                   {"empty", is_empty(one)},
                                   {"octets", one.octets},
                                   {"already_there", one.known},
                                   {"renumbered", one.renumbered},
                                   {"refused", one.refused.empty() ? json::value() : json::value(shown(one.refused))}});
  return {{"folders", std::move(folders)},
          {"messages", plan.messages},
          {"octets", plan.octets},
          {"already_there", plan.known},
          {"passed_over", defects_json(plan.passed_over)},
          {"left_out", defects_json(plan.left_out)}};
}

json::object json_of(const Report& report) {
  return {{"imported", report.counts.imported},
          {"already_there", report.counts.known},
          {"refused", report.counts.refused},
          {"octets", report.octets},
          {"folders", report.folders},
          {"mailboxes_made", report.made},
          {"defects_found", report.defects_found},
          {"defects", defects_json(report.defects)},
          {"stopped", report.stopped ? json::value(shown(report.stopped->text())) : json::value()}};
}

void print(const Plan& plan) {
  fmt::print("{:>10} {:>10} {:>10}  FOLDER -> MAILBOX\n", "MESSAGES", "SIZE", "THERE");
  for (const PlannedFolder& one : plan.folders) {
    fmt::print("{:>10} {:>10} {:>10}  {} -> {}{}\n", one.messages, size_of(one.octets), one.known,
               shown(one.folder.name), shown(one.target), one.exists ? "" : " (new)");
    if (!one.refused.empty()) fmt::print("{:34}cannot come: {}\n", "", shown(one.refused));
    if (is_empty(one))
      fmt::print("{:34}empty: {}\n", "", one.exists ? "nothing comes of it" : "an empty mailbox is made");
    if (one.renumbered)
      fmt::print("{:34}numbered anew by the server: what is here already is known when it is read\n", "");
  }
  fmt::print("{:>10} {:>10} {:>10}  in {} folder{}\n", plan.messages, size_of(plan.octets), plan.known,
             plan.folders.size(), plan.folders.size() == 1 ? "" : "s");
  for (const Defect& one : plan.left_out) fmt::print("left out: {}: {}\n", shown(one.place), shown(one.words));
  for (const Defect& one : plan.passed_over) fmt::print("passed over: {}: {}\n", shown(one.place), shown(one.words));
}

void print(const Report& report) {
  fmt::print("imported {} message{} ({}), {} already there, {} refused; {} mailbox{} made\n", report.counts.imported,
             report.counts.imported == 1 ? "" : "s", size_of(report.octets), report.counts.known, report.counts.refused,
             report.made, report.made == 1 ? "" : "es");
  print_defects(report.defects, report.defects_found);
}

/// Where an import comes from, with what it needs.
struct From {
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<transfer::Source> source;
};

Result<From> open_source(const ImportOptions& options, std::optional<transfer::RemoteOptions> remote) {
  if (!remote) {
    TRY(take_owners_rights(options.source, Access::reading));
    return From{.loop = nullptr, .source = std::make_unique<transfer::LocalSource>(options.source)};
  }
  From from{.loop = TRY(io::make_loop()), .source = nullptr};
  auto connection = TRY(transfer::connect_remote(*from.loop, remote->url));
  from.source = TRY(transfer::RemoteBox::enter(*from.loop, std::move(connection), *std::move(remote)));
  return from;
}

}  // namespace

int import_mail(const Context& context, const ImportOptions& options) {
  if (options.from_location)
    return move_account(context, {.account = options.account, .way = Move::in, .dry_run = options.dry_run});
  std::optional<transfer::RemoteOptions> remote;
  if (is_remote(options.source)) {
    auto told = remote_options(options.source, options.login);
    if (!told) return report(context, control::failure(told.error()));
    remote = *std::move(told);
    remote->folders = options.folders;
  }
  TalkDoor door;
  const auto told = begin_talk(context, door, "transfer.import", options.account);
  if (!told) return told.error();
  if (!remote)
    if (const auto right = check_import(*told, options.source, options.account); !right)
      return report(context, control::failure(right.error()));
  const auto from = open_source(options, std::move(remote));
  if (!from) return report(context, control::failure(from.error()));

  transfer::Link link(door.descriptor());
  transfer::Import import(link, *from->source);
  const auto plan = import.plan(options.into);
  const Words words{[](const auto& one) { return json_of(one); }, [](const auto& one) { print(one); }};
  return carry_out(
      context, "import", options.dry_run, plan,
      [&](const transfer::Progress& progress) { return import.run(*plan, progress); }, words);
}

}  // namespace angarium::program
