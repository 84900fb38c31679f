#include "program/mail_client.h"

#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>

#include "base/text.h"
#include "configuration/configuration.h"
#include "control/request.h"
#include "io/block_on.h"
#include "io/network.h"
#include "mua/error.h"
#include "mua/far_client.h"
#include "program/commands.h"
#include "program/console.h"
#include "program/hand_in.h"
#include "program/mail_accounts.h"
#include "program/password.h"
#include "program/progress.h"
#include "program/surroundings.h"
#include "program/ticket.h"

namespace angarium::program {
namespace {

using configuration::MailAccount;
using configuration::MailAccounts;
using configuration::MailHost;

constexpr std::array<std::string_view, 13> kVerbs = {"account", "list",    "folders", "read", "save", "send", "compose",
                                                     "reply",   "forward", "delete",  "move", "flag", "help"};

/// What every verb takes.
struct Common {
  std::string config;
  std::string account;
  std::string mailbox = "INBOX";
  bool json = false;
  // An account that stands in no file.
  std::string imap, pop3, smtp, user, address, password_file, token_file, key;
  bool tickets = false;
  bool no_smtp_login = false;
};

struct NewAccount {
  MailAccount account;
  std::string imap, pop3, smtp;
  bool password_stdin = false;
  bool no_check = false;
  bool no_smtp_login = false;
  bool no_save_sent = false;
};

Result<> place(std::optional<MailHost>& into, MailHost::Protocol protocol, const std::string& text) {
  if (text.empty()) return {};
  if (into) return fail(configuration::kInvalid, "mail is read by --imap or by --pop3, not by both");
  into = TRY(configuration::parse_mail_host(protocol, text));
  return {};
}

Result<> add_hosts(MailAccount& account, const std::string& imap, const std::string& pop3, const std::string& smtp) {
  TRY(place(account.box, MailHost::Protocol::imap, imap));
  TRY(place(account.box, MailHost::Protocol::pop3, pop3));
  TRY(place(account.smtp, MailHost::Protocol::smtp, smtp));
  if (!account.key.empty()) account.key = TRY(configuration::parse_key(account.key));
  return {};
}

/// The account that the words mean: of the file, or made of options alone.
Result<MailAccount> chosen(const Common& common) {
  MailAccount account;
  const bool alone = !common.imap.empty() || !common.pop3.empty() || !common.smtp.empty();
  if (!alone) {
    const MailAccounts all = TRY(load_mail_accounts(common.config));
    account = TRY(all.find(common.account));
  }
  if (!common.user.empty()) account.user = common.user;
  if (!common.address.empty()) account.address = common.address;
  if (!common.key.empty()) account.key = common.key;
  if (!common.password_file.empty() || !common.token_file.empty() || common.tickets) {
    account.password_file = common.password_file;
    account.token_file = common.token_file;
    account.tickets = common.tickets;
    account.password.clear();
    account.password_command.clear();
  }
  if (common.no_smtp_login) account.smtp_login = false;
  TRY(add_hosts(account, common.imap, common.pop3, common.smtp));
  if (account.user.empty() && account.address.empty() && (account.box || account.smtp_login))
    return fail(configuration::kInvalid, "whose mail? say --user USER, or --address USER@DOMAIN");
  return account;
}

bool is_usage(const Error& error) { return error.is(mua::kUsage) || error.is(configuration::kInvalid); }

int complain(bool json, const Error& error) {
  const std::string text = escape_controls(error.text(), 8192);
  if (json)
    fmt::print("{}\n", to_json(Shown{{{"error", text}}}));
  else
    fmt::print(stderr, "angarium: {}\n", text);
  if (is_usage(error)) return control::kUsage;
  // A file that is in the way stays there until somebody does something.
  if (error.is(mua::kHost)) return control::kFailed;
  return error.temporary() ? control::kTemporary : control::kFailed;
}

/// One command's work: terminal, loop, network and account.
class Work {
 public:
  explicit Work(bool json)
      : json_(json), console_(environment("SHELL", "/bin/sh"), environment("PAGER", "more"), Interrupt::ends_program) {
    const auto user = find_user();
    here_.emplace(surroundings_of(console_, user ? user->login : std::to_string(getuid())));
    // Without a choice of the user's lines are read: ed is nobody's wish today.
    here_->editor = environment("VISUAL", environment("EDITOR", ""));
  }

