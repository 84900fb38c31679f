#include "agent/imap_session.h"

#include "agent/settings.h"
#include "agent/test_caretaker.h"
#include "wire/saslsec/test_line_client.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;

/// A user of the host who opens a mailbox whose boxes nobody can look at now.
struct Visit {
  Visit() {
    house.silent = {"at-home-dora"};
    house.add("at-home-dora@example.test", account::Origin::host);
    house.rules = std::make_shared<Caretaker::Rules>(Caretaker::Rules{{"*", "maildir:{home}/Maildir"}});
    house.loop.advance(2s);
    house.loop.spawn(speak());
    house.loop.settle();
  }
  ~Visit() {
    made.server->close();
    made.client->close();
    house.loop.settle();
    house.loop.destroy_tasks();
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  io::Task<> speak() {
    const account::Account account = house.services->directory().account("at-home-dora@example.test").value().value();
    session.emplace(*house.services, budget, owners, configuration, options, *made.server);
    co_await session->run(HostUser{.account = account, .since = house.services->logins().now()});
    over = true;
  }
  std::string heard() {
    std::array<char, 1000> octets{};
    std::string all;
    for (auto got = made.client->try_read(octets); got && *got > 0; got = made.client->try_read(octets))
      all.append(octets.data(), *got);
    return all;
  }

  CaretakersHouse house;
  configuration::Configuration configuration;
  protocol::imap::ServerOptions options = imap_options(configuration);
  Budget budget{64 << 20};
  Owners owners{house.services->directory(), house.services->pool()};
  wire::MemoryConnections made = wire::memory_connections();
  std::optional<ImapSession> session;
  bool over = false;
};

}  // namespace

TEST_CASE(
    "who opens a mailbox as a user of the host hears at once that it was withdrawn, though its boxes are waited for") {
  Visit visit;
  CHECK(visit.heard().empty());
  visit.house.services->logins().withdraw({.of = account::Withdrawal::Of::account, .account = visit.house.ids.back()});
  visit.house.loop.settle();
  CHECK(visit.heard() == "* BYE The server ends this session\r\n");
  CHECK(visit.over);
}

TEST_CASE("whom the server's end finds waiting for boxes hears of it at once, and else of the mailbox in the end") {
  Visit visit;
  visit.session->stop();
  visit.house.loop.settle();
  CHECK(visit.heard() == "* BYE The server ends this session\r\n");
  CHECK(visit.over);
  Visit other;
  other.house.loop.advance(kOpeningWait + 1s);
  CHECK(other.heard().starts_with("* PREAUTH "));
}

}  // namespace angarium::agent
