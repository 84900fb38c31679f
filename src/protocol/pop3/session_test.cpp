// Plays the session scripts of session/. Lines "-- @option value" at the head of a script set the scene.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/text.h"
#include "protocol/pop3/memory_backend.h"
#include "protocol/pop3/server.h"
#include "support/session.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::pop3;

namespace {

/// The users and messages every script may count on, and how the server is set up.
struct Scene {
  MemoryHouse house;
  ServerOptions options;
  bool offers_tls = true;
  bool encrypted = false;

  Scene() {
    house.users["ann"] = {
        .password = "open sesame",
        .messages = {{"u1", "Subject: one\r\n\r\nfirst line\r\n.dot\r\n..two dots\r\n.\r\nlast line\r\n"},
                     {"u2", "Subject: empty\r\n\r\n"},
                     {"u3", "Subject: gr\xC3\xBC\xC3\x9F\r\n\r\nhi\r\n",
                      "Subject: =?UTF-8?Q?gr=C3=BC=C3=9F?=\r\n\r\nhi\r\n"},
                     {"u4", "Subject: \xC3\xA9\r\n\r\n"}},
        .last_accessed = 1};
    house.users["empty"] = {.password = "nothing"};
    house.users["zo\xC3\xAB"] = {.password = "p\xC3\xA4ss"};
    house.users["held"] = {.password = "held", .open = true};
  }

  void set(std::string_view name, std::string_view value);
};

Error failure(std::string_view name) {
  static const std::map<std::string_view, const ErrorKind*> kinds = {{"unavailable", &sasl::kUnavailable},
                                                                     {"login-delay", &kLoginDelay},
                                                                     {"locked-out", &kLockedOut},
                                                                     {"broken", &kBroken}};
  return {*kinds.at(name), "as the script says"};
}

void Scene::set(std::string_view name, std::string_view value) {
  const std::map<std::string_view, std::function<void()>> setters = {
      {"plaintext", [&] { options.plaintext_without_tls = sasl::Plaintext::allowed; }},
      {"apop", [&] { options.apop = Apop::on; }},
      {"tls", [&] { encrypted = true; }},
      {"no-tls", [&] { offers_tls = false; }},
      {"external", [&] { house.external_identity = std::string(value); }},
      {"login-delay", [&] { options.login_delay_s = parse_number<unsigned>(value).value(); }},
      {"expire", [&] { options.expire_days = parse_number<unsigned>(value).value(); }},
      {"refuse-connection", [&] { house.refuse_connection = failure(value); }},
      {"fail-verify", [&] { house.fail_verify = failure(value); }},
      {"fail-open", [&] { house.fail_open = failure(value); }},
      {"fail-remove", [&] { house.fail_remove = failure(value); }}};
  setters.at(name)();
}

Scene read_scene(const std::string& path) {
  Scene scene;
  const std::string octets = test::read_file(path);
  std::string_view rest = octets;
  while (!rest.empty()) {
    std::string_view line = take_until(rest, '\n');
    if (!line.starts_with("-- @")) continue;
    line.remove_prefix(4);
    const std::string_view name = take_until(line, ' ');
    scene.set(name, line);
  }
  return scene;
}

}  // namespace

TEST_CASE("session scripts") {
  std::set<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(test::room_path("session"))) paths.insert(entry.path());
  REQUIRE(paths.size() >= 20);
  for (const std::string& path : paths) {
    const Scene first = read_scene(path);
    test::SessionOptions options;
    options.connection.offers_tls = first.offers_tls;
    options.connection.encrypted = first.encrypted;
    const test::ServerSetup setup = [&] {
      auto scene = std::make_shared<Scene>(read_scene(path));
      return [scene](wire::Connection& connection) -> io::Task<> {
        // The closure's own copy may end before the coroutine does.
        const auto kept = scene;
        MemoryAuthenticator authenticator(kept->house);
        co_await serve(connection, authenticator, kept->options);
      };
    };
    test::check_session(path, setup, options);
  }
}
