// angarium export: mail written for other programs.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "configuration/configuration.h"
#include "io/loop.h"
#include "program/commands.h"
#include "program/located.h"
#include "program/moving.h"
#include "program/rights.h"
#include "program/talk.h"
#include "transfer/export.h"
#include "transfer/remote_target.h"

namespace angarium::program {
namespace {

namespace json = boost::json;
using transfer::ExportPlan;
using transfer::ExportReport;
using transfer::PlannedMailbox;

transfer::Format format_of(const std::string& word) {
  if (word == "mbox") return transfer::Format::mbox;
  return word == "maildir" ? transfer::Format::maildir : transfer::Format::maildir_plus_plus;
}

message::MboxVariant variant_of(const std::string& word) {
  if (word == "mboxo") return message::MboxVariant::mboxo;
  if (word == "mboxcl") return message::MboxVariant::mboxcl;
  return word == "mboxcl2" ? message::MboxVariant::mboxcl2 : message::MboxVariant::mboxrd;
}

json::object json_of(const ExportPlan& plan) {
  json::array mailboxes;
  for (const PlannedMailbox& one : plan.mailboxes)
    mailboxes.push_back(
        json::object{{"mailbox", shown(one.mailbox.name)},
                     {"place", shown(one.place)},
                     {"messages", one.mailbox.messages},
                     {"octets", one.mailbox.octets},
                     {"already_there", one.known},
                     {"refused", one.refused.empty() ? json::value() : json::value(shown(one.refused))}});
  return {{"mailboxes", std::move(mailboxes)},
          {"messages", plan.messages},
          {"octets", plan.octets},
          {"already_there", plan.known}};
}

json::object json_of(const ExportReport& report) {
  return {{"exported", report.exported},
          {"already_there", report.known},
          {"octets", report.octets},
          {"mailboxes", report.mailboxes},
          {"defects_found", report.defects_found},
          {"defects", defects_json(report.defects)},
          {"stopped", report.stopped ? json::value(shown(report.stopped->text())) : json::value()}};
}

void print(const ExportPlan& plan) {
  fmt::print("{:>10} {:>10} {:>10}  MAILBOX -> PLACE\n", "MESSAGES", "SIZE", "THERE");
  for (const PlannedMailbox& one : plan.mailboxes) {
    fmt::print("{:>10} {:>10} {:>10}  {} -> {}\n", one.mailbox.messages, size_of(one.mailbox.octets), one.known,
               shown(one.mailbox.name), one.place.empty() ? "." : shown(one.place));
    if (!one.refused.empty()) fmt::print("{:34}cannot go: {}\n", "", shown(one.refused));
  }
  fmt::print("{:>10} {:>10} {:>10}  in {} mailbox{}\n", plan.messages, size_of(plan.octets), plan.known,
             plan.mailboxes.size(), plan.mailboxes.size() == 1 ? "" : "es");
}

void print(const ExportReport& done) {
  fmt::print("exported {} message{} ({}) of {} mailbox{}, {} already there\n", done.exported,
             done.exported == 1 ? "" : "s", size_of(done.octets), done.mailboxes, done.mailboxes == 1 ? "" : "es",
             done.known);
  print_defects(done.defects, done.defects_found);
}

std::optional<Error> contradiction(const ExportOptions& options) {
  const auto no = [](std::string words) { return Error(configuration::kUnreadable, std::move(words)); };
  if (is_remote(options.target)) {
    if (!options.format.empty()) return no("--format is for files; an IMAP server has its own");
  } else if (options.format.empty()) {
    return no("which format? --format mbox, maildir or maildir++");
  }
  if (!options.variant.empty() && options.format != "mbox") return no("--variant is for --format mbox");
  return std::nullopt;
}

/// Where an export goes, with what it needs.
struct To {
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<transfer::Target> target;
};

Result<To> open_target(const ExportOptions& options, std::optional<transfer::RemoteOptions> remote,
                       transfer::Link& link) {
  if (!remote) {
    return To{.loop = nullptr,
              .target = std::make_unique<transfer::LocalTarget>(
                  transfer::LocalTerms{.directory = TRY(take_owners_rights(options.target, Access::writing)),
                                       .account = options.account,
                                       .format = format_of(options.format),
                                       .variant = variant_of(options.variant)})};
  }
  To to{.loop = TRY(io::make_loop()), .target = nullptr};
  auto connection = TRY(transfer::connect_remote(*to.loop, remote->url));
  to.target = TRY(transfer::RemoteTarget::enter(*to.loop, link, std::move(connection), *std::move(remote)));
  return to;
}

}  // namespace

int export_mail(const Context& context, const ExportOptions& options) {
  if (options.to_location)
    return move_account(context, {.account = options.account, .way = Move::out, .dry_run = options.dry_run});
  if (auto wrong = contradiction(options)) return report(context, control::failure(*wrong));
  std::optional<transfer::RemoteOptions> remote;
  if (is_remote(options.target)) {
    auto told = remote_options(options.target, options.login);
    if (!told) return report(context, control::failure(told.error()));
    remote = *std::move(told);
  }
  TalkDoor door;
  const auto told = begin_talk(context, door, "transfer.export", options.account);
  if (!told) return told.error();
  if (!remote)
    if (const auto right = check_export(*told, options.target, options.account); !right)
      return report(context, control::failure(right.error()));
  transfer::Link link(door.descriptor());
  const auto to = open_target(options, std::move(remote), link);
  if (!to) return report(context, control::failure(to.error()));
  transfer::Export work(link, *to->target);
  const auto plan = work.plan(options.pattern);
  const Words words{[](const auto& one) { return json_of(one); }, [](const auto& one) { print(one); }};
  return carry_out(
      context, "export", options.dry_run, plan,
      [&](const transfer::Progress& progress) { return work.run(*plan, progress); }, words);
}

}  // namespace angarium::program
