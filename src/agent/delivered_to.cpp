#include "agent/delivered_to.h"

#include <algorithm>

#include "base/text.h"

namespace angarium::agent {
namespace {

constexpr std::string_view kName = "delivered-to";

/// Whether the line may still become, or is, one of ours.
bool may_be_ours(std::string_view line) {
  const std::size_t common = std::min(line.size(), kName.size());
  return equals_ignore_case(line.substr(0, common), kName.substr(0, common));
}

}  // namespace

void DeliveredTo::end_line() {
  std::string_view line = line_;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!skips_ && line.empty()) in_header_ = false;
  if (!skips_ && line.size() > kName.size() && may_be_ours(line) && addresses_.size() < kDeliveredToMax) {
    line = trim(line.substr(kName.size()));
    if (line.starts_with(':')) addresses_.emplace_back(trim(line.substr(1)));
  }
  line_.clear();
  skips_ = false;
}

void DeliveredTo::feed(std::string_view octets) {
  while (in_header_ && !octets.empty()) {
    const std::size_t end = octets.find('\n');
    const std::string_view part = octets.substr(0, end);
    if (!skips_) {
      line_.append(part.substr(0, kDeliveredToLineMax - line_.size()));
      // A line end that is part of CR LF is no field.
      if (line_ != "\r" && !may_be_ours(line_)) {
        skips_ = true;
        line_.clear();
      }
    }
    if (end == std::string_view::npos) return;
    end_line();
    octets.remove_prefix(end + 1);
  }
}

}  // namespace angarium::agent
