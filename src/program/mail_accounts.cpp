#include "program/mail_accounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "configuration/configuration.h"
#include "delivery/files.h"
#include "mua/host.h"
#include "program/password.h"
#include "program/surroundings.h"

namespace angarium::program {
namespace {

using configuration::MailAccount;
using configuration::MailAccounts;

struct File {
  bool there = false;
  std::string text;
  bool others = false;  ///< others than its owner may read or write it
};

Result<File> read_accounts(const std::string& path) {
  const delivery::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0 && errno == ENOENT) return File{};
  struct stat status{};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
    return fail(configuration::kUnreadable, path + ": " + strerrordesc_np(errno));
  if (!S_ISREG(status.st_mode)) return fail(configuration::kUnreadable, path + " is no file");
  // Commands stand in it that are run as this user.
  if (status.st_uid != geteuid() && status.st_uid != 0)
    return fail(configuration::kUnreadable, path + " belongs to another user");
  if ((status.st_mode & 022) != 0)
    return fail(configuration::kUnreadable, path + ": others may write it; try: chmod 600 " + path);
  File read{.there = true, .text = TRY(mua::read_file(path, configuration::kMailAccountsOctetsMax)), .others = false};
  read.others = (status.st_mode & 077) != 0;
  return read;
}

Result<MailAccounts> parse(const std::string& path, const File& file) {
  auto accounts = TRY(configuration::parse_mail_accounts(file.text, path));
  if (accounts.holds_password() && file.others)
    return fail(configuration::kUnreadable,
                path + ": a password stands in it, and others may read it; try: chmod 600 " + path);
  return accounts;
}

Result<> make_folders(const std::filesystem::path& folder) {
  if (folder.empty() || ::access(folder.c_str(), F_OK) == 0) return {};
  TRY(make_folders(folder.parent_path()));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(configuration::kUnreadable, folder.string() + ": " + strerrordesc_np(errno));
  return {};
}

}  // namespace

std::string mail_accounts_path() {
  return environment("XDG_CONFIG_HOME", environment("HOME", "/") + "/.config") + "/angarium/mail.toml";
}

Result<MailAccounts> load_mail_accounts(const std::string& path) { return parse(path, TRY(read_accounts(path))); }

Result<> add_mail_account(const std::string& path, const MailAccount& account) {
  File file = TRY(read_accounts(path));
  if (!file.text.empty()) file.text += file.text.ends_with('\n') ? "\n" : "\n\n";
  file.text += configuration::mail_account_text(account);
  file.others = false;
  TRY(parse(path, file));
  std::error_code error;
  // Where the file is a link, what it leads to is written.
  const std::filesystem::path real = file.there ? std::filesystem::canonical(path, error) : std::filesystem::path(path);
  if (error) return fail(configuration::kUnreadable, path + ": " + error.message());
  TRY(make_folders(real.parent_path()));
  const std::string beside = real.string() + ".new-" + std::to_string(getpid());
  TRY(mua::write_new_file(beside, file.text));
  if (::rename(beside.c_str(), real.c_str()) == 0) return {};
  const int why = errno;
  ::unlink(beside.c_str());
  return fail(configuration::kUnreadable, path + ": " + strerrordesc_np(why));
}

Result<sasl::Secret> password_of(const MailAccount& account) {
  if (!account.password.empty()) return sasl::Secret::copy(account.password);
  if (account.tickets) return sasl::Secret();
  const std::string home = environment("HOME", "/");
  if (!account.token_file.empty()) return sasl::Secret(TRY(password_from_file(mua::in_home(account.token_file, home))));
  if (!account.password_file.empty())
    return sasl::Secret(TRY(password_from_file(mua::in_home(account.password_file, home))));
  if (account.password_command.empty()) {
    const std::string& user = account.user.empty() ? account.address : account.user;
    const std::string host = account.box ? account.box->host : account.smtp ? account.smtp->host : "";
    return sasl::Secret(
        TRY(password_from_terminal("Password of " + escape_controls(user, 200) + " at " + escape_controls(host, 200))));
  }
  auto ran = TRY(mua::filter_command(environment("SHELL", "/bin/sh"), account.password_command, ""));
  std::string line = ran.output.substr(0, ran.output.find('\n'));
  wipe(ran.output);
  if (line.ends_with('\r')) line.pop_back();
  sasl::Secret password(std::move(line));
  if (ran.status != 0 || password.empty())
    return fail(configuration::kUnreadable,
                "password_command gave no password: it " +
                    (ran.status != 0 ? "ended with " + std::to_string(ran.status) : std::string("printed nothing")));
  return password;
}

}  // namespace angarium::program
