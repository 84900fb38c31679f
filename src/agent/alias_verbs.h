// What operators ask about addresses: what is wrong with the aliases of the host, and where the mail for one goes.
#pragma once

#include <string>
#include <vector>

#include "agent/services.h"
#include "agent/sorting.h"

namespace angarium::agent {

/// Findings that are told; who has more mends these first.
inline constexpr std::size_t kAliasFindingsMax = 1000;
/// Aliases that are followed to their end by one check.
inline constexpr std::size_t kAliasesFollowedMax = 10'000;

/// Reads the files `paths` as they are, and those they include, and follows each alias. Blocks: for pools. JSON:
///
///     {"files": [{"file", "there", "aliases", "commands"}], "findings": [{"file", "line", "text"}]}
///
/// "commands": whether the file may name commands and files. Texts are escaped already.
Result<std::string> check_aliases(Services& services, const LocalTerms& local, const std::vector<std::string>& paths);

/// {"kind": "accounts"|"unknown"|"not-local"|"disabled"|"too-deep", "accounts": […], "onward": [addresses and targets],
/// "steps": [{"about", "text"}], "problems": [{"status", "text"}]}
std::string sorted_json(const Sorted& sorted);

}  // namespace angarium::agent