  using Job = std::function<io::Task<Result<>>(mua::FarClient&)>;
  int run(const MailAccount& account, const Job& job) {
    const Result<> done = perform(account, job);
    console_.flush();
    return done ? control::kDone : complain(json_, done.error());
  }

 private:
  Result<> perform(const MailAccount& account, const Job& job) {
    const auto loop = TRY(io::make_loop());
    const auto network = io::socket_network();
    ProgressShown bar("mail", Unit::octets);
    mua::FarTerms terms{.account = account,
                        .dial = mua::dial_by(*network),
                        .password = [&] { return password(account); },
                        .ticket = own_ticket};
    terms.progress = [&bar](std::uint64_t done, std::uint64_t all) {
      bar(done, all);
      if (done == all) bar.finish();
    };
    const mua::Output output = json_                        ? mua::Output::json
                               : isatty(STDOUT_FILENO) == 1 ? mua::Output::terminal
                                                            : mua::Output::text;
    mua::FarClient client(*here_, std::move(terms), output);
    return io::block_on(*loop, job(client));
  }

  /// Asked once, however many servers want it.
  Result<sasl::Secret> password(const MailAccount& account) {
    if (password_.empty()) password_ = TRY(password_of(account));
    return sasl::Secret::copy(password_.view());
  }

  bool json_;
  Console console_;
  std::optional<mua::Surroundings> here_;
  sasl::Secret password_;
};

/// "seen,flagged" as flags.
Result<message::BoxFlags> flags_in(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, message::BoxFlags>, 4> kNames = {
      {{"seen", message::kBoxSeen},
       {"answered", message::kBoxAnswered},
       {"flagged", message::kBoxFlagged},
       {"draft", message::kBoxDraft}}};
  message::BoxFlags flags = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view word = trim(take_until(rest, ','));
    const auto* const name =
        std::ranges::find_if(kNames, [&](const auto& one) { return equals_ignore_case(one.first, word); });
    if (name == kNames.end())
      return fail(mua::kUsage,
                  "'" + escape_controls(word, 100) + "' is no flag: there are seen, answered, flagged and draft");
    flags |= name->second;
  }
  return flags;
}

class MailCommandLine {
 public:
  MailCommandLine() {
    app_.require_subcommand(1);
    app_.footer(
        "First steps:\n"
        "  angarium mail account add work --address anna@example.org --imap imap.example.org --smtp smtp.example.org\n"
        "  angarium mail list --unread\n"
        "  angarium mail read 4711\n"
        "  angarium mail reply 4711\n"
        "  echo 'See you at noon.' | angarium mail send bob@example.net -s Lunch --attach menu.pdf\n"
        "  angarium mail save 4711 --part 1 ~/Downloads\n\n"
        "The numbers that list shows are the server's own: they name the same message tomorrow.\n"
        "Accounts stand in ~/.config/angarium/mail.toml. Without a verb, angarium mail is mail(1): the mail of this "
        "host.\n\n"
        "Exit codes: 0 done, 1 failed, 2 usage, 75 temporary: try again.");
    common_.config = mail_accounts_path();
    accounts();
    reading();
    changing();
    writing();
  }

  int run(std::vector<std::string> words) {
    if (!words.empty() && words.front() == "help") {
      words.erase(words.begin());
      words.emplace_back("--help");
    }
    std::ranges::reverse(words);  // as the parser wants them
    try {
      app_.parse(words);
    } catch (const CLI::Success& success) {
      return app_.exit(success);
    } catch (const CLI::ParseError& error) {
      app_.exit(error);
      return control::kUsage;
    }
    return action_();
  }

 private:
  CLI::App* verb(CLI::App* parent, const std::string& name, const std::string& description,
                 const std::string& example) {
    CLI::App* made = parent->add_subcommand(name, description);
    made->add_option("--config", common_.config, "The file of accounts")->capture_default_str();
    made->add_flag("--json", common_.json, "Print the result as JSON");
    made->footer("Example:\n  angarium mail " + example);
    return made;
  }

