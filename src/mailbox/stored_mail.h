// What is stored of accounts, for who goes through all of it on a thread that may wait: without views, without loading
// accounts.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "mailbox/email.h"
#include "mailbox/types.h"
#include "store/tablet.h"

namespace angarium::mailbox {

struct StoredEmail {
  EmailId id = 0;
  EmailPtr email;  ///< null: its record is damaged
};
/// Emails above `after`, ascending, at most so many; among them such as were expunged lately. Ids rise as mail becomes
/// durable: what comes later is above all that was ever seen.
Result<std::vector<StoredEmail>> stored_emails(store::Tablet& tablet, AccountId account, EmailId after,
                                               std::size_t limit);
/// The first octets, as AccountMail::read() gives them; all there are, up to `max`.
Result<std::string> stored_octets(store::Tablet& tablet, const Email& email, std::size_t max);
/// Which of the emails are there, in their order.
Result<std::vector<bool>> stored_emails_there(store::Tablet& tablet, AccountId account,
                                              std::span<const EmailId> emails);
/// Whether the account is there.
Result<bool> stored_account(store::Tablet& tablet, AccountId account);
/// Every account, with the highest id of an email in it; 0: it has none.
Result<> each_stored_account(store::Tablet& tablet, const std::function<void(AccountId, EmailId)>& each);

}  // namespace angarium::mailbox
