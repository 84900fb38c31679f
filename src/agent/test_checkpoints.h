// A host of ours that keeps what was received of transactions that broke off (RFC 1845), and clients of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/checkpoints.h"
#include "agent/test_outbound.h"
#include "agent/transaction.h"
#include "support/test.h"

namespace angarium::agent::test_checkpoints {

namespace smtp = protocol::smtp;

inline std::string letter(std::size_t octets) {
  std::string text = "From: alice@a.test\r\nSubject: s\r\n\r\n";
  for (int line = 0; text.size() < octets; ++line)
    text += (line % 3 == 0 ? "." : "") + std::to_string(line) + std::string(60, 'x') + "\r\n";
  return text;
}

/// mx.b.test is ours, too: on a disk that outlives it.
struct World : Outbound {
  /// `keys`: what mx.b.test keeps is sealed, by keys in this folder.
  explicit World(std::string keys = {}) : folder(std::move(keys)) {
    network.set_plan([this](const io::Endpoint&, const io::Endpoint&) { return std::exchange(plan, {}); });
    begin();
    REQUIRE(far->directory().add_domain("b.test"));
    for (const std::string name : {"bob", "bill"}) {
      const auto made =
          far->directory().add_account({.address = name + "@b.test", .name = "", .quota = {}, .credentials = {}});
      REQUIRE(made);
      REQUIRE(run(far->mail().create_account(made->id, {})));
    }
    there.listen(io::Endpoint(there.addresses().front(), 25), [this](std::unique_ptr<io::Stream> stream) {
      loop.spawn(speak(wire::tls::server_connection(std::move(stream), nullptr)));
    });
  }
  ~World() {
    there.set_state(io::MemoryNetwork::Host::State::stopped);
    loop.advance(std::chrono::minutes(1));
    desk.reset();
    far.reset();
  }

  void begin() {
    configuration::Configuration c;
    c.server.hostname = "mx.b.test";
    c.store.reserve = 0;
    c.local.aliases = {};
    c.auth.argon2_memory_kib = 64;
    c.auth.argon2_passes = 1;
    c.directory = folder;
    c.store.encryption = !folder.empty();
    far = *Services::open_on(*store::open_memory_volume(disk), store::StateKind::sorted, c, loop.clock());
    smtp::Policy told;
    told.hostname = "mx.b.test";
    told.checkpoint = smtp::Announce::yes;
    desk.emplace(
        SmtpDesk{.services = *far, .budget = budget, .rate = rate, .policy = told, .checkpoint_octets = octets});
  }
  void restart() {
    desk.reset();
    far.reset();
    begin();
  }
  io::Task<> speak(std::unique_ptr<wire::Connection> connection) {
    SmtpSession session(*desk, connection->peer());
    co_await smtp::serve(*connection, session, desk->policy);
    connection->close();
  }
  /// As put(), for more octets than a batch takes.
  void put_large(const std::string& text) {
    queue::Entry made = entry(loop, text);
    auto writer = *services->tablet().open_body();
    for (std::size_t at = 0; at < text.size(); at += store::BodyWriter::kAppendMax)
      REQUIRE(writer->append(std::string_view(text).substr(at, store::BodyWriter::kAppendMax)));
    made.body = *writer->seal();
    store::Batch batch;
    queue::Lot lot{.destination = "b.test", .recipients = {*envelope::parse_recipient("<bob@b.test>")}};
    auto change = services->queue().admit(made, {std::move(lot)}, std::nullopt, batch);
    REQUIRE(run(queue::commit(services->tablet(), std::move(batch))));
    change->done();
  }
  /// What becomes of the next connection; those behind it are whole.
  void break_next(io::Plan next) { plan = next; }
  std::vector<std::string> box(const std::string& name) {
    std::vector<std::string> all;
    const auto account = far->directory().account(name + "@b.test");
    const auto mail = *run(far->mail().account((*account)->id));
    const auto view = *run(mail->view(mail->listing()->find("INBOX")->id));
    for (std::uint32_t i = 1; i <= view->size(); ++i)
      all.push_back(*run(mail->read(*run(mail->email(view->at(i).email)), 0, SIZE_MAX / 2)));
    return all;
  }