  /// A verb that works with one account.
  CLI::App* work(const std::string& name, const std::string& description, const std::string& example) {
    CLI::App* made = verb(&app_, name, description, example);
    made->add_option("-A,--account", common_.account, "Which account; else the file's default, or its first");
    made->add_option("--user", common_.user, "Who logs in there; by default the address");
    auto* const file =
        made->add_option("--password-file", common_.password_file, "A file with the password, for you alone");
    auto* const token = made->add_option("--token-file", common_.token_file,
                                         "Instead: a file with an access token (OAUTHBEARER, XOAUTH2)")
                            ->excludes(file);
    made->add_flag("--tickets", common_.tickets, "Instead: your tickets of Kerberos (GS2-KRB5, GSSAPI)")
        ->excludes(file, token);
    made->add_option("--key", common_.key, "sha256:… of the servers' key, where their certificate is nobody's");
    auto* group = made->add_option_group("Without the file");
    group->add_option("--imap", common_.imap,
                      "imap.example.org, imaps://HOST:PORT, imap:// (STARTTLS) or, on this host, imap+plain://");
    group->add_option("--pop3", common_.pop3, "The same with POP3");
    group->add_option("--smtp", common_.smtp,
                      "The same with submissions://, submission:// (STARTTLS), submission+plain://");
    group->add_option("--address", common_.address, "The address that mail is from");
    group->add_flag("--no-smtp-login", common_.no_smtp_login, "Mail is sent without a login");
    return made;
  }

  /// A verb about messages of a folder.
  CLI::App* about(const std::string& name, const std::string& description, const std::string& example) {
    CLI::App* made = work(name, description, example);
    made->add_option("-m,--mailbox", common_.mailbox, "The folder")->capture_default_str();
    return made;
  }

  void does(CLI::App* made, Work::Job job) {
    made->callback([this, job = std::move(job)] {
      action_ = [this, job] {
        const auto account = chosen(common_);
        if (!account) return complain(common_.json, account.error());
        return Work(common_.json).run(*account, job);
      };
    });
  }

  void accounts() {
    CLI::App* parent = app_.add_subcommand("account", "Your accounts at servers anywhere");
    parent->require_subcommand(1);
    CLI::App* made = verb(parent, "add", "Add an account: its servers are looked at, and log you in",
                          "account add work --address anna@example.org --imap imap.example.org --smtp smtp.example.org "
                          "--password-command 'pass show mail/work'");
    MailAccount& account = new_.account;
    made->add_option("name", account.name, "What you call it")->required();
    made->add_option("--address", account.address, "Your address there, which your mail is from");
    made->add_option("--full-name", account.full_name, "Your name, which stands beside it");
    made->add_option("--imap", new_.imap, "Where your mail is; ports and TLS are found out: imap.example.org");
    made->add_option("--pop3", new_.pop3, "The same, of a server that has POP3 only");
    made->add_option("--smtp", new_.smtp, "Where you send by: smtp.example.org");
    made->add_option("--user", account.user, "How you log in; by default by the address");
    made->add_option("--smtp-user", account.smtp_user, "How you log in to send, if otherwise");
    made->add_flag("--no-smtp-login", new_.no_smtp_login, "Mail is sent without a login");
    made->add_option("--password-command", account.password_command, "A command that prints the password");
    made->add_option("--password-file", account.password_file, "A file with the password, for you alone");
    made->add_option("--token-file", account.token_file,
                     "Instead: a file with an access token (OAUTHBEARER, XOAUTH2), which another program keeps fresh");
    made->add_flag("--tickets", account.tickets,
                   "Instead: your tickets of Kerberos (GS2-KRB5, GSSAPI); --user NAME@REALM where there are several");
    made->add_flag("--password-stdin", new_.password_stdin,
                   "Read the password from standard input and keep it in the file of accounts; without any of these it "
                   "is asked each time");
    made->add_option("--key", account.key, "sha256:… of the servers' key, where their certificate is nobody's");
    made->add_option("--sent", account.sent,
                     "The folder for copies of what you send; by default the server says which");
    made->add_flag("--no-save-sent", new_.no_save_sent, "The server keeps copies by itself");
    made->add_flag("--no-check", new_.no_check, "Write it down without asking the servers");
    made->callback([this] { action_ = [this] { return add_account(); }; });
    made = verb(parent, "list", "List your accounts", "account list");
    made->callback([this] { action_ = [this] { return list_accounts(); }; });
    made = verb(parent, "check", "Connect to an account's servers and log in", "account check work");
    made->add_option("name", common_.account, "Which one; else the file's default, or its first");
    does(made, [](mua::FarClient& client) { return check(client); });
  }

  static io::Task<Result<>> check(mua::FarClient& client) {
    CO_TRY(co_await client.check());
    co_return Result<>();
  }

