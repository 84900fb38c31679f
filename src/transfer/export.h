// The command's end of an export: asks the server for messages and writes them into boxes.
#pragma once

#include <string>
#include <vector>

#include "transfer/import.h"
#include "transfer/link.h"
#include "transfer/target.h"

namespace angarium::transfer {

struct ExportTerms {
  std::string account;
  std::string directory;  ///< made if it is not there
  Format format = Format::maildir;
  std::string pattern = "*";  ///< of mailbox names, as LIST has them: * and %
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
  Export(Link& link, ExportTerms terms) : link_(link), terms_(std::move(terms)) {}
  ExportReport run(const Progress& progress);

 private:
  Result<> run_all();
  Result<std::vector<ListedMailbox>> list();
  Result<> export_mailbox(const ListedMailbox& listed);
  Result<mailbox::UidSet> uids_of(const ListedMailbox& listed);
  Result<> fetch(Box& box, const ListedMailbox& listed, const mailbox::UidSet& wanted);
  Result<> take(Box& box, const ListedMailbox& listed, const Link::Frame& frame);
  void defect(std::string place, std::string words);
  void tell();

  Link& link_;
  ExportTerms terms_;
  Progress progress_;
  ExportReport report_;
  std::uint64_t all_ = 0;
  std::optional<MessageHeader> header_;  ///< of the message that arrives
  bool begun_ = false;                   ///< in its box
};

}  // namespace angarium::transfer
