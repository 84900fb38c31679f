// For tests of logins over the real house: submission, LMTP, POP3 and IMAP of one account and a public one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "account/password.h"
#include "account/tokens.h"
#include "agent/imap_login.h"
#include "agent/key_verbs.h"
#include "agent/maildrop.h"
#include "agent/owners.h"
#include "agent/settings.h"
#include "agent/tokens.h"
#include "agent/transaction.h"
#include "protocol/imap/server.h"
#include "protocol/pop3/server.h"
#include "protocol/smtp/server.h"
#include "store/volume_memory.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::agent::test {

namespace smtp = protocol::smtp;
using account::Demand;
using wire::saslsec::LineClient;

inline constexpr std::string_view kAlice = "alice@example.test";
inline constexpr std::string_view kPassword = "open sesame 7";

inline configuration::Configuration settings() {
  configuration::Configuration c;
  c.server.hostname = "mail.example.test";
  c.auth.plaintext_without_tls = configuration::PlaintextWithoutTls::always;
  c.auth.argon2_memory_kib = 64;
  c.auth.argon2_passes = 1;
  c.auth.failure_delay = Duration::zero();
  c.auth.failures_max = 100;
  c.auth.apop = true;
  c.lmtp.auth = configuration::LmtpAuth::required;
  c.auth.anonymous_account = "public@example.test";
  c.auth.mechanisms.clear();
  for (const sasl::Mechanism* one : sasl::mechanisms()) c.auth.mechanisms.emplace_back(one->name);
  c.store.reserve = 0;
  return c;
}

/// Tokens are addresses backwards.
class Backwards final : public account::TokenVerifier {
 public:
  io::Task<Result<std::string>> owner(sasl::Secret token) override {
    const std::string text(token.view());
    if (text == "away") co_return fail(sasl::kUnavailable, "the issuer is away");
    if (text == "over") co_return fail(kTokenOver, "the time of the token is over");
    co_return std::string(text.rbegin(), text.rend());
  }
};

