// What the commands import and export have in common.
#pragma once

#include <fmt/core.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdio>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "program/commands.h"
#include "program/progress.h"
#include "program/talk.h"
#include "transfer/remote.h"
#include "transfer/source.h"

namespace angarium::program {

/// What may have come from anywhere, for a terminal.
std::string shown(std::string_view text);
boost::json::array defects_json(const std::vector<transfer::Defect>& defects);
void print_json(const boost::json::object& object);
void print_defects(const std::vector<transfer::Defect>& defects, std::uint64_t found);

/// Of a Report or an ExportReport.
template <class Any>
int exit_code_of(const Any& report) {
  if (report.stopped) return report.stopped->temporary() ? control::kTemporary : control::kFailed;
  return report.defects_found > 0 ? control::kFailed : control::kDone;
}

/// How a plan and a report are said, by what takes either of them: as JSON, and to a person.
template <class Json, class Print>
struct Words {
  Json json;
  Print print;
};

/// Shows the plan, does the work unless only the plan was asked for, and shows the report. `work` takes the progress
/// bar and gives the report. The command's exit code.
template <class Plan, class Work, class... Said>
int carry_out(const Context& context, const char* name, bool dry_run, const Result<Plan>& plan, const Work& work,
              const Words<Said...>& words) {
  if (!plan) return report(context, control::failure(plan.error()));
  if (!context.json) words.print(*plan);
  if (dry_run) {
    if (context.json) print_json({{"plan", words.json(*plan)}});
    return control::kDone;
  }
  std::fflush(stdout);
  const auto done = [&] {
    ProgressShown bar(name, Unit::messages);
    return work(std::ref(bar));
  }();
  if (context.json) {
    print_json({{"plan", words.json(*plan)}, {"report", words.json(done)}});
  } else {
    words.print(done);
    if (done.stopped) fmt::print(stderr, "angarium: {}\n", shown(done.stopped->text()));
  }
  return exit_code_of(done);
}

/// A talk of that verb about the account, and what was told of it; else the exit code, and why was said.
std::expected<std::string, int> begin_talk(const Context& context, TalkDoor& door, const std::string& verb,
                                           const std::string& account);

/// It is a URL, not a path.
bool is_remote(std::string_view place);
/// Of an IMAP account; asks for the password.
Result<transfer::RemoteOptions> remote_options(const std::string& url, const RemoteLogin& login);

}  // namespace angarium::program
