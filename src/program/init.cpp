// angarium init: a server's directory, made without a question and made again without harm.
#include <fmt/core.h>

#include "account/directory.h"
#include "base/text.h"
#include "configuration/configuration.h"
#include "io/address.h"
#include "message/domain.h"
#include "mua/host.h"
#include "program/commands.h"
#include "program/system.h"
#include "program/user.h"
#include "wire/tls/certificate.h"

namespace angarium::program {
namespace {

/// A self-signed certificate for the host and for the names by which it is reached from itself.
Result<> make_certificate(const configuration::Configuration& configuration) {
  const std::string certificate_path = configuration.resolve(configuration.tls.certificate);
  const std::string key_path = configuration.resolve(configuration.tls.key);
  if (exists(certificate_path) && exists(key_path)) return {};
  if (exists(certificate_path) || exists(key_path))
    return fail(kSystem, "only one of " + certificate_path + " and " + key_path +
                             " is there; remove it, or put the other beside it");
  const wire::tls::Identity made = TRY(wire::tls::make_self_signed(
      {.names = {configuration.server.hostname, "localhost", "127.0.0.1", "::1"}}, system_clock().wall()));
  TRY(mua::write_new_file(key_path, made.key_pem, 0600));
  return mua::write_new_file(certificate_path, made.chain_pem, 0644);
}

/// Adds the domain unless it is there; the running server is asked if there is one.
int add_domain(const Context& context, const std::string& domain) {
  control::Request request{.verb = "domain.show", .arguments = {}};
  request.add("domain", domain);
  return ensure(context, request, "domain.add");
}

Result<> make_files(const Context& context, const InitOptions& options) {
  const std::string domain = TRY(account::canonical_domain(options.domain));
  const std::string hostname = options.hostname.empty() ? "mail." + domain : options.hostname;
  if (!message::valid_domain(hostname)) return fail(kSystem, "'" + escape_controls(hostname) + "' is not a host name");
  if (!io::IpAddress::parse(options.address))
    return fail(kSystem, "'" + escape_controls(options.address) +
                             "' is not an address of this host; write 127.0.0.1, 0.0.0.0 or ::");
  TRY(make_directory(context.directory, 0755));
  TRY(make_directory(context.directory + "/run", 0755));
  TRY(make_directory(context.directory + "/tls", 0755));
  const std::string file = context.directory + "/angarium.toml";
  if (!exists(file))
    TRY(mua::write_new_file(
        file, configuration::initial_file({hostname, options.address, options.port_offset, options.system_users}),
        0644));
  const configuration::Configuration configuration = TRY(configuration::load(context.directory));
  if (options.system_users && !configuration.local.system_users)
    return fail(kSystem, file + " is there already and stays as it is: write [local] system_users = true into it");
  if (!configuration.tls.certificate.empty()) TRY(make_certificate(configuration));
  TRY(hand_over(configuration));
  return make_drop_folder(configuration);
}

}  // namespace

int init(const Context& context, const InitOptions& options) {
  if (auto made = make_files(context, options); !made) return report(made.error());
  if (const int code = add_domain(context, options.domain); code != control::kDone) return code;
  if (context.json) {
    fmt::print("{{\"directory\":\"{}\"}}\n", context.directory);
  } else {
    fmt::print("{} is ready. Next:\n  angarium account add NAME@{} --dir {}\n  angarium serve --dir {}\n",
               context.directory, options.domain, context.directory, context.directory);
    if (options.system_users)
      fmt::print(
          "Users of this host log in with the host's own passwords once root serves it with [server] user = \"NAME\"\n"
          "in {}/angarium.toml: NAME is whom the server works as. See README, Users of this host.\n",
          context.directory);
  }
  return control::kDone;
}

}  // namespace angarium::program
