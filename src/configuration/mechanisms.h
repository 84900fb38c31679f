// What is wrong with the mechanisms that a site switches on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "configuration/configuration.h"

namespace angarium::configuration {

struct MechanismFinding {
  std::string_view key;  ///< of the setting
  std::string text;
  std::string unknown{};  ///< a name that is no mechanism's
};

/// Names that are none, mechanisms whose needs are not met, and a guest's account that is no address.
std::vector<MechanismFinding> mechanism_findings(const Configuration& configuration);
/// All there are.
const std::vector<std::string_view>& mechanism_names();

}  // namespace angarium::configuration