  const std::string folder;
  io::Plan plan;
  std::uint64_t octets = 64 << 20;
  std::shared_ptr<store::MemoryDisk> disk = std::make_shared<store::MemoryDisk>();
  Budget budget{64 << 20};
  Rate rate{0};
  std::unique_ptr<Services> far;
  std::optional<SmtpDesk> desk;
};

/// A client of mx.b.test without a line between, which says what it is told.
class Client {
 public:
  Client(World& world, const std::string& address = "192.0.2.1", const std::string& name = "mx.a.test",
         const std::string& user = "")
      : world_(world) {
    peer_.remote = io::Endpoint(*io::IpAddress::parse(address), 40'000);
    peer_.name = name;
    peer_.hello = smtp::Hello::ehlo;
    if (!user.empty()) peer_.identity = sasl::Identity{.authentication_id = user, .authorization_id = {}};
    session_.emplace(*world.desk, peer_.remote);
    CHECK(world.run(session_->connected(peer_)));
  }
  /// The code of the reply, and the offset behind 355.
  std::string mail(const std::string& id, const std::string& path = "<x@y.example>") {
    const auto sender = *envelope::parse_sender(path + " TRANSID=" + id);
    const auto name = envelope::DeliveryId::make(world_.loop.random());
    const auto kept = world_.run(session_->resume(sender, name));
    if (!kept) return std::to_string(session_->reply_to(kept.error()).code);
    if (*kept) return "355 " + std::to_string((*kept)->offset) + " for " + std::to_string((*kept)->recipients);
    return code([&]() -> io::Task<Result<smtp::Reply>> { co_return co_await session_->mail(sender, name); });
  }
  /// Without a TRANSID.
  std::string mail_unnamed() {
    const auto sender = *envelope::parse_sender("<x@y.example>");
    const auto name = envelope::DeliveryId::make(world_.loop.random());
    return code([&]() -> io::Task<Result<smtp::Reply>> { co_return co_await session_->mail(sender, name); });
  }
  std::string rcpt(const std::string& path) {
    const auto recipient = *envelope::parse_recipient(path);
    return code([&]() -> io::Task<Result<smtp::Reply>> { co_return co_await session_->rcpt(recipient); });
  }
  std::string data() {
    return code([&]() -> io::Task<Result<smtp::Reply>> { co_return co_await session_->begin_body(); });
  }
  void send(std::string_view octets) {
    REQUIRE(data() == "354");
    while (!octets.empty()) {
      const std::string_view piece = octets.substr(0, 10'000);
      octets.remove_prefix(piece.size());
      if (*session_->append(piece) == smtp::Flow::pause)
        REQUIRE(
            world_.run([](SmtpSession& one) -> io::Task<Result<>> { co_return co_await one.drained(); }(*session_)));
    }
  }
  std::string end() {
    const auto outcome = world_.run(session_->commit({}));
    return std::to_string(outcome->reply.code) + " " + outcome->reply.text;
  }
  void abort() { session_->abort(); }
  void over(smtp::Ending ending) {
    world_.run([](SmtpSession& one, smtp::Ending how) -> io::Task<bool> {
      co_await one.ended(how);
      co_return true;
    }(*session_, ending));
    session_.reset();
  }

 private:
  template <class Call>
  std::string code(Call call) {
    const auto reply = world_.run(call());
    return std::to_string(reply ? reply->code : session_->reply_to(reply.error()).code);
  }

  World& world_;
  smtp::Peer peer_;
  std::optional<SmtpSession> session_;
};

inline const std::string kId = "<1.2@a.test>";
inline const std::string kSome = letter(600'000);

/// How far it came before the connection broke.
inline std::string begin_one(World& world, std::string_view octets = kSome) {
  Client client(world);
  REQUIRE(client.mail(kId) == "250");
  REQUIRE(client.rcpt("<bob@b.test>") == "250");
  REQUIRE(client.rcpt("<bill@b.test>") == "250");
  client.send(octets);
  client.over(smtp::Ending::lost);
  return std::to_string(octets.rfind("\r\n") + 2);
}

}  // namespace angarium::agent::test_checkpoints