class House {
 public:
  /// `work`: on the loop, searches take one turn after the other.
  explicit House(
      std::unique_ptr<store::Volume> volume = *store::open_memory_volume(std::make_shared<store::MemoryDisk>()),
      Services::Ground::Work work = Services::Ground::Work::on_threads)
      : services_(*Services::open_on(ground(std::move(volume), loop.clock(), work), settings())),
        submission_{*services_, budget_, rate_,
                    smtp_policy(configuration_, smtp::Role::submission, smtp::TlsUse::offered)},
        lmtp_{*services_, budget_, rate_, smtp_policy(configuration_, smtp::Role::lmtp, smtp::TlsUse::none)},
        pop3_{*services_, locks_, pop3_options(configuration_), login_terms(configuration_)},
        imap_(imap_options(configuration_)) {
    submission_.logins = lmtp_.logins = login_terms(configuration_);
    pop3_.options.plaintext_without_tls = sasl::Plaintext::allowed;
    services_->verifier().set_tokens(tokens_);
    REQUIRE(services_->directory().add_domain("example.test"));
    add(kAlice);
    add("public@example.test");
  }
  ~House() {
    for (auto& end : ends_) end->close();
    loop.settle();
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  void add(std::string_view address) {
    const auto credentials = account::make_credentials(kPassword, {.memory_kib = 64, .passes = 1});
    auto made = services_->directory().add_account(
        {.address = std::string(address), .name = "", .quota = {}, .credentials = *credentials},
        [&](const account::Account& account, store::Batch& batch) {
          services_->mail().create_account(account.id, {}, batch);
        });
    REQUIRE(made);
  }
  void want(const std::vector<std::string_view>& names) {
    control::Request request{.verb = "account.auth", .arguments = {{"address", std::string(kAlice)}}};
    for (const std::string_view name : names) request.add("add", name);
    REQUIRE(account_keys(*services_, request));
  }
  account::OnDemand keys() { return services_->directory().account(kAlice).value().value().credentials.on_demand; }

  enum class Protocol { smtp, lmtp, pop3, imap };
  LineClient connect(Protocol protocol, const std::string& from = "192.0.2.7:4711", wire::TlsInfo tls = {},
                     std::string* greeting = nullptr) {
    wire::MemoryConnectionOptions options;
    options.client = *io::Endpoint::parse(from);
    options.encrypted = !tls.version.empty();
    options.tls = std::move(tls);
    wire::MemoryConnections made = wire::memory_connections(options);
    ends_.push_back(std::move(made.server));
    loop.spawn(speak(protocol, *ends_.back()));
    const bool mail = protocol == Protocol::smtp || protocol == Protocol::lmtp;
    LineClient client(loop, std::move(made.client), mail ? "334 " : "+ ");
    const std::string heard = client.hear();
    if (greeting != nullptr) *greeting = heard;
    if (mail) client.say(protocol == Protocol::smtp ? "EHLO c.test" : "LHLO c.test");
    return client;
  }
  /// The last line of an exchange over submission.
  std::string auth(std::string_view mechanism, std::string_view name = kAlice, std::string_view password = kPassword,
                   const std::string& from = "192.0.2.7:4711") {
    LineClient client = connect(Protocol::smtp, from);
    return client.authenticate("AUTH", mechanism,
                               {.name = std::string(name), .password = std::string(password), .service = "smtp"});
  }
  Services& services() { return *services_; }
  /// Opens Alice's mailboxes for a user of this host, for whom they were found behind `since`.
  Result<std::shared_ptr<protocol::imap::Account>> open_for_user(std::uint64_t since, Logins::Ends ends) {
    wire::MemoryConnections made = wire::memory_connections();
    ImapAuthenticator authenticator(*services_, budget_, owners_, configuration_, *made.server);
    authenticator.on_withdrawn(std::move(ends));
    authenticator.is_host_user(since);
    std::optional<Result<std::shared_ptr<protocol::imap::Account>>> opened;
    loop.spawn([](ImapAuthenticator& way_in, account::Account account, auto& to) -> io::Task<> {
      to.emplace(co_await way_in.open_account(std::move(account), "PREAUTH"));
    }(authenticator, services_->directory().account(kAlice).value().value(), opened));
    loop.settle();
    REQUIRE(opened);
    return *std::move(opened);
  }

  io::SimulatedLoop loop;
  std::size_t speaking = 0;  ///< sessions that have not ended
  configuration::Configuration configuration_ = settings();

 private:
  static Services::Ground ground(std::unique_ptr<store::Volume> volume, const Clock& clock,
                                 Services::Ground::Work work) {
    Services::Ground ground{.volume = std::move(volume), .store = {}, .clock = &clock, .work = work};
    ground.store.state = store::StateKind::sorted;
    return ground;
  }
  static Logins::Ends ends(io::Event& stop, wire::Connection& connection) {
    return {.ask = [&stop] { stop.set(); }, .cut = [&connection] { connection.close(); }};
  }
  io::Task<> speak(Protocol protocol, wire::Connection& connection) {
    ++speaking;
    co_await converse(protocol, connection);
    --speaking;
  }
  io::Task<> converse(Protocol protocol, wire::Connection& connection) {
    if (protocol == Protocol::smtp || protocol == Protocol::lmtp) {
      const SmtpDesk& desk = protocol == Protocol::smtp ? submission_ : lmtp_;
      SmtpSession session(desk, connection.peer());
      session.attach(connection);
      io::Event stop;
      session.on_withdrawn(ends(stop, connection));
      co_await smtp::serve(connection, session, desk.policy, &stop);
    } else if (protocol == Protocol::pop3) {
      Pop3Authenticator authenticator(pop3_, connection.peer());
      io::Event stop;
      authenticator.on_withdrawn(ends(stop, connection));
      co_await protocol::pop3::serve(connection, authenticator, pop3_.options, &stop);
    } else {
      ImapAuthenticator authenticator(*services_, budget_, owners_, configuration_, connection);
      protocol::imap::Server server(connection, authenticator, imap_);
      authenticator.on_withdrawn({.ask = [&server] { server.stop(); }, .cut = [&connection] { connection.close(); }});
      co_await server.run();
    }
  }

  Backwards tokens_;
  std::unique_ptr<Services> services_;
  Budget budget_{64 << 20};
  Owners owners_{services_->directory(), services_->pool()};
  Rate rate_{0};
  MaildropLocks locks_;
  SmtpDesk submission_;
  SmtpDesk lmtp_;
  Pop3Desk pop3_;
  protocol::imap::ServerOptions imap_;
  std::vector<std::unique_ptr<wire::Connection>> ends_;
};

inline constexpr std::string_view kDone = "235 2.7.0 Authentication successful";
inline constexpr std::string_view kWrong = "535 5.7.8 Authentication credentials invalid";
/// What has keys of its own, and the names by which accounts ask for them.
inline constexpr std::pair<std::string_view, std::string_view> kOwnKeys[] = {{"SCRAM-SHA-512", "scram-sha-512"},
                                                                             {"CRAM-MD5", "cram-md5"},
                                                                             {"DIGEST-MD5", "digest-md5"},
                                                                             {"NTLM", "ntlm"},
                                                                             {"OTP", "otp"},
                                                                             {"SKEY", "skey"}};

}  // namespace angarium::agent::test
