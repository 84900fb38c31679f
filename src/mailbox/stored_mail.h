// What is stored of accounts, for who goes through all of it on a thread that may wait: without views, without loading
// accounts.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "keyring/keys.h"
#include "mailbox/email.h"
#include "mailbox/types.h"
#include "message/structure.h"
#include "store/tablet.h"

namespace angarium::mailbox {

struct StoredEmail {
  EmailId id = 0;
  EmailPtr email;  ///< null: its record is damaged
};
/// Emails above `after`, ascending, at most so many; among them such as were expunged lately. Ids rise as mail becomes
/// durable: what comes later is above all that was ever seen.
Result<std::vector<StoredEmail>> stored_emails(store::Tablet& tablet, keyring::Keys* keys, AccountId account,
                                               EmailId after, std::size_t limit);
/// One email; null: it is not there. kDamaged.
Result<EmailPtr> stored_email(store::Tablet& tablet, keyring::Keys* keys, AccountId account, EmailId email);
/// Goes on reading a message into `octets`, which has its first ones or none: to so many, or to its end. As
/// AccountMail::read() gives them.
Result<> read_on(store::Tablet& tablet, const Email& email, std::uint64_t until, std::string& octets);
/// What message::visit_texts() needs of the octets: a small message whole, of a large one its beginning, and more when
/// that says so. `octets` is empty.
Result<> read_texts(store::Tablet& tablet, const Email& email, const message::Structure& structure,
                    std::string& octets);
/// Which of the emails are there, in their order.
Result<std::vector<bool>> stored_emails_there(store::Tablet& tablet, AccountId account,
                                              std::span<const EmailId> emails);
/// Whether the account is there.
Result<bool> stored_account(store::Tablet& tablet, AccountId account);
/// Every account, with the highest id of an email in it; 0: it has none.
Result<> each_stored_account(store::Tablet& tablet, const std::function<void(AccountId, EmailId)>& each);

}  // namespace angarium::mailbox
