#include "program/hand_in.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "base/text.h"
#include "control/client.h"
#include "drop/options.h"

namespace angarium::program {

std::optional<User> find_user() {
  const passwd* entry = getpwuid(getuid());
  if (entry == nullptr) return std::nullopt;
  User user{.login = entry->pw_name, .name = {}};
  std::string_view gecos = entry->pw_gecos == nullptr ? "" : entry->pw_gecos;
  for (const char c : take_until(gecos, ',')) {
    if (c != '&') {
      user.name += c;
    } else if (!user.login.empty()) {
      user.name += to_upper(user.login[0]);
      user.name.append(user.login, 1);
    }
  }
  return user;
}

Result<control::Reply> hand_over(const Context& context, drop::Writer& writer) {
  control::Request request{.verb = "mail.take", .arguments = {}};
  request.add("file", TRY(writer.finish()));
  auto reply = control::ask(context.directory + "/run/control.sock", request);
  // Not taken yet, or nobody knows: the file is there for the server's next look, or was taken, never both.
  if (!reply || (reply->exit_code == drop::kExitOk && reply->result != drop::kTaken)) {
    TRY(writer.settle());
    return control::Reply{};
  }
  return reply;
}

std::string server_directory() {
  const char* from_environment = std::getenv("ANGARIUM_DIR");
  return from_environment == nullptr || *from_environment == '\0' ? "/var/lib/angarium" : from_environment;
}

}  // namespace angarium::program
