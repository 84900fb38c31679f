// angarium import and export: mail of other programs brought in, and mail written for them.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>

#include "base/text.h"
#include "base/time.h"
#include "configuration/configuration.h"
#include "fetch/url.h"
#include "io/loop.h"
#include "program/commands.h"
#include "program/password.h"
#include "program/progress.h"
#include "program/rights.h"
#include "program/talk.h"
#include "transfer/export.h"
#include "transfer/import.h"
#include "transfer/remote.h"

namespace angarium::program {
namespace {

namespace json = boost::json;
using transfer::Defect;
using transfer::Plan;
using transfer::PlannedFolder;
using transfer::Report;

std::string shown(std::string_view text) { return escape_controls(text, 4096); }

json::array json_of(const std::vector<Defect>& defects) {
  json::array all;
  for (const Defect& defect : defects)
    all.push_back(json::object{{"place", shown(defect.place)}, {"words", shown(defect.words)}});
  return all;
}

json::string name_of(transfer::Folder::Form form) {
  switch (form) {
    case transfer::Folder::Form::mbox: return "mbox";
    case transfer::Folder::Form::maildir: return "maildir";
    case transfer::Folder::Form::imap: return "imap";
  }
  return "";
}

json::object json_of(const Plan& plan) {
  json::array folders;
  for (const PlannedFolder& one : plan.folders)
    folders.push_back(json::object{{"source", shown(one.folder.name)},
                                   {"path", shown(one.folder.path)},
                                   {"form", name_of(one.folder.form)},
                                   {"mailbox", shown(one.target)},
                                   {"exists", one.exists},
                                   {"messages", one.messages},
                                   {"octets", one.octets},
                                   {"already_there", one.known},
                                   {"renumbered", one.renumbered},
                                   {"refused", one.refused.empty() ? json::value() : json::value(shown(one.refused))}});
  return {{"folders", std::move(folders)},
          {"messages", plan.messages},
          {"octets", plan.octets},
          {"already_there", plan.known},
          {"passed_over", json_of(plan.passed_over)},
          {"left_out", json_of(plan.left_out)}};
}

json::object json_of(const Report& report) {
  return {{"imported", report.counts.imported},
          {"already_there", report.counts.known},
          {"refused", report.counts.refused},
          {"octets", report.octets},
          {"folders", report.folders},
          {"mailboxes_made", report.made},
          {"defects_found", report.defects_found},
          {"defects", json_of(report.defects)},
          {"stopped", report.stopped ? json::value(shown(report.stopped->text())) : json::value()}};
}

void print_plan(const Plan& plan) {
  fmt::print("{:>10} {:>10} {:>10}  FOLDER -> MAILBOX\n", "MESSAGES", "SIZE", "THERE");
  for (const PlannedFolder& one : plan.folders) {
    fmt::print("{:>10} {:>10} {:>10}  {} -> {}{}\n", one.messages, size_of(one.octets), one.known,
               shown(one.folder.name), shown(one.target), one.exists ? "" : " (new)");
    if (!one.refused.empty()) fmt::print("{:34}cannot come: {}\n", "", shown(one.refused));
    if (one.renumbered)
      fmt::print("{:34}numbered anew by the server: what is here already is known when it is read\n", "");
  }
  fmt::print("{:>10} {:>10} {:>10}  in {} folder{}\n", plan.messages, size_of(plan.octets), plan.known,
             plan.folders.size(), plan.folders.size() == 1 ? "" : "s");
  for (const Defect& one : plan.left_out) fmt::print("left out: {}: {}\n", shown(one.place), shown(one.words));
  for (const Defect& one : plan.passed_over) fmt::print("passed over: {}: {}\n", shown(one.place), shown(one.words));
}

void print_defects(const std::vector<Defect>& defects, std::uint64_t found) {
  for (const Defect& one : defects) fmt::print("  {}: {}\n", shown(one.place), shown(one.words));
  if (found > defects.size()) fmt::print("  and {} more\n", found - defects.size());
}

void print_report(const Report& report) {
  fmt::print("imported {} message{} ({}), {} already there, {} refused; {} mailbox{} made\n", report.counts.imported,
             report.counts.imported == 1 ? "" : "s", size_of(report.octets), report.counts.known, report.counts.refused,
             report.made, report.made == 1 ? "" : "es");
  print_defects(report.defects, report.defects_found);
}

/// Of a Report or an ExportReport.
template <class Any>
int exit_code_of(const Any& report) {
  if (report.stopped) return report.stopped->temporary() ? control::kTemporary : control::kFailed;
  return report.defects_found > 0 ? control::kFailed : control::kDone;
}

/// A talk of that verb about the account; else why there is none was said.
std::optional<int> refused_talk(const Context& context, TalkDoor& door, const std::string& verb,
                                const std::string& account) {
  control::Request request{.verb = verb, .arguments = {}};
  request.add("address", account);
  const auto opened = door.open(context, request);
  if (!opened) return report(opened.error());
  if (opened->exit_code != control::kDone) return report(context, *opened);
  return std::nullopt;
}

transfer::Format format_of(const std::string& word) {
  if (word == "mbox") return transfer::Format::mbox;
  return word == "maildir" ? transfer::Format::maildir : transfer::Format::maildir_plus_plus;
}

/// Where an import comes from, with what it needs.
struct From {
  std::unique_ptr<io::Loop> loop;
  std::unique_ptr<transfer::Source> source;
};

bool is_remote(const ImportOptions& options) { return options.source.find("://") != std::string::npos; }

/// The hexadecimal digits of "sha256:AB:CD…".
Result<std::string> key_of(const std::string& text) {
  std::string_view rest = text;
  if (starts_with_ignore_case(rest, "sha256:")) rest.remove_prefix(7);
  std::string digits;
  for (const char c : rest)
    if (c != ':') digits += to_lower(c);
  const auto octets = from_hex(digits);
  if (!octets || octets->size() != 32)
    return fail(configuration::kUnreadable, "--key wants sha256: and 64 hexadecimal digits");
  return digits;
}

Result<transfer::RemoteOptions> remote_options(const ImportOptions& options) {
  transfer::RemoteOptions remote{
      .url = TRY(fetch::parse_url(options.source)), .password = {}, .key = {}, .folders = options.folders};
  if (remote.url.protocol != fetch::Protocol::imap)
    return fail(fetch::kInvalid, "mail is imported by IMAP only; POP3 is for: angarium fetch add");
  if (!options.user.empty()) remote.url.user = options.user;
  if (remote.url.user.empty())
    return fail(fetch::kInvalid, "whose mail there? write imaps://USER@HOST, or --user USER");
  if (!options.key.empty()) remote.key = TRY(key_of(options.key));
  std::string password;
  if (options.password_stdin)
    password = password_from_stdin();
  else if (!options.password_file.empty())
    password = TRY(password_from_file(options.password_file));
  else
    password = TRY(password_from_terminal("Password of " + shown(remote.url.user) + " at " + shown(remote.url.host)));
  remote.password = sasl::Secret(std::move(password));
  return remote;
}

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
  std::optional<transfer::RemoteOptions> remote;
  if (is_remote(options)) {
    auto told = remote_options(options);
    if (!told) return report(context, control::failure(told.error()));
    remote = *std::move(told);
  }
  TalkDoor door;
  if (const auto code = refused_talk(context, door, "transfer.import", options.account)) return *code;
  const auto from = open_source(options, std::move(remote));
  if (!from) return report(context, control::failure(from.error()));

