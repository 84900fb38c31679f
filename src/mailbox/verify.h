// The room's consistency: everything kept twice is computed anew from the records and compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/tablet.h"

namespace angarium::mailbox {

struct MailReport {
  std::uint64_t accounts = 0;
  std::uint64_t mailboxes = 0;
  std::uint64_t messages = 0;
  std::uint64_t emails = 0;
  std::vector<std::string> damage;  ///< a line in words for each finding, at most kFindingsMax; empty: all is well
  static constexpr std::size_t kFindingsMax = 1000;
};

/// Reads all records of the room at one moment. Waits; memory grows with the largest account. An error means the store
/// could not be read; what was read and is wrong stands in the report.
Result<MailReport> verify_mail(store::Tablet& tablet);

}  // namespace angarium::mailbox
