// A host here and one there with a network, a DNS and a clock of their own: boxes there are fetched from here.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "account/password.h"
#include "agent/fetch_verbs.h"
#include "agent/fetcher.h"
#include "agent/settings.h"
#include "io/memory_network.h"
#include "io/memory_resolver.h"
#include "protocol/imap/memory_backend.h"
#include "protocol/imap/testing.h"
#include "protocol/pop3/memory_backend.h"
#include "protocol/pop3/server.h"
#include "store/volume_memory.h"
#include "support/hiding.h"
#include "support/run.h"
#include "support/test.h"
#include "wire/tls/connection.h"

namespace angarium::agent::fetching {

namespace imap = protocol::imap;
namespace pop3 = protocol::pop3;

/// The other host: POP3 and IMAP servers over two stores of one user, fred. With TLS at once on 995 and 993; on 110 and
/// 143 when it is asked for, once there is a certificate.
struct There {
  There(io::SimulatedLoop& on, io::MemoryNetwork& network)
      : loop(on), place(network.add_host("there.test", {*io::IpAddress::parse("192.0.2.9")})) {
    store->add_account("fred", "secret");
    house.users["fred"] = {.password = "secret"};
    for (const std::uint16_t port : {std::uint16_t{110}, std::uint16_t{143}, std::uint16_t{995}, std::uint16_t{993}})
      place.listen(io::Endpoint(place.addresses().front(), port), [this, port](std::unique_ptr<io::Stream> stream) {
        ++sessions;
        loop.spawn(serve(std::move(stream), port));
      });
  }
  /// The certificate that is shown from now on.
  void show(const wire::tls::Identity& identity) {
    auto options = std::make_shared<wire::tls::ServerOptions>();
    options->context = wire::tls::ServerContext::make({identity}, loop.clock()).value();
    tls = std::move(options);
  }
  io::Task<> serve(std::unique_ptr<io::Stream> stream, std::uint16_t port) {
    std::unique_ptr<wire::Connection> connection;
    if (port > 900) {
      auto accepted = co_await wire::tls::accept(std::move(stream), tls);
      if (!accepted) co_return;
      connection = *std::move(accepted);
    } else {
      connection =
          tls ? wire::tls::server_connection(std::move(stream), tls) : wire::plain_connection(std::move(stream));
    }
    connection = std::make_unique<test::Hiding>(std::move(connection), hide, &heard);
    if (port == 110 || port == 995) {
      pop3::MemoryAuthenticator authenticator(house);
      pop3::ServerOptions options;
      options.plaintext_without_tls = sasl::Plaintext::allowed;
      if (!mechanisms.empty()) options.mechanisms = mechanisms;
      co_await pop3::serve(*connection, authenticator, options);
    } else if (played) {
      co_await played(*connection);
    } else {
      co_await imap::testing::serve(store, imap_options, imap::MemoryAuthenticator::Plaintext::always, *connection);
    }
    connection->close();
  }
  imap::MemoryAccountState& fred() { return *store->find("fred"); }
  std::vector<pop3::MemoryMessage>& drop() { return house.users["fred"].messages; }
  std::size_t in_folder(const std::string& name) { return fred().find(name)->entries().size(); }

  io::SimulatedLoop& loop;
  io::MemoryNetwork::Host& place;
  pop3::MemoryHouse house;
  std::shared_ptr<imap::MemoryStore> store = std::make_shared<imap::MemoryStore>();
  std::shared_ptr<imap::ServerOptions> imap_options = std::make_shared<imap::ServerOptions>();
  std::shared_ptr<const wire::tls::ServerOptions> tls;
  std::function<io::Task<>(wire::Connection&)> played;  ///< an IMAP server instead of ours
  std::string hide;                                     ///< a word that is not heard here
  std::vector<std::string_view> mechanisms;             ///< of POP3; empty: the default
  std::string heard;                                    ///< all that was said there, without its TLS
  std::size_t sessions = 0;
};

/// The host here: the account alice@a.test.
class World {
 public:
  World() {
    c_.server.hostname = "mx.a.test";
    c_.store.reserve = 0;
    c_.auth.plaintext_without_tls = configuration::PlaintextWithoutTls::always;
    up();
    REQUIRE(services_->directory().add_domain("a.test"));
    auto made = services_->directory().add_account(
        {.address = "alice@a.test",
         .name = "",
         .quota = {},
         .credentials = *account::make_credentials("secret", {.memory_kib = 64, .passes = 1})});
    REQUIRE(made);
    REQUIRE(run(services_->mail().create_account(made->id, {})));
  }
  ~World() { down(); }

