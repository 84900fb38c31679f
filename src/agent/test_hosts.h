// Two whole hosts with a network, a DNS and a clock of their own: mail goes from one to the other, or back to its
// sender.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/courier.h"
#include "agent/settings.h"
#include "agent/transaction.h"
#include "io/memory_network.h"
#include "io/memory_resolver.h"
#include "protocol/smtp/server.h"
#include "store/volume_memory.h"
#include "support/run.h"
#include "support/test.h"

namespace angarium::agent::test_hosts {

namespace smtp = protocol::smtp;
using namespace std::chrono_literals;

inline constexpr std::string_view kZones = R"(
a.test MX 10 mx.a.test
mx.a.test A 192.0.2.1
b.test MX 10 mx.b.test
b.test MX 20 backup.b.test
mx.b.test A 192.0.2.2
backup.b.test A 192.0.2.3
box.test MX 10 mx.b.test
null.test MX 0 .
$SERVFAIL broken.test
)";

inline bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// One host: a server for SMTP on port 25, and a courier. `keys`: its mail is sealed, by keys in this folder.
class Host {
 public:
  Host(io::SimulatedLoop& loop, io::MemoryNetwork& network, io::Resolver& resolver, const std::string& domain,
       const std::string& hostname, const std::string& address, const std::string& keys = {})
      : loop_(loop),
        resolver_(resolver),
        domain_(domain),
        place_(network.add_host(hostname, {*io::IpAddress::parse(address)})),
        disk_(std::make_shared<store::MemoryDisk>()) {
    c_.server.hostname = hostname;
    c_.store.reserve = 0;
    c_.local.aliases = {};
    c_.auth.argon2_memory_kib = 64;
    c_.auth.argon2_passes = 1;
    c_.smtp.relay_networks = {"192.0.2.100/32"};
    c_.smtp.relay_domains = {"box.test", ".below.test"};
    c_.auth.plaintext_without_tls = configuration::PlaintextWithoutTls::always;
    c_.directory = keys;
    c_.store.encryption = !keys.empty();
    up();
  }
  ~Host() { down(); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void add(const std::string& name, std::uint64_t messages_max = 0) {
    auto made = services_->directory().add_account(
        {.address = name + "@" + domain_,
         .name = "",
         .quota = {.octets = 0, .messages = messages_max},
         .credentials = *account::make_credentials("secret", {.memory_kib = 64, .passes = 1})});
    REQUIRE(made);
    REQUIRE(run(services_->mail().create_account(made->id, {.octets = 0, .messages = messages_max})));
  }
  void set_room(const std::string& name, std::uint64_t messages_max) {
    REQUIRE(run(mail_of(name)->set_quota({.octets = 0, .messages = messages_max})));
  }
  /// Messages in the INBOX, whole.
  std::vector<std::string> inbox(const std::string& name) {
    std::vector<std::string> all;
    auto mail = mail_of(name);
    const auto view = *run(mail->view(mail->listing()->find("INBOX")->id));
    for (std::uint32_t i = 1; i <= view->size(); ++i) {
      const auto email = *run(mail->email(view->at(i).email));
      all.push_back(*run(mail->read(email, 0, SIZE_MAX / 2)));
    }
    return all;
  }
  std::size_t queued() { return run(services_->queue().list(queue::DeliveryId(0), 1000))->size(); }
  queue::Queue& queue() { return services_->queue(); }
  Services& services() { return *services_; }

  void up() {
    auto volume = store::open_memory_volume(disk_);
    services_ = *Services::open_on(*std::move(volume), store::StateKind::sorted, c_, loop_.clock());
    if (!services_->directory().domain(domain_)->has_value()) REQUIRE(services_->directory().add_domain(domain_));
    if (!terms_) {
      auto terms = std::make_shared<CourierTerms>(**courier_terms(c_));
      auto remote = std::make_shared<RemoteTerms>();
      remote->hostname = c_.server.hostname;
      remote->hosts.own_names = {c_.server.hostname};
      remote->opportunistic = terms->remote->opportunistic;
      terms->remote = std::move(remote);
      terms_ = std::move(terms);
    }
    courier_ =
        std::make_unique<Courier>(*services_, place_, resolver_, [this] { return terms_; }, Courier::Rank::leads);
    services_->on_queued([this] { courier_->ring(); });
    place_.set_state(io::MemoryNetwork::Host::State::up);
    place_.listen(io::Endpoint(place_.addresses().front(), 25), [this](std::unique_ptr<io::Stream> stream) {
      loop_.spawn(serve(wire::plain_connection(std::move(stream)), smtp::Role::mx));
    });
    place_.listen(io::Endpoint(place_.addresses().front(), 587), [this](std::unique_ptr<io::Stream> stream) {
      loop_.spawn(serve(wire::plain_connection(std::move(stream)), smtp::Role::submission));
    });
    loop_.spawn(courier_->run());
  }
  /// What is under way is broken off where it stands.
  void down() {
    if (!services_) return;
    place_.set_state(io::MemoryNetwork::Host::State::stopped);
    courier_->stop();
    loop_.advance(1min);
    courier_.reset();
    services_.reset();
  }
  io::MemoryNetwork::Host& place() { return place_; }
  /// Whether these octets stand anywhere on its disk. The host is down.
  [[nodiscard]] bool on_disk(std::string_view octets) const {
    const std::lock_guard lock(disk_->mutex);
    return std::ranges::any_of(disk_->files, [&](const auto& file) { return holds(file.second->octets, octets); });
  }
  void set_transports(std::vector<route::Rule> rules) {
    auto terms = std::make_shared<CourierTerms>(*terms_);
    terms->transports = *route::TransportMap::make(std::move(rules));
    terms_ = std::move(terms);
  }
  bool dsn = true;

 private:
  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop_, std::move(task));
  }
  mailbox::AccountMailPtr mail_of(const std::string& name) {
    const auto account = services_->directory().account(name + "@" + domain_);
    REQUIRE(account->has_value());
    return *run(services_->mail().account((*account)->id));
  }
  io::Task<> serve(std::unique_ptr<wire::Connection> connection, smtp::Role role) {
    const SmtpDesk desk{.services = *services_,
                        .budget = budget_,
                        .rate = rate_,
                        .policy = policy_now(role),
                        .outbound = terms_,
                        .relay_networks = *read_networks(c_.smtp.relay_networks),
                        .relay_domains = RelayDomains(c_.smtp.relay_domains)};
    SmtpSession session(desk, connection->peer());
    co_await smtp::serve(*connection, session, desk.policy);
    connection->close();
  }
  smtp::Policy policy_now(smtp::Role role) {
    smtp::Policy made = smtp_policy(c_, role, smtp::TlsUse::none);
    made.dsn = dsn ? smtp::Announce::yes : smtp::Announce::no;
    return made;
  }

  io::SimulatedLoop& loop_;
  io::Resolver& resolver_;
  std::string domain_;
  io::MemoryNetwork::Host& place_;
  std::shared_ptr<store::MemoryDisk> disk_;
  configuration::Configuration c_;
  std::unique_ptr<Services> services_;
  Budget budget_{64 << 20};
  Rate rate_{0};
  std::shared_ptr<const CourierTerms> terms_;
  std::unique_ptr<Courier> courier_;
};

