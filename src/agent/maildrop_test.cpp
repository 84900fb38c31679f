#include "agent/maildrop.h"

#include "agent/settings.h"
#include "io/memory.h"
#include "message/downgrade.h"
#include "message/structure.h"
#include "store/volume_memory.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

namespace pop3 = protocol::pop3;

/// One account, whose maildrop is opened again and again.
class House {
 public:
  House() {
    REQUIRE(services_->directory().add_domain("example.test"));
    const auto made = services_->directory().add_account({.address = "alice@example.test", .name = "", .quota = {}});
    REQUIRE(made);
    account_ = made->id;
    REQUIRE(run(services_->mail().create_account(account_, {})));
  }
  void deliver(std::string_view octets) {
    mailbox::Delivery delivery;
    auto intake = services_->mail().intake(mailbox::Arrival::ordinary);
    REQUIRE(intake->append(octets));
    auto content = run(intake->finish());
    REQUIRE(content);
    delivery.content = *std::move(content);
    delivery.recipients.push_back(
        {.account = account_, .prepended = "Delivered-To: alice@example.test\r\n", .targets = {{}}});
    REQUIRE((*run(services_->mail().deliver(std::move(delivery))))[0]);
  }
  std::unique_ptr<pop3::Maildrop> open(pop3::Presentation presentation) {
    Pop3Authenticator authenticator(desk_, *io::Endpoint::parse("192.0.2.7:4711"));
    auto opened = run(authenticator.open(
        {.identity = {.authentication_id = "alice@example.test"}, .mechanism = "USER", .presentation = presentation}));
    REQUIRE(opened);
    return *std::move(opened);
  }
  /// Flips a bit where these octets stand on the disk.
  void damage(std::string_view octets) {
    const std::lock_guard lock(disk_->mutex);
    for (const auto& [name, content] : disk_->files)
      if (const auto at = content->octets.find(octets); at != std::string::npos) content->octets[at] ^= 1;
  }
  Result<pop3::Piece> first(pop3::Maildrop& maildrop, std::size_t index) {
    auto source = run(waited(maildrop.read(index, pop3::Purpose::retrieve)));
    REQUIRE(source);
    return run(waited((*source)->next()));
  }
  std::string read(pop3::Maildrop& maildrop, std::size_t index) {
    auto source = run(waited(maildrop.read(index, pop3::Purpose::retrieve)));
    REQUIRE(source);
    std::string all;
    while (true) {
      auto piece = run(waited((*source)->next()));
      REQUIRE(piece);
      if (piece->octets.empty()) {
        CHECK((*source)->octets() == all.size());
        return all;
      }
      all += piece->octets;
    }
  }

 private:
  template <class T>
  static io::Task<T> waited(io::ValueOrTask<T> value) {
    co_return co_await std::move(value);
  }
  template <class T>
  T run(io::Task<T> task) {
    return test::settled(loop_, std::move(task));
  }
  static configuration::Configuration settings() {
    configuration::Configuration c;
    c.server.hostname = "mx.example.test";
    c.store.reserve = 0;
    return c;
  }

  io::SimulatedLoop loop_;
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>();
  std::unique_ptr<Services> services_ =
      *Services::open_on(*store::open_memory_volume(disk_), store::StateKind::sorted, settings());
  MaildropLocks locks_;
  Pop3Desk desk_{*services_, locks_, {}};
  account::AccountId account_ = 0;
};

std::string uid(const pop3::Maildrop& maildrop, std::size_t index) {
  std::string id;
  maildrop.append_unique_id(index, id);
  return id;
}

}  // namespace

TEST_CASE("RFC 1939 section 4: a maildrop is held by one, and free again when its holder ends") {
  MaildropLocks locks;
  {
    auto lock = locks.take(1);
    CHECK(lock);
    CHECK(!locks.take(1));
    CHECK(locks.take(2));
    auto moved = std::move(lock);
    CHECK(!locks.take(1));
  }
  CHECK(locks.take(1));
}

TEST_CASE("RFC 6856 section 2.1: in either presentation a message has the listed size, and one unique-id") {
  House house;
  const std::string messages[] = {
      "Subject: plain\r\n\r\nbody\r\n",
      "Subject: \xC3\xA9\r\n\r\nno line end \xC3\xA9",
      "Subject: \xC3\xA9\r\n\r\n" + std::string(600'000, 'x') + "\r\n",
      "Subject: caf\xE9\r\n\r\n",
      "Subject: \xC3\xA9",
      "Foo: \xC3\xA9\r\n",
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Description: \xC3\xA9\r\n\r\nx\r\n--b--\r\n",
  };
  for (const std::string& octets : messages) house.deliver(octets);
  std::vector<std::string> ids;
  for (const auto presentation : {pop3::Presentation::downgraded, pop3::Presentation::utf8}) {
    const auto maildrop = house.open(presentation);
    REQUIRE(maildrop->count() == std::size(messages));
    for (std::size_t i = 0; i < maildrop->count(); ++i) {
      CAPTURE(i);
      const std::string all = house.read(*maildrop, i);
      CHECK(maildrop->octets(i) == all.size());
      const std::string own = "Delivered-To: alice@example.test\r\n" + messages[i];
      std::string expected = own;
      if (presentation == pop3::Presentation::downgraded)
        expected = message::ascii_headers(message::parse_structure(own), own);
      // RFC 1939 §3: a message ends with CRLF.
      if (!own.ends_with("\r\n")) expected += "\r\n";
      CHECK(all == expected);
      if (presentation == pop3::Presentation::downgraded)
        ids.push_back(uid(*maildrop, i));
      else
        CHECK(uid(*maildrop, i) == ids[i]);
    }
  }
}

TEST_CASE("RFC 3206 4: damage in the first 256 KiB of a message is known before +OK, behind them it is not") {
  for (const auto& [at, known] : {std::pair{100'000, true}, {250'000, true}, {400'000, false}}) {
    CAPTURE(at);
    House house;
    const auto before = static_cast<std::size_t>(at);
    house.deliver("Subject: long\r\n\r\n" + std::string(before, 'x') + "broken here" +
                  std::string(500'000 - before, 'x') + "\r\n");
    house.damage("broken here");
    const auto maildrop = house.open(pop3::Presentation::utf8);
    CHECK(house.first(*maildrop, 0).has_value() == !known);
  }
}
