// `angarium mail` with our own server over a store in memory.
#include <sys/stat.h>
#include <unistd.h>

#include "mua/error.h"
#include "mua/far_testing.h"
#include "mua/host.h"
#include "protocol/imap/testing.h"
#include "sasl/memory_gss.h"

using namespace angarium;
using namespace angarium::mua;
using namespace angarium::mua::testing;
namespace imap = protocol::imap;

namespace {

/// A server for fred; each command has a connection of its own.
struct There {
  std::shared_ptr<imap::MemoryStore> store = imap::testing::make_store();
  std::shared_ptr<imap::ServerOptions> options = std::make_shared<imap::ServerOptions>();
  Home home;
  std::string seen;
  Output output = Output::text;
  std::size_t message_max = kMessageMax;
  std::function<void(FarTerms&)> adapt = [](FarTerms&) {};

  Result<> run(const Job& job) {
    io::SimulatedLoop loop;
    Typed terminal("", false);
    Surroundings here = home.surroundings(terminal);
    here.home = home.path();
    here.message_max = message_max;
    MailAccount account = anna();
    account.user = "fred";
    FarTerms terms{.account = account,
                   .dial = [this](MailHost host) { return dial(std::move(host)); },
                   .password = [] { return Result<sasl::Secret>(sasl::Secret::copy("secret")); }};
    adapt(terms);
    FarClient client(here, std::move(terms), output);
    auto done = test::sync_wait(loop, job(client));
    loop.destroy_tasks();
    seen = terminal.seen;
    return done;
  }

  /// The mailbox as "UID flags".
  std::string flags(std::string_view mailbox) {
    std::string text;
    const auto state = store->find("fred")->find(mailbox);
    for (const auto& entry : state->entries())
      text += std::to_string(entry.uid) + ":" + std::to_string(entry.flags & imap::kAllFlags) + " ";
    return text;
  }

 private:
  io::Task<Result<Reached>> dial(MailHost host) {
    auto ends = wire::memory_connections({.offers_tls = false});
    io::Loop::current().spawn(serve(std::move(ends.server)));
    co_return Reached{.connection = std::move(ends.client), .by = std::move(host)};
  }
  io::Task<> serve(std::unique_ptr<wire::Connection> connection) {
    co_await imap::testing::serve(store, options, imap::MemoryAuthenticator::Plaintext::always, *connection);
    connection->close();
  }
};

}  // namespace

TEST_CASE("list tells who wrote, when and about what; the newest, the unread and what is searched") {
  There there;
  REQUIRE(there.run([](FarClient& client) { return client.list("", {}); }));
  CHECK(there.seen ==
        "1 N Terry Gray           Jul 17 09:23    183 B  IMAP4rev2 WG mtg\n"
        "2   J\xc3\xbcrgen               Jul 18 10:00    463 B  Gr\xc3\xbc\xc3\x9f"
        "e\n"
        "3 F Terry Gray           Jul 17 09:23    183 B  IMAP4rev2 WG mtg\n");
  const auto ids = [&](FarWanted wanted) {
    there.output = Output::json;
    REQUIRE(there.run([&](FarClient& client) { return client.list("INBOX", wanted); }));
    std::string found;
    for (std::size_t at = 0; (at = there.seen.find("\"id\":\"", at)) != std::string::npos; at += 6)
      found += there.seen.substr(at + 6, 1);
    return found;
  };
  CHECK(ids({.limit = 2}) == "23");
  CHECK(ids({.unread = true}) == "13");
  CHECK(ids({.unread = true, .limit = 1}) == "3");
  CHECK(ids({.flagged = true}) == "3");
  CHECK(ids({.text = "see you"}) == "13");
  CHECK(ids({.from = "J\xc3\xbcrgen"}) == "2");
  CHECK(ids({.subject = "Gr\xc3\xbc\xc3\x9f"}) == "2");
  CHECK(ids({.text = "\"}\r\nA9 LOGOUT"}) == "");
  CHECK(there.seen.contains("\"in_all\":0"));
  const auto missing = there.run([](FarClient& client) { return client.list("nowhere", {}); });
  REQUIRE_FALSE(missing);
  CHECK(missing.error().is(kNotThere));
  CHECK(missing.error().text().contains("angarium mail folders"));
}

