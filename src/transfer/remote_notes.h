// What the ledger knows of a mailbox at an IMAP server that is being written.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailbox/uid_set.h"
#include "transfer/fingerprint.h"
#include "transfer/link.h"

namespace angarium::transfer {

/// Notes go to the other end of the link, and are durable when a call returns; nothing else is asked of it meanwhile.
class RemoteNotes {
 public:
  /// The account there as RemoteSession::path_of("") has it, and the name of the mailbox there.
  RemoteNotes(Link& link, const ListedMailbox& mailbox, std::string account, std::string there)
      : link_(link), mailbox_(mailbox), account_(std::move(account)), there_(std::move(there)) {}

  /// Numbers there are of this UIDVALIDITY; 0: they do not last.
  void set_validity(std::uint32_t validity) { validity_ = validity; }
  [[nodiscard]] std::uint32_t validity() const { return validity_; }

  /// Names of a message of ours that went, and of a message there that came from here.
  [[nodiscard]] Fingerprint went(std::uint64_t uid) { return name_of("went", uid); }
  [[nodiscard]] Fingerprint there(std::uint32_t uid) { return name_of("there", uid); }
  /// For each name, whether it is noted: an octet that is not 0. kKnownMax at most.
  Result<std::string> known(const std::vector<Fingerprint>& asked);

  /// Whether an export that began with one of the missing messages told no end. Before expect().
  Result<bool> broke_off(const mailbox::UidSet& missing);
  /// Notes that messages are going to be sent of which this is the first.
  Result<> expect(mailbox::Uid first);
  /// To be noted by settle(): a message went, and what it is there.
  void remember(std::uint64_t uid, std::optional<std::uint32_t> there);
  /// `certain`: it is known what came of each since expect().
  Result<> settle(bool certain);

 private:
  [[nodiscard]] Fingerprint name_of(std::string_view what, std::uint64_t number);
  [[nodiscard]] Fingerprint turn_of(std::string_view what, mailbox::Uid first, std::uint64_t turn);
  Result<std::uint64_t> settled_turns(mailbox::Uid first);
  Result<> note(const std::vector<Fingerprint>& names);

  Link& link_;
  ListedMailbox mailbox_;
  std::string account_;
  std::string there_;
  std::uint32_t validity_ = 0;
  Fingerprinter names_;
  std::vector<Fingerprint> went_;                ///< to be noted
  std::map<mailbox::Uid, std::uint64_t> turns_;  ///< of missing messages that an export began with before
  std::optional<Fingerprint> settles_;           ///< what tells that all is known since expect()
};

}  // namespace angarium::transfer