  transfer::Link link(door.descriptor());
  transfer::Import import(link, *from->source);
  const auto plan = import.plan(options.into);
  if (!plan) return report(context, control::failure(plan.error()));
  if (!context.json) print_plan(*plan);
  if (options.dry_run) {
    if (context.json) fmt::print("{}\n", json::serialize(json::object{{"plan", json_of(*plan)}}));
    return control::kDone;
  }
  std::fflush(stdout);
  Report done;
  {
    ProgressShown bar("import", Unit::messages);
    done = import.run(*plan, std::ref(bar));
  }
  if (context.json) {
    fmt::print("{}\n", json::serialize(json::object{{"plan", json_of(*plan)}, {"report", json_of(done)}}));
  } else {
    print_report(done);
    if (done.stopped) fmt::print(stderr, "angarium: {}\n", shown(done.stopped->text()));
  }
  return exit_code_of(done);
}

int export_mail(const Context& context, const ExportOptions& options) {
  TalkDoor door;
  if (const auto code = refused_talk(context, door, "transfer.export", options.account)) return *code;
  const auto target = take_owners_rights(options.target, Access::writing);
  if (!target) return report(context, control::failure(target.error()));
  transfer::Link link(door.descriptor());
  transfer::Export work(link, {.account = options.account,
                               .directory = *target,
                               .format = format_of(options.format),
                               .pattern = options.pattern});
  transfer::ExportReport done;
  {
    ProgressShown bar("export", Unit::messages);
    done = work.run(std::ref(bar));
  }
  if (context.json) {
    fmt::print("{}\n", json::serialize(json::object{
                           {"report", json::object{{"exported", done.exported},
                                                   {"already_there", done.known},
                                                   {"octets", done.octets},
                                                   {"mailboxes", done.mailboxes},
                                                   {"defects_found", done.defects_found},
                                                   {"defects", json_of(done.defects)},
                                                   {"stopped", done.stopped ? json::value(shown(done.stopped->text()))
                                                                            : json::value()}}}}));
  } else {
    fmt::print("exported {} message{} ({}) of {} mailbox{}, {} already there\n", done.exported,
               done.exported == 1 ? "" : "s", size_of(done.octets), done.mailboxes, done.mailboxes == 1 ? "" : "es",
               done.known);
    print_defects(done.defects, done.defects_found);
    if (done.stopped) fmt::print(stderr, "angarium: {}\n", done.stopped->text());
  }
  return exit_code_of(done);
}

}  // namespace angarium::program