TEST_CASE("read shows the text and marks it as read, unless that is not wanted") {
  There there;
  const auto read = [&](std::string word, ReadOptions options) {
    return there.run([&](FarClient& client) { return client.read("INBOX", word, options); });
  };
  REQUIRE(read("1", {.keep_unread = true}));
  CHECK(there.flags("INBOX") == "1:0 2:1 3:4 ");
  REQUIRE(read("1", {}));
  CHECK(there.seen.ends_with("\n\nHello Joe,\nsee you.\n"));
  CHECK(there.flags("INBOX") == "1:1 2:1 3:4 ");
  REQUIRE(read("last", {.form = ReadOptions::Form::raw}));
  CHECK(there.seen == imap::testing::kPlain);
  REQUIRE(read("2", {.form = ReadOptions::Form::headers}));
  CHECK(there.seen.contains("Content-Type: multipart/mixed"));
  CHECK_FALSE(there.seen.contains("Inner text"));
  REQUIRE(read("2", {}));
  CHECK(there.seen.contains("Sch\xc3\xb6ner Tag"));
  CHECK(there.seen.contains("[attachment 1: x.png, image/png, 3 B]"));
  REQUIRE(read("2", {.part = 1}));
  CHECK(there.seen == std::string("\0\1\2", 3));
  there.output = Output::terminal;
  REQUIRE(read("2", {.part = 1}));
  CHECK_FALSE(there.seen.contains('\1'));
  CHECK(read("2", {.part = 3}).error().is(kNotThere));
  CHECK(read("4", {}).error().is(kNotThere));
  CHECK(read("x", {}).error().is(kUsage));
  CHECK(read("1-3", {}).error().is(kUsage));
  there.message_max = 100;
  CHECK(read("1", {}).error().is(kHost));
}

TEST_CASE("save writes new files only, and a name in a message leads nowhere") {
  There there;
  imap::MemoryStore::deliver(*there.store->find("fred"), "INBOX",
                             "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                             "Content-Type: image/png; name=\"../../.profile\"\r\n\r\none\r\n--b\r\n"
                             "Content-Disposition: attachment; filename=\"/etc/x\x1b[2J\"\r\n\r\ntwo\r\n--b--\r\n");
  const auto save = [&](std::string word, SaveOptions options) {
    return there.run([&](FarClient& client) { return client.save("INBOX", word, options); });
  };
  there.home.put("box/here", "old");
  const std::string box = there.home.path() + "/box";
  REQUIRE(save("4", {.path = box, .all_parts = true}));
  CHECK(there.home.get("box/profile") == "one");
  CHECK_FALSE(there.seen.contains('\x1b'));
  CHECK_FALSE(file_exists("/etc/x"));
  struct stat status{};
  REQUIRE(stat((box + "/profile").c_str(), &status) == 0);
  CHECK((status.st_mode & 077) == 0);
  // Once more: nothing is written over.
  CHECK(save("4", {.path = box, .all_parts = true}).error().is(kHost));
  CHECK(save("1", {.path = box + "/here"}).error().text().contains("is there already"));
  CHECK(there.home.get("box/here") == "old");
  REQUIRE(symlink("nowhere", (box + "/link").c_str()) == 0);
  CHECK(save("1", {.path = box + "/link"}).error().is(kHost));
  CHECK(there.home.get("box/nowhere") == "(not there)\n");
  REQUIRE(save("1", {.path = box}));
  CHECK(there.home.get("box/message-1.eml") == imap::testing::kPlain);
  REQUIRE(save("1", {.path = "~/new.eml"}));
  CHECK(there.home.get("new.eml") == imap::testing::kPlain);
  CHECK(save("4", {.path = "~/other", .all_parts = true}).error().is(kUsage));
  CHECK(save("1", {.all_parts = true}).error().is(kNotThere));
  // It was only looked at.
  CHECK(there.flags("INBOX") == "1:0 2:1 3:4 4:0 ");
}

