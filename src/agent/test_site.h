// A host with aliases, and a client that speaks SMTP or LMTP with it: for tests of where mail goes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/test_outbound.h"
#include "agent/transaction.h"
#include "alias/memory_files.h"
#include "support/test.h"
#include "wire/connection/connection.h"

namespace angarium::agent {

namespace smtp = protocol::smtp;
using namespace std::chrono_literals;

inline constexpr std::string_view kPath = "/etc/aliases";

inline bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// a.test (mx.a.test), and a client that speaks with it.
class Site {
 public:
  explicit Site(smtp::Role role = smtp::Role::mx) : role_(role) { local(std::make_shared<LocalTerms>()); }
  ~Site() {
    if (ends_.client) ends_.client->close();
    world.loop.settle();
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  void alias(const std::string& name, const std::vector<std::string>& targets) {
    REQUIRE(world.services->directory().add_alias(name + "@a.test", account::Alias::Kind::alias, targets));
  }
  /// The aliases file.
  void file(const std::string& text, const alias::FileStatus& status = {}) {
    files.write(std::string(kPath), text, status);
  }
  void users(std::shared_ptr<HostUsers> users) {
    auto made = std::make_shared<LocalTerms>();
    made->users = std::move(users);
    local(std::move(made));
  }
  /// Null: the directory alone knows names.
  void local(std::shared_ptr<LocalTerms> made) {
    if (made != nullptr) complete(*made);
    auto terms = std::make_shared<CourierTerms>(*world.terms);
    terms->local = std::move(made);
    world.terms = std::move(terms);
  }

  /// The replies to all RCPTs, "250 2.1.5 …|…", and to DATA when one was taken. The message comes from `sender`.
  std::vector<std::string> send(const std::string& sender, const std::vector<std::string>& recipients,
                                const std::string& header = {}) {
    start();
    std::vector<std::string> replies;
    CHECK(say("MAIL FROM:" + sender).starts_with("250"));
    bool taken = false;
    for (const std::string& recipient : recipients) {
      replies.push_back(say("RCPT TO:" + recipient));
      taken = taken || replies.back().starts_with("250");
    }
    if (taken) {
      CHECK(say("DATA").starts_with("354"));
      replies.push_back(say(header + "From: x@far.test\r\nSubject: s\r\n\r\nhello\r\n."));
    }
    world.loop.advance(5s);
    return replies;
  }
  /// A message in the queue for an address here.
  void wait_here(const std::string& sender, const std::string& recipient) {
    const std::string octets = "From: x@far.test\r\nSubject: s\r\n\r\nhello\r\n";
    auto entry = Outbound::entry(world.loop, octets);
    entry.sender = envelope::parse_sender(sender).value();
    store::Batch batch;
    queue::Lot lot{.destination = "a.test", .recipients = {envelope::parse_recipient(recipient).value()}};
    const std::size_t body = batch.body(octets);
    auto change = world.services->queue().admit(entry, {std::move(lot)}, body, batch);
    REQUIRE(change);
    REQUIRE(world.run(queue::commit(world.services->tablet(), std::move(batch))));
    change->done();
  }
  std::string ask(const std::string& line) {
    start();
    return say(line);
  }

  Outbound world;
  alias::MemoryFiles files;
  std::vector<io::Prefix> relays;
  configuration::Vrfy vrfy = configuration::Vrfy::users;

 private:
  void complete(LocalTerms& made) {
    made.hostname = "mx.a.test";
    made.domains = {"mx.a.test", "localhost"};
    made.files = &files;
    made.aliases = {std::make_shared<alias::AliasFile>(files, std::string(kPath), 0, world.loop.clock())};
    made.srs = true;
  }
  void start() {
    desk_.emplace(SmtpDesk{.services = *world.services, .budget = budget_, .rate = rate_, .policy = {}});
    desk_->policy.role = role_;
    desk_->policy.hostname = "mx.a.test";
    desk_->policy.expn = smtp::Announce::yes;
    desk_->policy.dsn = role_ == smtp::Role::lmtp ? smtp::Announce::no : smtp::Announce::yes;
    desk_->outbound = world.terms;
    desk_->relay_networks = relays;
    desk_->vrfy = vrfy;
    if (ends_.client) ends_.client->close();
    world.loop.settle();
    ends_ = wire::memory_connections(
        {.client = *io::Endpoint::parse("192.0.2.77:4000"), .server = *io::Endpoint::parse("192.0.2.1:25")});
    world.loop.spawn(run());
    hear();
    say(role_ == smtp::Role::lmtp ? "LHLO c.test" : "EHLO c.test");
  }
  io::Task<> run() {
    SmtpSession session(*desk_, ends_.server->peer());
    co_await smtp::serve(*ends_.server, session, desk_->policy);
  }
  std::string say(const std::string& line) {
    const std::string octets = line + "\r\n";
    REQUIRE(ends_.client->try_write(octets).value_or(0) == octets.size());
    return hear();
  }
  std::string hear() {
    world.loop.settle();
    std::string text(65536, '\0');
    text.resize(ends_.client->try_read({text.data(), text.size()}).value_or(0));
    std::string lines;
    for (const char c : text)
      if (c != '\r') lines += c == '\n' ? '|' : c;
    if (lines.ends_with('|')) lines.pop_back();
    return lines;
  }

  smtp::Role role_;
  Budget budget_{64U << 20};
  Rate rate_{0};
  std::optional<SmtpDesk> desk_;
  wire::MemoryConnections ends_;
};

/// Who sent the only message that the other host has got.
inline std::string sender(const Site& site, std::size_t i = 0) {
  return site.world.house.messages.at(i).envelope.sender.path.text();
}
inline const envelope::Recipient& recipient(const Site& site, std::size_t i = 0) {
  return site.world.house.messages.at(i).envelope.recipients.at(0);
}

}  // namespace angarium::agent
