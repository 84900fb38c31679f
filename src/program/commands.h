// What the subcommands do. Each returns the exit code.
#pragma once

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
};
/// Makes what is missing of a server's directory; leaves what is there.
int init(const Context& context, const InitOptions& options);

/// Runs the server until SIGTERM or SIGINT.
int serve(const Context& context);

/// Asks the running server, or opens the store when none runs; prints the result.
int administer(const Context& context, const control::Request& request);

/// The same without printing.
Result<control::Reply> ask_or_do(const Context& context, const control::Request& request);

/// Asks `request`; when what it names is unknown, asks the same by the verb `otherwise`. Prints errors only.
int ensure(const Context& context, const control::Request& request, const std::string& otherwise);

struct RouteOptions {
  std::string address;
  std::string sender = "<>";  ///< an address, or "<>"
};
/// Tells where mail to the address would go, and why: the directory is asked of the server, the rest is done here, with
/// the configuration as the file has it.
int route_explain(const Context& context, const RouteOptions& options);

int config_check(const Context& context);
int config_show(const Context& context);
int config_explain(const Context& context, const std::string& key);

/// Makes the store's state anew from its log. The server must not run.
int rebuild(const Context& context);

/// Prints an error the way all commands do, and gives its exit code.
int report(const Error& error);

/// Prints the result of a verb for people: a table, or a line for each field.
void print_result(const std::string& verb, const std::string& result);
/// The JSON text of what `config show` or `config explain` lists.
struct Shown {
  std::vector<std::pair<std::string, std::string>> fields;
};
std::string to_json(const std::vector<Shown>& rows);
std::string to_json(const Shown& row);

}  // namespace angarium::program
