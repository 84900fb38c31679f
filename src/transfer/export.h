// The command's end of an export: asks the server for messages and writes them into boxes.
#pragma once

#include <string>
#include <vector>

#include "transfer/import.h"
#include "transfer/link.h"
#include "transfer/target.h"

namespace angarium::transfer {

struct PlannedMailbox {
  ListedMailbox mailbox;
  std::string place;        ///< what it is there
  std::uint64_t known = 0;  ///< messages that are there from an earlier export
  std::string refused;      ///< why nothing of it can be written, in words; or empty
};

struct ExportPlan {
  std::vector<PlannedMailbox> mailboxes;
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::uint64_t known = 0;
};

struct ExportReport {
  std::uint64_t mailboxes = 0;
  std::uint64_t exported = 0;
  std::uint64_t known = 0;  ///< were there from an earlier export
  std::uint64_t octets = 0;
  std::uint64_t defects_found = 0;
  std::vector<Defect> defects;  ///< kDefectsMax
  std::optional<Error> stopped;
};

/// Constant memory: a message at a time.
class Export {
 public:
  /// Both outlive it.
  Export(Link& link, Target& target) : link_(link), target_(target) {}

  /// What would be done; changes nothing. `pattern`: of mailbox names, as LIST has them: * and %.
  Result<ExportPlan> plan(const std::string& pattern);
  /// Does it. Errors of single messages and mailboxes are defects of the report.
  ExportReport run(const ExportPlan& plan, const Progress& progress);

 private:
  Result<> run_all(const ExportPlan& plan);
  Result<std::vector<ListedMailbox>> list(const std::string& pattern);
  Result<> survey(PlannedMailbox& planned);
  Result<> export_mailbox(const ListedMailbox& listed);
  Result<mailbox::UidSet> uids_of(const ListedMailbox& listed);
  Result<> fetch(Box& box, const ListedMailbox& listed, const mailbox::UidSet& wanted);
  Result<> settle(Box& box, const ListedMailbox& listed);
  Result<> take(Box& box, const ListedMailbox& listed, const Link::Frame& frame);
  void defect(std::string place, std::string words);
  void tell();

  Link& link_;
  Target& target_;
  Progress progress_;
  ExportReport report_;
  std::uint64_t all_ = 0;
  std::optional<MessageHeader> header_;  ///< of the message that arrives
  bool begun_ = false;                   ///< in its box
};

}  // namespace angarium::transfer
