// The protocols over the real house: each script of session/ begins with a comment "-- imap lmtp: what it shows", which
// names what its connections speak, in the order in which it mentions them. A fresh store in memory for every run.
#include "support/session.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "agent/imap_login.h"
#include "agent/maildrop.h"
#include "agent/services.h"
#include "agent/settings.h"
#include "agent/transaction.h"
#include "io/memory.h"
#include "protocol/imap/server.h"
#include "protocol/pop3/server.h"
#include "protocol/smtp/server.h"
#include "store/volume_memory.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

namespace smtp = protocol::smtp;

configuration::Configuration settings() {
  configuration::Configuration c;
  c.server.hostname = "mx.example.test";
  c.auth.plaintext_without_tls = configuration::PlaintextWithoutTls::always;
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  c.smtp.message_size_max = 3000;
  c.imap.append_size_max = 3000;
  c.imap.public_account = "club@example.test";
  c.store.reserve = 0;
  return c;
}

/// One password for everybody, made once.
const account::Credentials& credentials() {
  static const account::Credentials made = *account::make_credentials("secret", {.memory_kib = 64, .passes = 1});
  return made;
}

/// A server without listeners.
class House {
 public:
  House()
      : services_(*Services::open_on(*store::open_memory_volume(std::make_shared<store::MemoryDisk>()),
                                     store::StateKind::sorted, settings())),
        mx_(desk(smtp::Role::mx)),
        submission_(desk(smtp::Role::submission)),
        lmtp_(desk(smtp::Role::lmtp)),
        pop3_{*services_, locks_, pop3_options(configuration_)},
        imap_(imap_options(settings())) {
    pop3_.options.plaintext_without_tls = sasl::Plaintext::allowed;
    account::Directory& directory = services_->directory();
    REQUIRE(directory.add_domain("example.test"));
    REQUIRE(directory.add_domain("catch.test"));
    add("alice@example.test", {});
    add("bob@example.test", {});
    add("small@example.test", {.octets = 600, .messages = 2});
    add("gone@example.test", {});
    add("club@example.test", {});
    REQUIRE(directory.change_account("gone@example.test",
                                     [](account::Account& a) { a.status = account::Status::disabled; }));
    REQUIRE(directory.add_alias("info@example.test", account::Alias::Kind::alias, {"alice@example.test"}));
    REQUIRE(directory.add_alias("team@example.test", account::Alias::Kind::group,
                                {"alice@example.test", "bob@example.test"}));
    REQUIRE(directory.set_catch_all("catch.test", "bob@example.test"));
  }

  io::Task<> speak(std::string_view protocol, wire::Connection& connection) {
    if (protocol == "smtp") return speak_smtp(mx_, connection);
    if (protocol == "submission") return speak_smtp(submission_, connection);
    if (protocol == "lmtp") return speak_smtp(lmtp_, connection);
    if (protocol == "pop3") return speak_pop3(connection);
    REQUIRE(protocol == "imap");
    return speak_imap(connection);
  }

 private:
  SmtpDesk desk(smtp::Role role) {
    return {*services_, budget_, rate_, smtp_policy(settings(), role, smtp::TlsUse::none)};
  }
  void add(const std::string& address, const account::Quota& quota) {
    auto made = services_->directory().add_account(
        {.address = address, .name = "", .quota = quota, .credentials = credentials()});
    REQUIRE(made);
    auto& loop = static_cast<io::SimulatedLoop&>(io::Loop::current());
    std::optional<Result<>> created;
    loop.spawn([](mailbox::MailboxStore& mail, account::AccountId id, mailbox::QuotaLimits limits,
                  std::optional<Result<>>& result) -> io::Task<> {
      result.emplace(co_await mail.create_account(id, limits));
    }(services_->mail(), made->id, {.octets = quota.octets, .messages = quota.messages}, created));
    loop.settle();
    REQUIRE(created);
    REQUIRE(*created);
  }

  static io::Task<> speak_smtp(SmtpDesk& desk, wire::Connection& connection) {
    SmtpSession session(desk, connection.peer());
    co_await smtp::serve(connection, session, desk.policy);
  }
  io::Task<> speak_pop3(wire::Connection& connection) {
    Pop3Authenticator authenticator(pop3_, connection.peer());
    co_await protocol::pop3::serve(connection, authenticator, pop3_.options);
  }
  io::Task<> speak_imap(wire::Connection& connection) {
    ImapAuthenticator authenticator(*services_, budget_, owners_, configuration_, connection);
    protocol::imap::Server server(connection, authenticator, imap_);
    co_await server.run();
  }

  configuration::Configuration configuration_ = settings();
  std::unique_ptr<Services> services_;
  Budget budget_{64 << 20};
  Owners owners_{services_->directory(), services_->pool()};
  Rate rate_{0};
  SmtpDesk mx_;
  SmtpDesk submission_;
  SmtpDesk lmtp_;
  MaildropLocks locks_;
  Pop3Desk pop3_;
  protocol::imap::ServerOptions imap_;
};

/// The protocols a script's first line names.
std::vector<std::string> protocols_of(const std::string& path) {
  const std::string text = test::read_file(path);
  std::vector<std::string> protocols;
  std::string_view names = std::string_view(text).substr(0, text.find(':'));
  REQUIRE(names.starts_with("-- "));
  for (names.remove_prefix(3); !names.empty();) {
    const std::size_t end = std::min(names.find(' '), names.size());
    protocols.emplace_back(names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return protocols;
}

test::ServerSetup house(const std::vector<std::string>& protocols) {
  return [protocols]() -> test::Server {
    struct State {
      House house;
      std::size_t connections = 0;
    };
    auto state = std::make_shared<State>();
    return [state, protocols](wire::Connection& connection) {
      return state->house.speak(protocols.at(state->connections++), connection);
    };
  };
}

}  // namespace

TEST_CASE("the sessions of session/ go as the RFCs say, over a real store") {
  test::SessionOptions options;
  options.connection.client = *io::Endpoint::parse("192.0.2.7:4711");
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(test::room_path("session")))
    paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  REQUIRE(!paths.empty());
  const char* const only = std::getenv("ANGARIUM_SESSION");
  for (const std::string& path : paths)
    if (only == nullptr || path.find(only) != std::string::npos)
      test::check_session(path, house(protocols_of(path)), options);
}

}  // namespace angarium::agent
