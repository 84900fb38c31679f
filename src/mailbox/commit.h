// One batch on its way to the log, and what becomes visible in each account when it is durable.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "mailbox/record.h"
#include "mailbox/view.h"
#include "store/tablet.h"

namespace angarium::mailbox {

class Account;

/// Told once of a change's end, from any thread; brief.
template <class T = void>
using Done = std::move_only_function<void(Result<T>)>;

/// What one batch does to one account.
struct CommitPart {
  struct Messages {
    MailboxId mailbox = 0;
    std::shared_ptr<const Delta> delta;
    MailboxCounters counters;  ///< merged into what is shown
  };
  std::shared_ptr<Account> account;
  Modseq modseq = 0;
  std::vector<Messages> messages;
  std::vector<std::uint64_t> thread_keys;  ///< put by it
  std::uint64_t key_uses = 0;              ///< what the batch says of the account's key; 0: nothing
  Tally adds;                              ///< counted against the quota while pending
  std::move_only_function<void()> effect;  ///< on success, under the account's mutex
  bool listing_changed = false;
  std::vector<MailboxId> touched;  ///< who watches these is told, though their messages are as they were
  bool only_adds = false;          ///< refused, it leaves nothing that another batch was built on
  std::vector<std::move_only_function<void(Result<>)>> after;  ///< others who wait for the same end
};

/// Owns itself from enqueue() to completed().
class Commit final : public store::Completion {
 public:
  /// Hands the batch to the tablet. The mutexes of all the parts' accounts are held and the parts are pending.
  static void enqueue(store::Tablet& tablet, store::Batch batch, std::vector<std::shared_ptr<CommitPart>> parts,
                      Done<store::CommitInfo> done);
  void completed(Result<store::CommitInfo> result) noexcept override;

 private:
  Commit(std::vector<std::shared_ptr<CommitPart>> parts, Done<store::CommitInfo> done)
      : parts_(std::move(parts)), done_(std::move(done)) {}

  std::vector<std::shared_ptr<CommitPart>> parts_;
  Done<store::CommitInfo> done_;
};

}  // namespace angarium::mailbox
