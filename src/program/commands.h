// What the subcommands do. Each returns the exit code.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "control/request.h"

namespace angarium::program {

/// What every command knows.
struct Context {
  std::string directory;  ///< --dir
  bool json = false;      ///< --json: print the result as it is
};

struct InitOptions {
  std::string domain;
  std::string hostname;  ///< empty: "mail." and the domain
  std::string address = "127.0.0.1";
  unsigned port_offset = 0;
  bool system_users = false;  ///< users of the host have mail by themselves: local.system_users
};
/// Makes what is missing of a server's directory; leaves what is there.
int init(const Context& context, const InitOptions& options);

/// sendmail(1): `arguments` are the words after the name. Exit codes of sysexits.h.
int sendmail(const Context& context, const std::vector<std::string>& arguments);

/// mail(1), the same way.
int mail(const Context& context, const std::vector<std::string>& arguments);

/// `sendmail -bs`: SMTP over standard input and output, with the server or, when none runs, the drop folder. Exit codes
/// of sysexits.h.
int speak_smtp(const Context& context);

/// Runs the server until SIGTERM or SIGINT.
int serve(const Context& context);

/// The running server, or the store itself when none runs; then it stays open between requests.
class Server {
 public:
  explicit Server(const Context& context);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  Result<control::Reply> ask(const control::Request& request);

 private:
  struct Here;
  Result<> open_here();
  Result<control::Reply> do_it_here(const control::Request& request);

  const Context& context_;
  std::unique_ptr<Here> here_;
};

/// Asks the running server, or opens the store when none runs; prints the result.
int administer(const Context& context, const control::Request& request);

/// The same without printing.
Result<control::Reply> ask_or_do(const Context& context, const control::Request& request);

/// Asks `request`; when what it names is unknown, asks the same by the verb `otherwise`. Prints errors only.
int ensure(const Context& context, const control::Request& request, const std::string& otherwise);

/// fetch.run: waits for the end of the look. kTemporary where it failed and is tried again, kFailed where it is not.
int fetch_run(const Context& context, const control::Request& request);

struct RouteOptions {
  std::string address;
  std::string sender = "<>";  ///< an address, or "<>"
};
/// Tells where mail to the address would go, and why: the directory is asked of the server, the rest is done here, with
/// the configuration as the file has it.
int route_explain(const Context& context, const RouteOptions& options);

/// Reads the files of aliases as the server would, and tells what is wrong in them: kFailed if anything is.
int aliases_check(const Context& context);

struct QueueFilter {
  std::string sender;
  std::string recipient;
  std::string destination;
  std::string state;        ///< "held", "deferred" or empty
  std::uint64_t limit = 0;  ///< messages; 0: all
  [[nodiscard]] bool narrows() const {
    return !(sender.empty() && recipient.empty() && destination.empty() && state.empty());
  }
};
/// A line for each message, page by page.
int queue_list(const Context& context, const QueueFilter& filter);
int queue_show(const Context& context, const std::string& id);
/// `what`: an id or a destination; empty: all.
int queue_retry(const Context& context, const std::string& what);
/// `action`: "hold", "release" or "remove".
enum class Bounce : std::uint8_t { no, yes };
/// Of which messages: of these, or of all that the filter lets through.
struct QueueSelection {
  std::vector<std::string> ids;
  QueueFilter filter;
};
int queue_change(const Context& context, const std::string& action, const QueueSelection& which, Bounce bounce);

/// How to come into an IMAP account.
struct RemoteLogin {
  std::string user;
  std::string password_file;
  bool password_stdin = false;
  bool token = false;    ///< what is given is an access token
  bool tickets = false;  ///< nothing is given: the caller has tickets of Kerberos
  std::string key;       ///< SHA-256 of the server's public key; empty: its certificate says who it is
};

struct ImportOptions {
  std::string account;
  std::string source;          ///< a path, or the URL of an IMAP account
  bool from_location = false;  ///< in its place: the account's own boxes of [location], which it leaves
  std::string into;            ///< a mailbox; empty: the source's own names
  bool dry_run = false;
  // Of an IMAP account.
  RemoteLogin login{};
  std::vector<std::string> folders;  ///< empty: all
};
/// Prints the plan, brings the mail in, prints the report. kFailed when something could not come.
int import_mail(const Context& context, const ImportOptions& options);

struct ExportOptions {
  std::string account;
  std::string target;        ///< a path, or the URL of an IMAP account
  bool to_location = false;  ///< in its place: the account's own boxes of [location], to which it goes back
  std::string format;        ///< mbox, maildir or maildir++
  std::string variant;       ///< of mbox; empty: mboxrd
  RemoteLogin login{};       ///< of an IMAP account
  std::string pattern = "*";
  bool dry_run = false;
};
/// Prints the plan, writes the account's mail below the target, and prints the report. kFailed when something could not
/// be written.
int export_mail(const Context& context, const ExportOptions& options);

struct TraceFilter {
  std::string what;         ///< an id, an address, a Message-ID, the address of a host, or "last"
  std::string since;        ///< a duration ago or a local time; empty: all
  std::uint64_t limit = 0;  ///< stories; 0: as many as the server thinks fit
};
/// Tells what happened to messages, newest first.
int trace_find(const Context& context, const TraceFilter& filter);

int config_check(const Context& context);
int config_show(const Context& context);
int config_explain(const Context& context, const std::string& key);

/// Makes the store's state anew from its log. The server must not run.
int rebuild(const Context& context);

/// Prints an error the way all commands do, and gives its exit code.
int report(const Error& error);
/// The same of a reply that tells of an error, as JSON if that was asked for.
int report(const Context& context, const control::Reply& refused);

/// Prints the result of a verb for people: a table, or a line for each field.
void print_result(const std::string& verb, const std::string& result);
/// The JSON text of what `config show` or `config explain` lists.
struct Shown {
  std::vector<std::pair<std::string, std::string>> fields;
};
std::string to_json(const std::vector<Shown>& rows);
std::string to_json(const Shown& row);

}  // namespace angarium::program