struct Hosts {
  /// `keys`: a folder with one for each host, whose mail is sealed then.
  explicit Hosts(std::string keys = {}) : folder(std::move(keys)) {
    a.add("alice");
    a.add("postmaster");
    b.add("bob");
  }

  /// What a client of a's network sends through a; whether it was accepted.
  /// With a `user`, by submission.
  bool send(const std::string& sender, const std::vector<std::string>& recipients, const std::string& text = "hello",
            const std::string& user = {}) {
    envelope::Envelope envelope{.sender = envelope::parse_sender(sender).value(), .recipients = {}};
    for (const std::string& one : recipients) envelope.recipients.push_back(envelope::parse_recipient(one).value());
    std::optional<bool> accepted;
    loop.spawn([](Hosts& world, envelope::Envelope what, std::string octets, std::string login,
                  std::optional<bool>& outcome) -> io::Task<> {
      const std::uint16_t port = login.empty() ? 25 : 587;
      auto stream = co_await world.client.connect(io::Endpoint(*io::IpAddress::parse("192.0.2.1"), port));
      auto connection = wire::plain_connection(*std::move(stream));
      smtp::Client speaker(*connection, {.name = "client.test"});
      CHECK(co_await speaker.open());
      if (!login.empty()) {
        sasl::ClientContext credentials;
        credentials.identity.authentication_id = login;
        credentials.password = sasl::Secret::copy("secret");
        CHECK(co_await speaker.authenticate(std::move(credentials), sasl::Plaintext::allowed));
      }
      smtp::MessageInMemory source(octets);
      smtp::MessageFacts facts;
      facts.octets = octets.size();
      const auto report = co_await speaker.send(what, facts, source);
      outcome = report && std::ranges::all_of(report->recipients, &smtp::Reply::completed);
      co_await speaker.quit();
    }(*this, std::move(envelope), "Message-ID: <1@a.test>\r\nFrom: alice@a.test\r\nSubject: s\r\n\r\n" + text + "\r\n",
                                                user, accepted));
    for (int i = 0; i < 100 && !accepted; ++i) loop.advance(100ms);
    return accepted.value_or(false);
  }

  const std::string folder;
  io::SimulatedLoop loop;
  io::MemoryNetwork network{loop, 1, {.latency = 5ms}};
  std::unique_ptr<io::MemoryResolver> resolver = *io::MemoryResolver::make(loop, kZones);
  Host a{loop, network, *resolver, "a.test", "mx.a.test", "192.0.2.1", folder.empty() ? "" : folder + "/a"};
  Host b{loop, network, *resolver, "b.test", "mx.b.test", "192.0.2.2", folder.empty() ? "" : folder + "/b"};
  io::MemoryNetwork::Host& client = network.add_host("client.test", {*io::IpAddress::parse("192.0.2.100")});
};

}  // namespace angarium::agent::test_hosts
