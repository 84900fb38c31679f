// The command's end of an import: a plan first, then messages to the server.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "transfer/link.h"
#include "transfer/source.h"

namespace angarium::transfer {

/// Defects of which the words are kept; further ones are counted.
inline constexpr std::size_t kDefectsMax = 1000;

struct PlannedFolder {
  Folder folder;
  mailbox::SpecialUse use = mailbox::SpecialUse::none;
  std::string target;  ///< the mailbox, as the server names it
  bool exists = false;
  std::string refused;  ///< why nothing of it can come, in words; or empty
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;  ///< about
  std::uint64_t known = 0;   ///< messages that came in before
  Fingerprint seed{};
  std::vector<bool> is_known;  ///< of messages that are not announced, in their order
  bool renumbered = false;     ///< what came in before goes by other names: it is known when it was read
};

struct Plan {
  std::vector<PlannedFolder> folders;
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::uint64_t known = 0;
  std::vector<Defect> passed_over;
  std::vector<Defect> left_out;
};

struct Report {
  Counts counts;
  std::uint64_t octets = 0;  ///< that were sent
  std::uint64_t folders = 0;
  std::uint64_t made = 0;  ///< mailboxes
  std::uint64_t defects_found = 0;
  std::vector<Defect> defects;   ///< the first of them, those of the plan too
  std::optional<Error> stopped;  ///< why the rest did not come
};

/// Messages done, of how many.
using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

/// Holds a few hundred places of messages that are on their way, and some 70 octets for each message of a folder.
class Import {
 public:
  /// Both outlive it.
  Import(Link& link, Source& source) : link_(link), source_(source) {}

  /// What would be done. `into`: a mailbox that all goes into, or below; empty: the source's own names.
  Result<Plan> plan(const std::string& into);
  /// Does it. Errors of single messages and folders are defects of the report.
  Report run(const Plan& plan, const Progress& progress);

 private:
  Result<PlannedFolder> plan_folder(const Folder& folder, const std::string& name, mailbox::SpecialUse use);
  Result<std::unique_ptr<Reader>> open(const Folder& folder, const Fingerprint& seed, bool& renumbered);
  Result<> survey(PlannedFolder& planned);
  Result<> survey_announced(Reader& reader, std::vector<Announced> announced, PlannedFolder& planned);
  Result<std::string> ask_known(const std::vector<Announced>& announced);
  Result<> remember(const Fingerprint& name);
  Result<std::string> ask_known(const std::vector<Fingerprint>& asked);
  Result<MailboxPlace> ask_place(const MailboxWish& wish);
  Result<Link::Frame> await_answer(Kind kind);
  Result<> run_folder(const PlannedFolder& planned, std::uint64_t handle);
  Result<> read_folder(const PlannedFolder& planned, std::uint64_t handle);
  Result<> bring(Reader& reader, const PlannedFolder& planned, std::uint64_t handle);
  Result<> bring_next(Reader& reader, bool is_known, std::uint64_t handle);
  Result<> send_message(Reader& reader, std::uint64_t handle);
  Result<> pass_message(Reader& reader);
  Result<> check_passed();
  Result<> hear();
  Result<> heed(const Link::Frame& frame);
  Result<> finish();
  void defect(std::string place, std::string words);
  void tell();

  Link& link_;
  Source& source_;
  Report report_;
  std::uint64_t all_ = 0;
  std::uint64_t passed_ = 0;  ///< known ones, that were not sent
  std::uint64_t sent_ = 0;
  std::uint64_t told_ = 0;
  std::deque<std::pair<std::uint64_t, std::string>> on_the_way_;  ///< numbers and places
  std::vector<Fingerprint> to_check_;                             ///< of messages that were passed over unseen
  std::string changed_;                                           ///< the folder whose messages they are
  Progress progress_;
};

}  // namespace angarium::transfer