  int add_account() {
    MailAccount& account = new_.account;
    account.smtp_login = !new_.no_smtp_login;
    account.save_sent = !new_.no_save_sent;
    const auto hosts = add_hosts(account, new_.imap, new_.pop3, new_.smtp);
    if (!hosts) return complain(common_.json, hosts.error());
    // A user of tickets is a principal, which no address is.
    if (account.user.empty() && !account.tickets) account.user = account.address;
    if (new_.password_stdin) account.password = password_from_stdin();
    // Names that are taken are told before anybody types a password.
    const auto right = configuration::parse_mail_accounts(configuration::mail_account_text(account), common_.config);
    if (!right) return complain(common_.json, right.error());
    const auto others = load_mail_accounts(common_.config);
    if (!others) return complain(common_.json, others.error());
    for (const MailAccount& other : others->accounts)
      if (other.name == account.name)
        return complain(common_.json,
                        Error(configuration::kInvalid, "there is an account '" + account.name + "' already; " +
                                                           common_.config + " is yours to edit"));
    if (!new_.no_check) {
      const int code =
          Work(common_.json).run(account, [&account](mua::FarClient& client) { return learn(client, account); });
      if (code != control::kDone) return code;
    }
    const auto added = add_mail_account(common_.config, account);
    if (!added) return complain(common_.json, added.error());
    if (!common_.json) fmt::print("the account {} is written into {}\n", escape_controls(account.name), common_.config);
    if (common_.json) fmt::print("{}\n", to_json(Shown{{{"account", account.name}, {"file", common_.config}}}));
    return control::kDone;
  }

  static io::Task<Result<>> learn(mua::FarClient& client, MailAccount& account) {
    account = CO_TRY(co_await client.check());
    co_return Result<>();
  }

  int list_accounts() {
    const auto all = load_mail_accounts(common_.config);
    if (!all) return complain(common_.json, all.error());
    std::vector<Shown> rows;
    for (const MailAccount& one : all->accounts) {
      rows.push_back({{{"name", one.name},
                       {"address", one.address},
                       {"box", one.box ? configuration::mail_host_text(*one.box) : ""},
                       {"smtp", one.smtp ? configuration::mail_host_text(*one.smtp) : ""}}});
      if (common_.json) continue;
      for (const auto& [name, value] : rows.back().fields)
        if (!value.empty()) fmt::print("{}{}", name == "name" ? "" : "  ", escape_controls(value));
      fmt::print("\n");
    }
    if (common_.json) fmt::print("{}\n", to_json(rows));
    if (rows.empty() && !common_.json)
      fmt::print(stderr, "there is none yet: angarium mail account add --help tells how to make one\n");
    return control::kDone;
  }

  void reading() {
    CLI::App* made = work("list", "List messages, the newest last", "list --unread --search invoice");
    made->add_option("-m,--mailbox,mailbox", common_.mailbox, "The folder")->capture_default_str();
    made->add_flag("--unread", wanted_.unread, "Only those that were not read");
    made->add_flag("--flagged", wanted_.flagged, "Only those that are flagged");
    made->add_option("--search", wanted_.text, "Only those with these words in them, anywhere");
    made->add_option("--from", wanted_.from, "Only those from such an address or name");
    made->add_option("--subject", wanted_.subject, "Only those with this in their subject");
    made->add_option("--limit", wanted_.limit, "At most so many, the newest; 0: all")->capture_default_str();
    does(made, [this](mua::FarClient& client) { return client.list(common_.mailbox, wanted_); });

    made = work("folders", "List the folders", "folders --counts");
    made->add_flag("--counts", counts_, "With how many messages there are in each");
    does(made,
         [this](mua::FarClient& client) { return client.folders(counts_ ? mua::Counting::yes : mua::Counting::no); });

    made = about("read", "Show a message, and mark it as read", "read 4711");
    made->add_option("message", word_, "Its number in the list, or last")->required();
    made->add_flag("--raw", raw_, "Its octets, all of them");
    made->add_flag("--headers", headers_, "All fields of its header");
    made->add_option("--part", read_.part, "An attachment's octets, by its number")->check(CLI::PositiveNumber);
    made->add_flag("--keep-unread", read_.keep_unread, "Do not mark it as read");
    does(made, [this](mua::FarClient& client) {
      using Form = mua::ReadOptions::Form;
      read_.form = raw_ ? Form::raw : headers_ ? Form::headers : Form::text;
      return client.read(common_.mailbox, word_, read_);
    });

    made = about("save", "Save a message or its attachments into files; never over one that is there",
                 "save 4711 --part 1 ~/Downloads");
    made->add_option("message", word_, "Its number in the list, or last")->required();
    made->add_option("file", save_.path, "A new file, or a folder; by default this folder");
    made->add_option("--part", save_.part, "An attachment, by its number")->check(CLI::PositiveNumber);
    made->add_flag("--attachments", save_.all_parts, "All attachments");
    does(made, [this](mua::FarClient& client) { return client.save(common_.mailbox, word_, save_); });
  }

