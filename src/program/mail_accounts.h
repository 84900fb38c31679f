// The file of the user's mail accounts, and their passwords.
#pragma once

#include <string>

#include "base/result.h"
#include "configuration/mail_accounts.h"
#include "sasl/secret.h"

namespace angarium::program {

/// $XDG_CONFIG_HOME/angarium/mail.toml, else ~/.config/angarium/mail.toml.
std::string mail_accounts_path();
/// None where there is no file. A file that others may read is refused if a password stands in it.
Result<configuration::MailAccounts> load_mail_accounts(const std::string& path);
/// Appends the account: durable, for the user alone, and only if the file is right then.
Result<> add_mail_account(const std::string& path, const configuration::MailAccount& account);
/// From the account, its file or command, or the file of its token, else asked at the terminal; with tickets nothing.
Result<sasl::Secret> password_of(const configuration::MailAccount& account);

}  // namespace angarium::program
