// A host with a queue and a courier, and another server that takes its mail: any policy, everything kept.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/courier.h"
#include "agent/settings.h"
#include "agent/way.h"
#include "io/memory_network.h"
#include "io/memory_resolver.h"
#include "protocol/smtp/memory_backend.h"
#include "protocol/smtp/server.h"
#include "store/volume_memory.h"
#include "support/hiding.h"
#include "support/run.h"
#include "support/test.h"
#include "wire/tls/connection.h"

namespace angarium::agent {

/// mx.a.test sends; mx.b.test (192.0.2.2) takes on ports 25 and 587, there after a login, for any domain.
class Outbound {
 public:
  /// `zones`: what the DNS knows besides.
  explicit Outbound(const std::string& zones = {}) : resolver_(*io::MemoryResolver::make(loop, kZones + zones)) {
    configuration_.server.hostname = "mx.a.test";
    configuration_.store.reserve = 0;
    configuration_.local.aliases = {};
    configuration_.auth.argon2_memory_kib = 64;
    configuration_.auth.argon2_passes = 1;
    auto volume = store::open_memory_volume(std::make_shared<store::MemoryDisk>());
    services = *Services::open_on(*std::move(volume), store::StateKind::sorted, configuration_, loop.clock());
    REQUIRE(services->directory().add_domain("a.test"));
    add("alice");
    add("postmaster");
    policy.hostname = "mx.b.test";
    policy.dsn = protocol::smtp::Announce::yes;
    policy.mechanisms = configuration_.auth.mechanisms;
    house.domain = "b.test";
    house.users = {{"bob", "secret"}, {"us", "secret"}};
    const wire::tls::Identity identity =
        wire::tls::make_self_signed({.names = {"mx.b.test"}}, loop.clock().wall()).value();
    auto tls = std::make_shared<wire::tls::ServerOptions>();
    tls->context = wire::tls::ServerContext::make({identity}, loop.clock()).value();
    tls_ = std::move(tls);
    auto made = std::make_shared<CourierTerms>(**courier_terms(configuration_));
    auto remote = std::make_shared<RemoteTerms>();
    remote->hostname = "mx.a.test";
    remote->hosts.own_names = {"mx.a.test"};
    remote->opportunistic = made->remote->opportunistic;
    remote->verified = wire::tls::ClientContext::make(wire::tls::Verification::webpki, identity.chain_pem).value();
    remote->logins.emplace("us", RelayLogin{.user = "us", .password = sasl::Secret::copy("secret")});
    made->remote = std::move(remote);
    terms = std::move(made);
    courier_ = std::make_unique<Courier>(*services, here_, *resolver_, [this] { return terms; }, Courier::Rank::leads);
    services->on_queued([this] { courier_->ring(); });
    for (const std::uint16_t port : {std::uint16_t{25}, std::uint16_t{587}}) take_mail(there, port);
    loop.spawn(courier_->run());
  }
  ~Outbound() {
    there.set_state(io::MemoryNetwork::Host::State::stopped);
    for (io::MemoryNetwork::Host* const host : others_) host->set_state(io::MemoryNetwork::Host::State::stopped);
    courier_->stop();
    loop.advance(std::chrono::minutes(1));
    courier_.reset();
    services.reset();
  }
  Outbound(const Outbound&) = delete;
  Outbound& operator=(const Outbound&) = delete;

  /// One more host that takes mail, into the same house.
  io::MemoryNetwork::Host& add_server(const std::string& name, const std::string& address) {
    io::MemoryNetwork::Host& made = network.add_host(name, {*io::IpAddress::parse(address)});
    others_.push_back(&made);
    take_mail(made, 25);
    return made;
  }
  /// An LMTP server of this host.
  void take_lmtp(const std::string& socket) {
    take_mail(here_, io::Endpoint::unix_path(socket), protocol::smtp::Role::lmtp);
  }
  void transport(const std::string& text) {
    auto made = std::make_shared<CourierTerms>(*terms);
    made->transports = *route::TransportMap::make({{.key = "*", .transport = *route::parse_transport(text)}});
    terms = std::move(made);
  }
  /// A copy of the terms for sending, to be changed.
  std::shared_ptr<RemoteTerms> remote_terms() {
    auto made = std::make_shared<CourierTerms>(*terms);
    auto remote = std::make_shared<RemoteTerms>();
    remote->hostname = terms->remote->hostname;
    remote->hosts = terms->remote->hosts;
    remote->opportunistic = terms->remote->opportunistic;
    remote->verified = terms->remote->verified;
    made->remote = remote;
    terms = std::move(made);
    return remote;
  }