  void changing() {
    const auto messages = [this](CLI::App* made) {
      made->add_option("messages", words_, "Their numbers in the list: 4711, 4711-4715, last")->required();
    };
    CLI::App* made = about("delete", "Delete messages for good", "delete 4711 4713-4715");
    messages(made);
    does(made, [this](mua::FarClient& client) { return client.remove(common_.mailbox, words_); });
    made = about("move", "Move messages to another folder", "move 4711 4712 --to Archive");
    messages(made);
    made->add_option("--to", to_, "The folder")->required();
    does(made, [this](mua::FarClient& client) { return client.move(common_.mailbox, words_, to_); });
    made = about("flag", "Set and clear flags: seen, answered, flagged, draft", "flag 4711 --set flagged --clear seen");
    messages(made);
    made->add_option("--set", set_, "These flags, parted by commas");
    made->add_option("--clear", clear_, "Those not any more");
    does(made, [this](mua::FarClient& client) { return flag(client); });
  }

  io::Task<Result<>> flag(mua::FarClient& client) {
    const auto set = CO_TRY(flags_in(set_));
    const auto clear = CO_TRY(flags_in(clear_));
    if ((set | clear) == 0)
      co_return fail(mua::kUsage, "say --set or --clear with flags: seen, answered, flagged, draft");
    co_return co_await client.flag(common_.mailbox, words_, set, clear);
  }

  void letter(CLI::App* made) {
    made->add_option("-c,--cc", letter_.cc, "Who gets a copy");
    made->add_option("-b,--bcc", letter_.bcc, "Who gets a copy unseen by the others");
    made->add_option("-s,--subject", letter_.subject, "The subject");
    made->add_option("-a,--attach", letter_.attachments, "A file that goes with it; may stand more than once");
  }

  void writing() {
    for (const std::string name : {"send", "compose"}) {
      CLI::App* made = work(name, "Write a letter: its text is what is piped in, else $VISUAL or $EDITOR asks for it",
                            "send bob@example.net -s Lunch --attach menu.pdf <letter.txt");
      made->add_option("to", letter_.to, "Who gets it")->required();
      letter(made);
      if (name == "compose") made->description("The same as send");
      does(made, [this](mua::FarClient& client) { return client.send(letter_); });
    }
    CLI::App* made = about("reply", "Answer a message", "reply 4711 --all");
    made->add_option("message", word_, "Its number in the list, or last")->required();
    made->add_flag_callback("--all", [this] { letter_.answer = mua::Answer::to_all; }, "All who got it, too");
    made->add_flag("--quote", letter_.quote, "What is answered stands below a text that is piped in");
    made->add_option("-t,--to", letter_.to, "Who gets it besides");
    letter(made);
    does(made, [this](mua::FarClient& client) { return client.reply(common_.mailbox, word_, letter_); });
    made = about("forward", "Send a message on, whole, as an attachment", "forward 4711 carol@example.com");
    made->add_option("message", word_, "Its number in the list, or last")->required();
    made->add_option("to", letter_.to, "Who gets it")->required();
    letter(made);
    does(made, [this](mua::FarClient& client) { return client.forward(common_.mailbox, word_, letter_); });
  }

  CLI::App app_{"Read and write mail at any IMAP, POP3 and SMTP servers", "angarium mail"};
  Common common_;
  NewAccount new_;
  mua::FarWanted wanted_{.text = {}, .from = {}, .subject = {}, .limit = 50};
  bool counts_ = false;
  std::string word_;
  std::vector<std::string> words_;
  bool raw_ = false;
  bool headers_ = false;
  mua::ReadOptions read_;
  mua::SaveOptions save_;
  std::string to_;
  std::string set_;
  std::string clear_;
  mua::LetterOptions letter_;
  std::function<int()> action_ = [] { return control::kUsage; };
};

}  // namespace

bool is_client_verb(const std::string& word) {
  return word == "--help" || std::ranges::find(kVerbs, word) != kVerbs.end();
}

int mail_client(const std::vector<std::string>& words) { return MailCommandLine().run(words); }

}  // namespace angarium::program
