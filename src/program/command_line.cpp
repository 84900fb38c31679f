#include "program/command_line.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>

#include "base/text.h"
#include "configuration/schema.h"
#include "program/command_help.h"
#include "program/commands.h"
#include "program/hand_in.h"
#include "program/login_options.h"
#include "program/password.h"
#include "program/verbs.h"

namespace angarium::program {
namespace {

/// --dir, else $ANGARIUM_DIR, ./var if it is there, /var/lib/angarium.
std::string default_directory() {
  struct stat status{};
  const char* const said = std::getenv("ANGARIUM_DIR");
  const bool here = (said == nullptr || *said == '\0') && stat("./var", &status) == 0 && S_ISDIR(status.st_mode);
  return here ? "./var" : server_directory();
}

/// "500 MiB" as octets, for options.
std::string octets_of(const std::string& text) {
  std::int64_t octets = 0;
  if (!configuration::parse_size(text, octets))
    throw CLI::ValidationError("'" + text + "' is no size: write 500 MiB, 2 GiB or a number of octets; 0 is no limit");
  return std::to_string(octets);
}

/// Builds the tree of subcommands; what was chosen is left in `action`.
class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("angarium " ANGARIUM_VERSION));
    app_.footer(
        "First steps:\n  angarium init --dir var --domain example.test --port-offset 10000\n  angarium account add "
        "alice@example.test --dir var\n"
        "  angarium serve --dir var\n\nYour mail, here or at any server: angarium mail --help\n\nExit codes: 0 done, 1 "
        "failed, 2 usage, 75 temporary: try again.");
    context_.directory = default_directory();
    server();
    accounts();
    for (const PlainGroup& each : plain_groups()) plain(each);
    aliases("alias", "An address that stands for others");
    aliases("group", "An address whose members all get the mail");
    aliases_files();
    routes();
    queues();
    moving();
    fetches();
    trace();
    config();
    store();
  }

  int run(std::vector<std::string> words) {
    // What one types at other programs: "help queue list" is "queue list --help".
    if (!words.empty() && words.front() == "help") {
      std::ranges::rotate(words, words.begin() + 1);
      words.back() = "--help";
    }
    try {
      app_.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // as the parser wants them
    } catch (const CLI::Success& success) {
      return app_.exit(success);
    } catch (const CLI::RequiredError& error) {
      if (!name_unknown_command(app_, words) && !list_commands(app_)) app_.exit(error);
      return control::kUsage;
    } catch (const CLI::ParseError& error) {
      app_.exit(error);
      return control::kUsage;
    }
    return action_();
  }

 private:
  CLI::App* command(CLI::App* parent, const std::string& name, const std::string& description,
                    const std::string& example) {
    CLI::App* made = parent->add_subcommand(name, description);
    made->add_option("--dir", context_.directory, "The server's directory")->capture_default_str();
    made->add_flag("--json", context_.json, "Print the result as JSON");
    if (!example.empty()) made->footer("Example:\n  angarium " + example);
    return made;
  }

  CLI::App* group(const std::string& name, const std::string& description, CLI::App* parent = nullptr) {
    CLI::App* made = (parent == nullptr ? &app_ : parent)->add_subcommand(name, description);
    made->require_subcommand(1);
    return made;
  }

  /// A command that is one verb of the server; options and positionals put arguments into request_.
  CLI::App* verb(CLI::App* parent, const std::string& name, const std::string& verb_name,
                 const std::string& description, const std::string& example) {
    CLI::App* made = command(parent, name, description, example);
    made->callback([this, verb_name] {
      action_ = [this, verb_name] {
        request_.verb = verb_name;
        if (read_password_) request_.add("password", password_from_stdin());
        return verb_name == "fetch.run" ? fetch_run(context_, request_) : administer(context_, request_);
      };
    });
    return made;
  }

  void positional(CLI::App* to, const std::string& name, const std::string& description) {
    to->add_option_function<std::string>(
          name, [this, name](const std::string& value) { request_.add(name, value); }, description)
        ->required();
  }
  void option(CLI::App* to, const std::string& flag, const std::string& name, const std::string& description) {
    to->add_option_function<std::string>(
        flag, [this, name](const std::string& value) { request_.add(name, value); }, description);
  }
  CLI::Option* several(CLI::App* to, const std::string& flag, const std::string& name, const std::string& description) {
    const auto add = [this, name](const std::vector<std::string>& values) {
      for (const std::string& value : values) request_.add(name, value);
    };
    return to->add_option_function<std::vector<std::string>>(flag, add, description);
  }
  void quota_options(CLI::App* to) {
    to->add_option_function<std::string>(
        "--quota", [this](const std::string& value) { request_.add("quota_octets", octets_of(value)); },
        "Most octets of mail: 2 GiB; 0 is no limit");
    option(to, "--quota-messages", "quota_messages", "Most messages; 0 is no limit");
  }
  void password_option(CLI::App* to) {
    to->add_flag("--password-stdin", read_password_, "Read the password from standard input; or one is made and shown");
  }

  void server() {
    CLI::App* made = command(&app_, "init", "Make a server's directory: configuration, certificate, empty store",
                             "init --dir var --domain example.test");
    made->add_option("--domain", init_.domain, "The first domain that is served")->required();
    made->add_option("--host", init_.hostname, "The name of this host; by default mail.DOMAIN");
    made->add_option("--address", init_.address, "Where it listens")->capture_default_str();
    made->add_option("--port-offset", init_.port_offset, "Added to every standard port")->check(CLI::Range(0, 60000));
    made->add_flag("--system-users", init_.system_users,
                   "Every user of this host has mail, by the host's own password");
    made->callback([this] { action_ = [this] { return init(context_, init_); }; });
    command(&app_, "serve", "Run the server in the foreground", "serve --dir var")->callback([this] {
      action_ = [this] { return serve(context_); };
    });
  }

  void accounts() {
    CLI::App* parent = group("account", "Who has a mailbox");
    CLI::App* made = verb(parent, "add", "account.add", "Add an account",
                          "account add alice@example.test --name 'Alice Liddell' --quota '2 GiB'");
    positional(made, "address", "The address");
    option(made, "--name", "name", "The person's name");
    quota_options(made);
    password_option(made);
    made = verb(parent, "list", "account.list", "List accounts", "account list --domain example.test --json");
    option(made, "--domain", "domain", "Only those of this domain");
    made = verb(parent, "show", "account.show", "Show an account and what it uses", "account show alice@example.test");
    positional(made, "address", "The address");
    made = verb(parent, "set", "account.set", "Change an account",
                "account set alice@example.test --quota '5 GiB' --status disabled");
    positional(made, "address", "The address");
    option(made, "--name", "name", "The person's name");
    option(made, "--status", "status", "enabled or disabled");
    option(made, "--moved-to", "moved_to", "imap://HOST/: IMAP logins are referred there; empty: mail is read here");
    quota_options(made);
    made = verb(parent, "password", "account.password", "Set a new password", "account password alice@example.test");
    positional(made, "address", "The address");
    password_option(made);
    made = verb(parent, "auth", "account.auth", "Show or change for which further mechanisms keys are kept",
                "account auth alice@example.test --add cram-md5 --remove apop");
    positional(made, "address", "The address");
    several(made, "--add", "add",
            "scram-sha-512, cram-md5, digest-md5, ntlm, otp, skey, apop: made when the password is set or given next")
        ->allow_extra_args(false);
    several(made, "--remove", "remove", "The same; its keys are forgotten at once")->allow_extra_args(false);
    app_passwords(parent);
    second_factor(parent);
    made = verb(parent, "remove", "account.remove", "Remove an account and all its mail",
                "account remove alice@example.test");
    positional(made, "address", "The address");
  }

  void app_passwords(CLI::App* account) {
    CLI::App* parent = group("app-password", "Passwords for one program or device each", account);
    CLI::App* made = verb(parent, "add", "account.app-password.add", "Make one and print it, this once",
                          "account app-password add alice@example.test phone --for imap --for smtp --expires 365d");
    positional(made, "address", "The account");
    positional(made, "name", "What uses it");
    several(made, "--for", "use", "imap, pop3 or smtp, may be repeated; without it all of them")
        ->allow_extra_args(false);
    option(made, "--expires", "expires", "Until when: 90d, 2027-12-31; without it until it is removed");
    made = verb(parent, "list", "account.app-password.list", "List them, and when each was used last (to the hour)",
                "account app-password list alice@example.test");
    positional(made, "address", "The account");
    made = verb(parent, "remove", "account.app-password.remove", "Remove one: nobody logs in by it from now on",
                "account app-password remove alice@example.test phone");
    positional(made, "address", "The account");
    positional(made, "name", "What uses it");
  }

  void second_factor(CLI::App* account) {
    CLI::App* parent = group("totp", "A code of an authenticator as the second factor beside the password", account);
    const auto add = [&](const std::string& name, const std::string& description, const std::string& more = "") {
      CLI::App* made = verb(parent, name, "account.totp." + name, description,
                            "account totp " + name + " alice@example.test" + more);
      positional(made, "address", "The account");
      return made;
    };
    add("enable", "Make the secret and print it, for the authenticator");
    CLI::App* made = add("confirm", "Switch it on, by the code that the authenticator shows now", " 123456");
    positional(made, "code", "Six digits");
    add("disable", "Switch it off: the password is enough again");
    add("status", "Show whether it is on, and how many recovery codes are left");
  }

  void plain(const PlainGroup& of) {
    CLI::App* parent = group(of.name, of.description);
    for (const PlainVerb& each : of.verbs) {
      CLI::App* made = verb(parent, each.name, each.verb, each.description, each.example);
      for (const auto& [name, description, flag, alone] : each.arguments)
        if (alone)
          made->add_flag_callback(flag, [this, name] { request_.add(name, "yes"); }, description);
        else
          flag.empty() ? positional(made, name, description) : option(made, flag, name, description);
    }
  }

  void aliases(const std::string& kind, const std::string& description) {
    CLI::App* parent = group(kind, description);
    CLI::App* made = verb(parent, "add", "alias.add", "Add one",
                          kind + " add sales@example.test alice@example.test bob@example.test");
    positional(made, "address", "The address");
    several(made, "target", "target", "Who gets the mail")->required();
    made->parse_complete_callback([this, kind] { request_.add("kind", kind); });
    made = verb(parent, "list", "alias.list", "List them", kind + " list");
    option(made, "--domain", "domain", "Only those of this domain");
    made->parse_complete_callback([this, kind] { request_.add("kind", kind); });
    made = verb(parent, "show", "alias.show", "Show one", kind + " show sales@example.test");
    positional(made, "address", "The address");
    made = verb(parent, "remove", "alias.remove", "Remove one", kind + " remove sales@example.test");
    positional(made, "address", "The address");
    made->parse_complete_callback([this, kind] { request_.add("kind", kind); });
  }

  void aliases_files() {
    CLI::App* parent = group("aliases", "The files of aliases of this host: local.aliases");
    CLI::App* made = command(parent, "check", "Show what is wrong in them, and which aliases do not reach everybody",
                             "aliases check");
    made->callback([this] { action_ = [this] { return aliases_check(context_); }; });
  }

  void routes() {
    CLI::App* parent = group("route", "Where mail goes");
    CLI::App* made = command(parent, "explain", "Show where mail to an address would go, and why",
                             "route explain bob@example.org --from alice@example.test");
    made->add_option("address", route_.address, "The recipient")->required();
    made->add_option("--from", route_.sender, "The sender; '<>' for reports")->capture_default_str();
    made->callback([this] { action_ = [this] { return route_explain(context_, route_); }; });
  }

  void fetches() {
    CLI::App* parent = group("fetch", "Mail at other hosts that is brought into accounts here");
    CLI::App* made =
        verb(parent, "add", "fetch.add", "Fetch from a POP3 or IMAP server, or from a provider that holds mail (ODMR)",
             "fetch add alice@example.test imaps://mail.example.org --user alice --password-stdin");
    positional(made, "address", "The account that gets the mail; with odmr:// only the one it is listed under");
    positional(
        made, "url",
        "imaps://HOST[:PORT], imap:// (STARTTLS), pop3s:// or pop3:// (STLS); imap+plain:// and "
        "pop3+plain:// without, where auth.plaintext_without_tls allows them; odmr:// (STARTTLS) and odmr+plain://: "
        "mail for domains of this host, by ATRN");
    option(made, "--user", "user", "The name to log in by");
    option(made, "--name", "name", "What to call it here; the host if not given");
    made->add_flag("--password-stdin", read_password_, "Read the password from standard input, one line");
    option(made, "--token-file", "token_file", "Instead: a file that holds an access token (OAUTHBEARER, XOAUTH2)");
    option(made, "--tickets", "tickets",
           "Instead: a credentials cache of Kerberos (GS2-KRB5, GSSAPI), as kinit -c makes it; --user NAME@REALM says "
           "whose");
    option(made, "--layer", "layer",
           "Without TLS: what the login has to agree on at least, 'integrity' or 'confidentiality' (GSSAPI; with a "
           "password DIGEST-MD5)");
    several(made, "--folder", "folder", "A folder there, may be repeated; '*' is all")->allow_extra_args(false);
    option(made, "--into", "into", "The mailbox here that gets what is in the INBOX there; other folders go below it");
    option(made, "--every", "every", "How often to look: 5m, 2h; 15m if not given");
    option(made, "--remove-after", "remove_after", "Remove it there after so many days; 0: as soon as it is safe here");
    made->add_flag_callback("--idle", [this] { request_.add("idle", "yes"); }, "Wait for new mail by IDLE, too");
    made->add_flag_callback(
        "--any-certificate", [this] { request_.add("any_certificate", "yes"); },
        "Believe the key that the server shows first, whoever vouches for it; another one is refused");
    made = verb(parent, "list", "fetch.list", "List what is fetched, and how it went", "fetch list");
    made->add_option_function<std::string>(
        "address", [this](const std::string& address) { request_.add("address", address); }, "Only of this account");
    fetch_action(parent, "show", "Show all that is known of one");
    fetch_action(parent, "run", "Look now, and wait for the end; 75: it failed and is tried again, 1: it is not");
    fetch_action(parent, "pause", "Do not look until it is resumed");
    option(fetch_action(parent, "resume", "Look again, now"), "--key", "key",
           "The key that was refused, as fetch show has it: it is the server's from now on");
    fetch_action(parent, "remove", "Forget it; what was fetched stays");
    fetch_action(parent, "password", "Give another password for it", " --password-stdin")
        ->add_flag("--password-stdin", read_password_, "Read the password from standard input, one line")
        ->required();
  }

  CLI::App* fetch_action(CLI::App* parent, const std::string& name, const std::string& description,
                         const std::string& more = "") {
    CLI::App* made = verb(parent, name, "fetch." + name, description,
                          "fetch " + name + " alice@example.test mail.example.org" + more);
    positional(made, "address", "The account");
    positional(made, "name", "Its name, as angarium fetch list shows it");
    return made;
  }

  void queues() {
    CLI::App* parent = group("queue", "Mail that waits to go on");
    CLI::App* made = command(parent, "list", "List messages: state, next attempt and the last words of the other side",
                             "queue list --destination example.org --deferred");
    queue_filter(made);
    made->add_option("--limit", filter_.limit, "At most so many messages")->check(CLI::PositiveNumber);
    made->callback([this] { action_ = [this] { return queue_list(context_, filter_); }; });
    made = command(parent, "show", "Show all that is known of a message, and its header", "queue show 3kf0z9wq1c7e");
    made->add_option("id", id_, "The message, as in the reply to it")->required();
    made->callback([this] { action_ = [this] { return queue_show(context_, id_); }; });
    made = command(parent, "retry", "Try again now", "queue retry example.org");
    CLI::Option* what = made->add_option("what", id_, "A message, or a destination with all that waits for it");
    made->add_flag("--all", all_, "Everything that is not held")->excludes(what);
    made->callback([this] {
      if (id_.empty() && !all_) throw CLI::ValidationError("say what to retry: an ID, a DESTINATION, or --all");
      action_ = [this] { return queue_retry(context_, id_); };
    });
    command(parent, "flush", "Try everything that is not held again now", "queue flush")->callback([this] {
      action_ = [this] { return queue_retry(context_, ""); };
    });
    queue_action(parent, "hold", "Keep messages back until they are released");
    queue_action(parent, "release", "Let messages that are held go on, now");
    queue_action(parent, "remove",
                 "Take messages out of the queue for good; their senders are not told without --bounce")
        ->add_flag("--bounce", bounce_, "Tell its sender that it was not delivered");
  }

  void queue_filter(CLI::App* made) {
    made->add_option("--sender", filter_.sender, "Only from senders with this in their address");
    made->add_option("--recipient", filter_.recipient, "Only to recipients with this in their address");
    made->add_option("--destination", filter_.destination, "Only what goes to this domain");
    CLI::Option* held = made->add_flag_callback("--held", [this] { filter_.state = "held"; }, "Only what is held");
    made->add_flag_callback(
            "--deferred", [this] { filter_.state = "deferred"; }, "Only what waits for its next attempt")
        ->excludes(held);
  }

  CLI::App* queue_action(CLI::App* parent, const std::string& name, const std::string& description) {
    CLI::App* made =
        command(parent, name, description,
                "queue " + name + " 3kf0z9wq1c7e\n  angarium queue " + name + " --destination example.org");
    made->add_option("id", selected_, "Messages, as in the replies to them");
    queue_filter(made);
    made->add_flag("--all", all_, "All that is in the queue");
    made->callback([this, name] {
      const bool in_common = filter_.narrows() || all_;
      if (selected_.empty() && !in_common)
        throw CLI::ValidationError("say which messages: IDs, --destination and the like, or --all");
      if (!selected_.empty() && in_common) throw CLI::ValidationError("either IDs, or what they have in common");
      action_ = [this, name] {
        return queue_change(context_, name, {.ids = selected_, .filter = filter_}, bounce_ ? Bounce::yes : Bounce::no);
      };
    });
    return made;
  }

  void moving() {
    CLI::App* made = command(
        &app_, "import", "Bring mail in: an mbox file, a Maildir, a folder of either, or an IMAP account",
        "import --account alice@example.test ~/Maildir\n  angarium import --account alice@example.test old.mbox "
        "--into Old --dry-run\n  angarium import --account alice@example.test --from-location");
    made->add_option("--account", import_.account, "Whose mail it becomes")->required();
    CLI::Option* place = made->add_option(
        "source", import_.source,
        "The file or folder; or imaps://USER@HOST[:PORT], imap:// (STARTTLS), or imap+plain:// on this host: all "
        "folders of the account there, where nothing is changed");
    add_login(made, import_.login);
    made->add_option("--folder", import_.folders, "IMAP: only this folder there; may be given several times")
        ->allow_extra_args(false);
    made->add_option("--into", import_.into, "The mailbox that all goes into, or below");
    made->add_flag("--dry-run", import_.dry_run, "Only show what would be done");
    or_location(*made, place, "--from-location", import_.from_location,
                "Move the account from its place ([location]) into the own store; again: what came there since");
    made->callback([this] { action_ = [this] { return import_mail(context_, import_); }; });
    made =
        command(&app_, "export", "Write an account's mail into mbox files or Maildirs, or bring it to an IMAP account",
                "export --account alice@example.test /srv/alice --format maildir++\n  angarium export --account "
                "alice@example.test old --format mbox --variant mboxcl2 --dry-run\n  angarium export "
                "--account alice@example.test imaps://new.example.org --user alice");
    made->add_option("--account", export_.account, "Whose mail")->required();
    place = made->add_option("target", export_.target,
                             "The folder; it is made if it is not there; or imaps://USER@HOST[:PORT], imap:// "
                             "(STARTTLS), or imap+plain:// on this host");
    add_login(made, export_.login);
    made->add_option("--format", export_.format, "Of files: mbox, maildir (a folder each) or maildir++ (one Maildir)")
        ->check(CLI::IsMember({"mbox", "maildir", "maildir++"}));
    made->add_option("--variant", export_.variant,
                     "mbox: mboxrd (the default: exact), mboxo, mboxcl or mboxcl2, as its readers want it")
        ->check(CLI::IsMember({"mboxrd", "mboxo", "mboxcl", "mboxcl2"}));
    made->add_option("--folder", export_.pattern, "Only mailboxes named so; * stands for anything, % for one level")
        ->capture_default_str();
    made->add_flag("--dry-run", export_.dry_run, "Only show what would be done");
    or_location(*made, place, "--to-location", export_.to_location,
                "Instead of a target: the account is in its place ([location]) again; what both sides have is merged");
    made->callback([this] { action_ = [this] { return export_mail(context_, export_); }; });
  }

  void trace() {
    CLI::App* made = command(&app_, "trace", "Tell what happened to a message, and what can be done about it",
                             "trace last\n  angarium trace bob@example.test --since 2h");
    made->add_option(
            "what", trace_.what,
            "The id in the reply to it, a sender's or recipient's address, its Message-ID, the address of a host, "
            "or last")
        ->required();
    made->add_option("--since", trace_.since, "Only what came since then: 2h, 3d, 2026-11-22, '2026-11-22 14:30'");
    made->add_option("--limit", trace_.limit, "At most so many messages (10)")->check(CLI::PositiveNumber);
    made->callback([this] { action_ = [this] { return trace_find(context_, trace_); }; });
  }

  void config() {
    CLI::App* parent = group("config", "The configuration file");
    command(parent, "check", "Check it and name every mistake", "config check --dir var")->callback([this] {
      action_ = [this] { return config_check(context_); };
    });
    command(parent, "show", "Show every key with its value", "config show --dir var")->callback([this] {
      action_ = [this] { return config_show(context_); };
    });
    CLI::App* made = command(parent, "explain", "Explain a key", "config explain smtp.message_size_max");
    made->add_option("key", key_, "The key")->required();
    made->callback([this] { action_ = [this] { return config_explain(context_, key_); }; });
  }

  void store() {
    verb(&app_, "verify", "store.verify", "Compare all that is stored with its checksums", "verify --dir var");
    command(&app_, "rebuild", "Make the store's state anew from its log; the server must not run", "rebuild --dir var")
        ->callback([this] { action_ = [this] { return rebuild(context_); }; });
    CLI::App* made = verb(&app_, "snapshot", "store.snapshot", "Copy the store to a directory", "snapshot /srv/copy");
    const auto to = [this](const std::string& value) { request_.add("directory", absolute(value)); };
    made->add_option_function<std::string>("directory", to, "The new directory")->required();
    verb(&app_, "sweep", "store.sweep", "Give back the space of deleted mail now", "sweep --dir var");
    verb(&app_, "status", "store.status", "Show the state of the store", "status --dir var");
  }

  /// The server has another working directory.
  static std::string absolute(const std::string& path) {
    if (path.starts_with('/')) return path;
    std::unique_ptr<char, void (*)(void*)> here(getcwd(nullptr, 0), std::free);
    return here ? std::string(here.get()) + "/" + path : path;
  }

  CLI::App app_{"Angarium: a whole mail system in one program", "angarium"};
  Context context_;
  InitOptions init_;
  RouteOptions route_;
  QueueFilter filter_;
  ImportOptions import_;
  ExportOptions export_;
  TraceFilter trace_;
  std::string id_;
  std::vector<std::string> selected_;
  bool all_ = false;
  bool bounce_ = false;
  control::Request request_;
  bool read_password_ = false;
  std::string key_;
  std::function<int()> action_ = [] { return control::kUsage; };
};

}  // namespace

int run_command_line(int count, char** arguments) {
  std::vector<std::string> words(arguments, arguments + count);
  // The program by another name.
  if (count > 0 && words.front().substr(words.front().rfind('/') + 1) == "mailq") {
    words.insert(words.begin() + 1, {"queue", "list"});
  }
  if (!words.empty()) words.erase(words.begin());
  CommandLine line;
  return line.run(std::move(words));
}

}  // namespace angarium::program
