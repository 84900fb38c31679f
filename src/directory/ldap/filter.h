// Search filters as text (RFC 4515).
#pragma once

#include <string>
#include <string_view>

#include "directory/person/template.h"

namespace angarium::directory {

/// A value as it may stand in a filter: "*", "(", ")", "\" and controls as \XX (RFC 4515 §3).
std::string escape_filter_value(std::string_view value);
std::string fill_filter(const Template& filter, const Asked& asked);

}  // namespace angarium::directory
