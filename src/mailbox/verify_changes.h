// The change log of one account, gone through once more and compared with the messages it leads to.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "mailbox/record.h"

namespace angarium::mailbox {

/// Takes an account's change records in ascending order, then its messages. What every record must agree with is in
/// the comments of the .cpp; older records than the log keeps are nobody's damage.
class ChangeAudit {
 public:
  using Find = std::function<void(std::string)>;  ///< told of damage, in words
  /// `highest`: the account's MODSEQ.
  ChangeAudit(Modseq highest, Find find);

  void take(Modseq modseq, const ChangeRecord& record);
  /// A message that is there.
  void check(MailboxId mailbox, Uid uid, Modseq modseq);
  /// After the last message.
  void finish();

 private:
  struct Told {
    Modseq modseq = 0;
    bool maybe = false;  ///< its mailbox was created, renamed or deleted since: it need not be there
  };
  struct Mailbox {
    std::unordered_map<Uid, Told> told;  ///< what the log says is there
    std::unordered_map<Uid, Modseq> expunged;
  };
  void take(const Change& item);

  Modseq highest_;
  Modseq kept_from_;  ///< records of this MODSEQ and later were never trimmed
  Find find_;
  std::unordered_map<MailboxId, Mailbox> mailboxes_;
};

}  // namespace angarium::mailbox