  /// An entry as one that came in now; `octets` of its facts.
  static queue::Entry entry(io::SimulatedLoop& loop, std::string_view octets) {
    message::LineScanner seen;
    seen.feed(octets);
    queue::Entry made;
    made.id = envelope::DeliveryId::make(loop.random());
    made.sender = envelope::parse_sender("<alice@a.test>").value();
    made.eight_bit = seen.eight_bit() > 0;
    made.binary = seen.nul() > 0 || !seen.clean_line_ends() || seen.longest_line() > 998;
    made.arrived = loop.clock().wall();
    made.expires = {made.arrived.microseconds + Duration(std::chrono::hours(120)).count()};
    return made;
  }
  void put(const queue::Entry& entry, const std::string& octets, const std::vector<std::string>& recipients,
           const std::string& destination = "b.test") {
    store::Batch batch;
    queue::Lot lot{.destination = destination, .recipients = {}};
    for (const std::string& one : recipients)
      lot.recipients.push_back(envelope::parse_recipient(one, {.utf8 = envelope::Utf8::accept}).value());
    const std::size_t body = batch.body(octets);
    auto change = services->queue().admit(entry, {std::move(lot)}, body, batch);
    REQUIRE(change);
    REQUIRE(run(queue::commit(services->tablet(), std::move(batch))));
    change->done();
  }
  void put(const std::string& octets, const std::vector<std::string>& recipients = {"<bob@b.test>"}) {
    put(entry(loop, octets), octets, recipients);
  }

  /// A message for somebody at another destination, whose hosts are asked to take it.
  void put_to(const std::string& destination) { put(entry(loop, "x\r\n"), "x\r\n", {"<bob@b.test>"}, destination); }

  /// As at the end of the server. From any thread.
  void stop() {
    loop.post([this] { courier_->stop(); });
  }

  Courier& courier_here() { return *courier_; }
  io::MemoryNetwork::Host& here() { return here_; }
  std::size_t queued() { return run(services->queue().list(queue::DeliveryId(0), 1000))->size(); }
  /// Messages in the INBOX, whole.
  std::vector<std::string> inbox(const std::string& name) {
    std::vector<std::string> all;
    const auto account = services->directory().account(name + "@a.test");
    auto mail = *run(services->mail().account((*account)->id));
    const auto view = *run(mail->view(mail->listing()->find("INBOX")->id));
    for (std::uint32_t i = 1; i <= view->size(); ++i) {
      const auto email = *run(mail->email(view->at(i).email));
      all.push_back(*run(mail->read(email, 0, SIZE_MAX / 2)));
    }
    return all;
  }
  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop, std::move(task));
  }

  io::SimulatedLoop loop;
  io::MemoryNetwork network{loop, 1, {.latency = std::chrono::milliseconds(5)}};
  io::MemoryNetwork::Host& there = network.add_host("mx.b.test", {*io::IpAddress::parse("192.0.2.2")});
  std::unique_ptr<Services> services;
  std::shared_ptr<const CourierTerms> terms;
  protocol::smtp::Policy policy;  ///< of the other server
  bool offers_tls = true;
  std::string hide;  ///< a word of its EHLO that is not heard
  protocol::smtp::MemoryHouse house;
  std::size_t connections = 0;  ///< it has taken
  struct Sessions {
    std::size_t all = 0;
    std::size_t now = 0;
    std::size_t most = 0;  ///< at one time
  };
  std::map<std::string, Sessions> sessions;  ///< by host
  Sessions together;                         ///< of all hosts

 private:
  void add(const std::string& name) {
    auto made = services->directory().add_account(
        {.address = name + "@a.test",
         .name = "",
         .quota = {.octets = 0, .messages = 0},
         .credentials = *account::make_credentials("secret", {.memory_kib = 64, .passes = 1})});
    REQUIRE(made);
    REQUIRE(run(services->mail().create_account(made->id, {.octets = 0, .messages = 0})));
  }
  void take_mail(io::MemoryNetwork::Host& host, std::uint16_t port) {
    take_mail(host, io::Endpoint(host.addresses().front(), port),
              port == 587 ? protocol::smtp::Role::submission : protocol::smtp::Role::mx);
  }
  void take_mail(io::MemoryNetwork::Host& host, const io::Endpoint& at, protocol::smtp::Role role) {
    host.listen(at, [this, role, &host](std::unique_ptr<io::Stream> stream) {
      loop.spawn(serve(std::make_unique<test::Hiding>(wire::tls::server_connection(std::move(stream), tls_), hide),
                       role, host.name()));
    });
  }
  io::Task<> serve(std::unique_ptr<wire::Connection> connection, protocol::smtp::Role role, std::string name) {
    ++connections;
    for (Sessions* const counted : {&sessions[name], &together}) {
      ++counted->all;
      counted->most = std::max(counted->most, ++counted->now);
    }
    protocol::smtp::Policy now = policy;
    now.role = role;
    now.auth =
        role == protocol::smtp::Role::submission ? protocol::smtp::AuthUse::required : protocol::smtp::AuthUse::none;
    now.tls = offers_tls ? protocol::smtp::TlsUse::offered : protocol::smtp::TlsUse::none;
    protocol::smtp::MemorySession session(house);
    co_await protocol::smtp::serve(*connection, session, now);
    --sessions[name].now;
    --together.now;
    connection->close();
  }

  static constexpr const char* kZones =
      "a.test MX 10 mx.a.test\nmx.a.test A 192.0.2.1\nb.test MX 10 mx.b.test\nmx.b.test A 192.0.2.2\n";

  configuration::Configuration configuration_;
  io::MemoryNetwork::Host& here_ = network.add_host("mx.a.test", {*io::IpAddress::parse("192.0.2.1")});
  std::vector<io::MemoryNetwork::Host*> others_;
  std::unique_ptr<io::MemoryResolver> resolver_;
  std::shared_ptr<const wire::tls::ServerOptions> tls_;
  std::unique_ptr<Courier> courier_;
};

}  // namespace angarium::agent