  void up() {
    services_ = *Services::open_on(*store::open_memory_volume(disk_), store::StateKind::sorted, c_, loop.clock());
    if (!courier_terms_) courier_terms_ = *agent::courier_terms(c_);
    boxes_ = std::make_unique<fetch::Boxes>(services_->tablet(), seal, loop.clock());
    fetcher_ = std::make_unique<Fetcher>(*services_, *boxes_, place_, *resolver_, [this] { return terms(); });
    place_.set_state(io::MemoryNetwork::Host::State::up);
    loop.spawn(fetcher_->run());
  }
  /// What is under way is broken off where it stands.
  void down() {
    if (!services_) return;
    place_.set_state(io::MemoryNetwork::Host::State::stopped);
    fetcher_->stop();
    loop.advance(std::chrono::minutes(2));
    fetcher_.reset();
    boxes_.reset();
    services_.reset();
  }
  /// A verb of the command line; its JSON text, or the error's.
  std::string ask(const std::string& verb, std::vector<std::pair<std::string, std::string>> arguments = {}) {
    control::Request request{.verb = "fetch." + verb, .arguments = std::move(arguments)};
    const auto answer = run(fetch_verb(*services_, *boxes_, std::move(request)));
    return answer ? *answer : "error: " + answer.error().text();
  }
  std::string add(const std::string& url, std::vector<std::pair<std::string, std::string>> more = {}) {
    more.insert(more.begin(),
                {{"address", "alice@a.test"}, {"url", url}, {"name", "box"}, {"user", "fred"}, {"password", "secret"}});
    return ask("add", std::move(more));
  }
  std::string about(const std::string& verb = "show") {
    return ask(verb, {{"address", "alice@a.test"}, {"name", "box"}});
  }
  /// Messages of a mailbox, whole.
  std::vector<std::string> mail(const std::string& name = "INBOX") {
    std::vector<std::string> all;
    auto account = mail_of();
    const auto* const info = account->listing()->find(name);
    if (info == nullptr) return all;
    const auto view = *run(account->view(info->id));
    for (std::uint32_t i = 1; i <= view->size(); ++i) {
      const auto email = *run(account->email(view->at(i).email));
      all.push_back(*run(account->read(email, 0, SIZE_MAX / 2)));
    }
    return all;
  }
  mailbox::AccountMailPtr mail_of() {
    const auto account = services_->directory().account("alice@a.test");
    return *run(services_->mail().account((*account)->id));
  }
  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop, std::move(task));
  }
  Services& services() { return *services_; }
  fetch::Boxes& boxes() { return *boxes_; }
  configuration::Configuration& configuration() { return c_; }
  /// The authority whose certificates are right.
  void trust(const wire::tls::Identity& identity) {
    verified_ = wire::tls::ClientContext::make(wire::tls::Verification::webpki, identity.chain_pem).value();
  }

  Result<fetch::Seal> seal = fetch::Seal::of("the key");  ///< for the next up()
  io::SimulatedLoop loop;
  io::MemoryNetwork network{loop, 1, {.latency = std::chrono::milliseconds(5)}};
  There there{loop, network};

 private:
  std::shared_ptr<const FetchTerms> terms() {
    auto terms = std::make_shared<FetchTerms>(*fetch_terms(c_, *courier_terms_));
    if (verified_) terms->verified = verified_;
    return terms;
  }

  std::shared_ptr<wire::tls::ClientContext> verified_;
  io::MemoryNetwork::Host& place_ = network.add_host("mx.a.test", {*io::IpAddress::parse("192.0.2.1")});
  std::unique_ptr<io::MemoryResolver> resolver_ =
      *io::MemoryResolver::make(loop, "there.test A 192.0.2.9\nnobody.test A 192.0.2.200\n");
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  configuration::Configuration c_;
  std::shared_ptr<const CourierTerms> courier_terms_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<fetch::Boxes> boxes_;
  std::unique_ptr<Fetcher> fetcher_;
};

inline bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

inline std::string letter(const std::string& subject) {
  return "Return-Path: <x@y.test>\r\nFrom: x@y.test\r\nSubject: " + subject + "\r\n\r\n.dots\r\nend\r\n";
}

/// How often a subject is among the messages.
inline std::size_t times(const std::vector<std::string>& mail, const std::string& subject) {
  return static_cast<std::size_t>(
      std::ranges::count_if(mail, [&](const std::string& one) { return holds(one, "Subject: " + subject + "\r\n"); }));
}

}  // namespace angarium::agent::fetching
