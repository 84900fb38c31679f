// What the commands import and export have in common.
#pragma once

#include <fmt/core.h>

#include <boost/json/array.hpp>
#include <cstdio>
#include <optional>
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
void print_defects(const std::vector<transfer::Defect>& defects, std::uint64_t found);

/// Of a Report or an ExportReport.
template <class Any>
int exit_code_of(const Any& report) {
  if (report.stopped) return report.stopped->temporary() ? control::kTemporary : control::kFailed;
  return report.defects_found > 0 ? control::kFailed : control::kDone;
}

/// A talk of that verb about the account; else why there is none was said.
std::optional<int> refused_talk(const Context& context, TalkDoor& door, const std::string& verb,
                                const std::string& account);

/// It is a URL, not a path.
bool is_remote(std::string_view place);
/// Of an IMAP account; asks for the password.
Result<transfer::RemoteOptions> remote_options(const std::string& url, const RemoteLogin& login);

}  // namespace angarium::program