TEST_CASE("messages are flagged, moved and deleted; what is not there is said before anything is done") {
  There there;
  REQUIRE(there.run(
      [](FarClient& client) { return client.flag("INBOX", {"1-2"}, message::kBoxFlagged, message::kBoxSeen); }));
  CHECK(there.flags("INBOX") == "1:4 2:4 3:4 ");
  REQUIRE(there.run([](FarClient& client) { return client.move("INBOX", {"2"}, "Archive"); }));
  CHECK(there.flags("INBOX") == "1:4 3:4 ");
  CHECK(there.flags("Archive") == "1:4 ");
  CHECK(there.run([](FarClient& client) { return client.move("INBOX", {"1"}, "Nowhere"); }).error().is(kNotThere));
  CHECK(there.run([](FarClient& client) { return client.remove("INBOX", {"1", "2"}); }).error().is(kNotThere));
  CHECK(there.flags("INBOX") == "1:4 3:4 ");
  REQUIRE(there.run([](FarClient& client) { return client.remove("INBOX", {"1", "last"}); }));
  CHECK(there.flags("INBOX") == "");
  CHECK(there.run([](FarClient& client) { return client.remove("INBOX", {"last"}); }).error().is(kNotThere));
}

TEST_CASE("folders are listed with their use, and counted when asked") {
  There there;
  REQUIRE(there.run([](FarClient& client) { return client.folders(Counting::yes); }));
  CHECK(there.seen.contains("INBOX           3 messages, 2 unread\n"));
  CHECK(there.seen.contains("Sent            0 messages, 0 unread  (sent)\n"));
  there.output = Output::json;
  REQUIRE(there.run([](FarClient& client) { return client.folders(Counting::no); }));
  CHECK(there.seen.contains("{\"name\":\"Sent\",\"selectable\":true,\"use\":\"sent\"}"));
}

TEST_CASE("an account with a token's file or with tickets logs in by them, under a layer where there is no TLS") {
  for (const std::string_view principal : {"", "fred@THERE.TEST"}) {
    There there;
    there.store->mechanisms = {"PLAIN", "GS2-KRB5", "GSSAPI"};
    std::string whose = "nobody's";
    there.adapt = [&](FarTerms& terms) {
      terms.account.tickets = true;
      terms.account.user = principal;
      terms.ticket = [&](const std::string& name,
                         const sasl::ClientContext& context) -> Result<std::unique_ptr<sasl::GssContext>> {
        whose = name;
        CHECK(context.service == "imap");
        CHECK(context.host == "box.test");
        CHECK(context.protection_max == sasl::Protection::confidentiality);
        return sasl::memory_gss_initiator("fred", "imap");
      };
    };
    REQUIRE(there.run([](FarClient& client) { return client.folders({}); }));
    // The address that stands for a user who is not named is nobody's principal.
    CHECK(whose == principal);
  }
  There there;
  there.store->mechanisms = {"PLAIN", "XOAUTH2"};
  there.store->logins.tokens["secret"] = "fred";
  there.adapt = [](FarTerms& terms) { terms.account.token_file = "token"; };
  CHECK(there.run([](FarClient& client) { return client.folders({}); }));
  there.store->logins.tokens.clear();
  CHECK(there.run([](FarClient& client) { return client.folders({}); }).error().is(kNotLetIn));
}

TEST_CASE("tickets that are over are trouble of the moment, and no password is told in their place") {
  There there;
  there.adapt = [](FarTerms& terms) {
    terms.account.tickets = true;
    terms.ticket = [](const std::string&, const sasl::ClientContext&) -> Result<std::unique_ptr<sasl::GssContext>> {
      return fail(sasl::kUnavailable, "the ticket is over");
    };
  };
  const auto done = there.run([](FarClient& client) { return client.folders({}); });
  REQUIRE(!done);
  CHECK(done.error().temporary());
}
