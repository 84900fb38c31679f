// The client's half against the server's half, and against responses of others.
#include "protocol/imap/client.h"

#include "io/memory.h"
#include "protocol/imap/testing.h"
#include "sasl/mechanism.h"
#include "support/dialogue.h"
#include "support/run.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::protocol::imap;

namespace {

struct Sink : ContentSink {
  std::string before;
  std::string octets;
  std::uint64_t size = 0;
  int ended = 0;
  Result<void> begin(std::string_view text, std::uint64_t of) override {
    before = text;
    size = of;
    return {};
  }
  io::ValueOrTask<Result<void>> append(std::string_view piece) override {
    octets += piece;
    return Result<void>{};
  }
  io::ValueOrTask<Result<void>> end() override {
    ++ended;
    return Result<void>{};
  }
};

/// Runs a client's coroutine against a fresh server; the test fails when it does not come to its end.
template <class Talk>
void converse(Talk talk) {
  io::SimulatedLoop loop;
  const auto store = testing::make_store();
  const auto options = std::make_shared<ServerOptions>();
  auto ends = wire::memory_connections();
  bool ended = false;
  loop.spawn(testing::serve(store, options, MemoryAuthenticator::Plaintext::with_tls, *ends.server));
  const auto run = [&]() -> io::Task<> {
    Client client(*ends.client);
    const auto outcome = co_await talk(client, *store);
    CHECK_MESSAGE(outcome.has_value(), (outcome ? "" : outcome.error().text()));
    ended = true;
  };
  loop.spawn(run());
  loop.run();
  CHECK(ended);
}

io::Task<Result<void>> enter(Client& client) {
  CO_TRY(co_await client.greet());
  CO_TRY(co_await client.start_tls());
  const auto* plain = sasl::find_mechanism("PLAIN");
  CO_TRY(co_await client.authenticate("PLAIN",
                                      plain->use({.identity = {.authentication_id = "fred", .authorization_id = {}},
                                                  .password = sasl::Secret::copy("secret")})));
  co_return Result<void>{};
}

}  // namespace

TEST_CASE("the client works a mailbox from greeting to logout") {
  converse([](Client& client, MemoryStore&) -> io::Task<Result<void>> {
    CO_TRY(co_await enter(client));
    const auto inbox = CO_TRY(co_await client.select("INBOX", Access::read_write));
    CHECK(inbox.exists == 3);
    CHECK(inbox.uid_next == 4);
    CHECK(inbox.mailbox_id == "M1");
    CHECK_FALSE(inbox.read_only);
    CO_TRY(
        co_await client.create("B\xC3\xBC"
                               "cher"));
    const auto rows = CO_TRY(co_await client.list("", "B%"));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].name ==
          "B\xC3\xBC"
          "cher");
    const auto appended = CO_TRY(
        co_await client.append("B\xC3\xBC"
                               "cher",
                               {.system = kSeen, .keywords = {"$x"}}, WallTime::from_seconds(0), testing::kPlain));
    REQUIRE(appended.has_value());
    CHECK(appended->first.text() == "1");
    const auto status =
        CO_TRY(co_await client.status("B\xC3\xBC"
                                      "cher",
                                      "MESSAGES SIZE"));
    CHECK(status.items ==
          std::vector<std::pair<std::string, std::uint64_t>>{{"MESSAGES", 1}, {"SIZE", testing::kPlain.size()}});
    const auto copied = CO_TRY(co_await client.uid_copy("1:2", "Archive", CopyMode::copy));
    CHECK(copied->second.text() == "1:2");
    const auto moved = CO_TRY(co_await client.uid_copy("2", "Archive", CopyMode::move));
    CHECK(moved->first.text() == "2");
    CHECK(CO_TRY(co_await client.uid_search("ALL")).text() == "1,3");
    CO_TRY(co_await client.uid_store("3", "+FLAGS.SILENT (\\Deleted)"));
    CO_TRY(co_await client.uid_expunge("3"));
    CHECK(CO_TRY(co_await client.uid_search("ALL")).text() == "1");
    std::vector<FetchResponse> fetched;
    CO_TRY(co_await client.uid_fetch("1", "(FLAGS BODY.PEEK[])", [&](const Response& response) {
      if (const auto* fetch = std::get_if<FetchResponse>(&response)) fetched.push_back(*fetch);
    }));
    REQUIRE(fetched.size() == 1);
    CHECK(fetched[0].contents.at(0).octets == testing::kPlain);
    CO_TRY(co_await client.logout());
    co_return Result<void>{};
  });
}

TEST_CASE("the client reads all that the server says in UTF-8") {
  converse([](Client& client, MemoryStore& store) -> io::Task<Result<void>> {
    CO_TRY(co_await enter(client));
    const auto enabled = CO_TRY(co_await client.enable("IMAP4rev2 UTF8=ACCEPT QRESYNC"));
    CHECK(enabled == std::vector<std::string>{"IMAP4REV2", "UTF8=ACCEPT", "QRESYNC"});
    // "&-" is modified UTF-7 for "&", but not here.
    const std::string name =
        "R&-D Gr\xC3\xBC\xC3\x9F"
        "e \"x\"";
    CO_TRY(co_await client.create(name));
    const std::string message =
        "Subject: Gr\xC3\xBC\xC3\x9F"
        "e\r\nFrom: \xC3\xA9@x.test\r\n\r\nhi\r\n";
    const auto appended = CO_TRY(co_await client.append(name, {}, WallTime::from_seconds(837'596'665), message));
    REQUIRE(appended.has_value());
    const auto rows = CO_TRY(co_await client.list("", "R*"));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].name == name);
    const auto status = CO_TRY(co_await client.status(name, "MESSAGES UIDNEXT MAILBOXID APPENDLIMIT HIGHESTMODSEQ"));
    CHECK(status.name == name);
    MemoryStore::deliver(*store.find("fred"), name, std::string(testing::kParts));
    CO_TRY(co_await client.select(name, Access::read_write));
    std::vector<FetchResponse> fetched;
    CO_TRY(co_await client.uid_fetch("1:*",
                                     "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE MODSEQ EMAILID THREADID BODY "
                                     "BODYSTRUCTURE BODY.PEEK[] BINARY[1] BINARY.SIZE[1] "
                                     "BODY.PEEK[HEADER.FIELDS (Subject)]<0.5> BODY.PEEK[9.MIME])",
                                     [&](const Response& response) {
                                       if (const auto* fetch = std::get_if<FetchResponse>(&response))
                                         fetched.push_back(*fetch);
                                     }));
    REQUIRE(fetched.size() == 2);
    CHECK(fetched[0].contents.at(0).octets == message);
    CHECK(fetched[0].envelope.find("\"Gr\xC3\xBC\xC3\x9F"
                                   "e\"") != std::string::npos);
    CHECK(fetched[0].internal_date->seconds() == 837'596'665);
    CHECK_FALSE(fetched[1].contents.at(4).octets.has_value());
    CHECK(CO_TRY(co_await client.uid_search("SUBJECT {4}\r\nGr\xC3\xBC SINCE 1-Jul-1996")).text() == "1:2");
    for (const auto* text : {"NAMESPACE", "ID NIL", "LSUB \"\" *", "NOOP",
                             "LIST (SUBSCRIBED) \"\" * RETURN (CHILDREN STATUS (MESSAGES SIZE))",
                             "UID SEARCH RETURN (MIN MAX ALL COUNT SAVE) MODSEQ 1", "UID STORE 1 +FLAGS (\\Deleted x)",
                             "UID EXPUNGE 1:*", "UNSELECT"})
      CHECK_MESSAGE(bool(co_await client.command(text)), text);
    co_return Result<void>{};
  });
}

TEST_CASE("RFC 7888: what cannot be quoted goes as a literal, asked for where it must be") {
  converse([](Client& client, MemoryStore& store) -> io::Task<Result<void>> {
    store.add_account("j\xC3\xBCrgen", "gehe\xC3\xAFm");
    CO_TRY(co_await client.greet());
    CO_TRY(co_await client.start_tls());
    CHECK((co_await client.login(std::string("a\0b", 3), "x")).error().is(kRefused));
    // The capabilities of after TLS are not known: the server is asked.
    CO_TRY(co_await client.login("j\xC3\xBCrgen", "gehe\xC3\xAFm"));
    const auto status = CO_TRY(co_await client.command("EXAMINE {5}\r\nINBOX"));
    CHECK(status.code == "READ-ONLY");
    CHECK((co_await client.command("STATUS {6}\r\nnobody (MESSAGES)")).error().is(kServerRefused));
    CHECK((co_await client.command("NOOP\r\nA9 LOGOUT")).error().is(kSyntax));
    co_return Result<void>{};
  });
}

TEST_CASE("large bodies go through the sink and never through the response") {
  converse([](Client& client, MemoryStore& store) -> io::Task<Result<void>> {
    const std::string large = "Subject: x\r\n\r\n" + std::string(3'000'000, 'x');
    MemoryStore::deliver(*store.find("fred"), "INBOX", large);
    CO_TRY(co_await enter(client));
    CO_TRY(co_await client.select("INBOX", Access::read_only));
    Sink sink;
    std::vector<FetchResponse> fetched;
    CO_TRY(co_await client.uid_fetch(
        "4", "(UID BODY.PEEK[])",
        [&](const Response& response) {
          if (const auto* fetch = std::get_if<FetchResponse>(&response)) fetched.push_back(*fetch);
        },
        &sink));
    CHECK(sink.octets == large);
    CHECK(sink.size == large.size());
    CHECK(sink.ended == 1);
    REQUIRE(fetched.size() == 1);
    CHECK(fetched[0].uid == 4);
    CHECK_FALSE(fetched[0].contents.at(0).octets.has_value());
    co_return Result<void>{};
  });
}

TEST_CASE("refusals are told apart: the user's, for later, broken") {
  converse([](Client& client, MemoryStore&) -> io::Task<Result<void>> {
    CO_TRY(co_await client.greet());
    CHECK((co_await client.login("fred", "secret")).error().is(kServerRefused));
    CO_TRY(co_await client.start_tls());
    CHECK((co_await client.login("fred", "wrong")).error().text().starts_with("[AUTHENTICATIONFAILED]"));
    CO_TRY(co_await client.login("fred", "secret"));
    CHECK((co_await client.select("nowhere", Access::read_write)).error().is(kServerRefused));
    CHECK((co_await client.command("FOO")).error().is(kServerBad));
    // The connection goes on.
    CHECK(co_await client.command("NOOP"));
    co_return Result<void>{};
  });
}

TEST_CASE("the client idles until there is news") {
  converse([](Client& client, MemoryStore& store) -> io::Task<Result<void>> {
    CO_TRY(co_await enter(client));
    CO_TRY(co_await client.select("INBOX", Access::read_write));
    io::Event stop;
    std::uint32_t exists = 0;
    const auto deliver = [](MemoryStore& into) -> io::Task<> {
      co_await io::Loop::current().sleep_for(std::chrono::minutes(10));
      MemoryStore::deliver(*into.find("fred"), "INBOX", "a\r\n\r\nb");
    };
    io::Loop::current().spawn(deliver(store));
    CO_TRY(co_await client.idle(
        [&](const Response& response) {
          const auto* number = std::get_if<NumberResponse>(&response);
          if (number != nullptr && number->kind == NumberResponse::Kind::exists) exists = number->number;
          return exists == 4;
        },
        stop, std::chrono::minutes(20)));
    CHECK(exists == 4);
    CO_TRY(co_await client.idle([](const Response&) { return false; }, stop, std::chrono::minutes(2)));
    CHECK(CO_TRY(co_await client.uid_search("ALL")).count() == 4);
    co_return Result<void>{};
  });
}

TEST_CASE("flags of a server: so many keywords, and none more, whatever the response may hold") {
  const auto told = [](std::size_t count) {
    std::string list = "\\Seen";
    for (std::size_t i = 0; i < count; ++i) list += " k";
    return list;
  };
  const auto most = parse_response("* 1 FETCH (FLAGS (" + told(kToldKeywordsMax) + "))");
  REQUIRE(most.has_value());
  CHECK(std::get<FetchResponse>(*most).flags->keywords.size() == kToldKeywordsMax);
  CHECK_FALSE(parse_response("* 1 FETCH (FLAGS (" + told(kToldKeywordsMax + 1) + "))").has_value());
  CHECK(parse_response("* FLAGS (" + told(kToldKeywordsMax) + ")").has_value());
  CHECK_FALSE(parse_response("* FLAGS (" + told(kToldKeywordsMax + 1) + ")").has_value());
}

TEST_CASE("responses of other servers are read") {
  const auto fetch = [](std::string_view text) { return std::get<FetchResponse>(*parse_response(text)); };
  const auto one = fetch(
      "* 12 FETCH (FLAGS (\\Seen \\Recent \\X $k) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286 "
      "ENVELOPE (\"a (b\" NIL ((\"x\" NIL {1}\r\n) \"y\")) NIL) BODY (\"TEXT\" \"PLAIN\") X-GM-LABELS (\\Inbox \"a "
      "b\") UID 7)");
  CHECK(one.uid == 7);
  CHECK(one.flags->system == kSeen);
  CHECK(one.flags->keywords == std::vector<std::string>{"$k"});
  CHECK(one.recent);
  CHECK(one.internal_date->seconds() == 837'596'665);
  CHECK(one.internal_zone_minutes == -420);
  CHECK(one.envelope == "(\"a (b\" NIL ((\"x\" NIL {1}\r\n) \"y\")) NIL)");
  CHECK(one.body == "(\"TEXT\" \"PLAIN\")");
  const auto two = fetch("* 1 FETCH (BODY[HEADER.FIELDS (\"a]b\" c)]<0> {3}\r\n\xFF\r\n BINARY[1] ~{1}\r\n\0)"sv);
  CHECK(two.contents.at(0).label == "BODY[HEADER.FIELDS (\"a]b\" c)]<0>");
  CHECK(two.contents.at(0).octets == "\xFF\r\n");
  CHECK(two.contents.at(1).octets == std::string(1, '\0'));
  const auto row = std::get<ListResponse>(*parse_response("* LIST (\\Marked \\HasNoChildren \\Foo) NIL \"a&b\""));
  CHECK(row.name == "a&b");
  CHECK_FALSE(row.delimiter.has_value());
  CHECK(row.attributes == (kNameMarked | kNameHasNoChildren));
  const auto spaces = std::get<NamespaceResponse>(*parse_response(
      "* NAMESPACE ((\"INBOX.\" \".\")(\"&AOk-/\" \"/\" \"X-PARAM\" (\"a\" \"b\"))) NIL ((\"#news\" NIL))"));
  REQUIRE(spaces.personal.size() == 2);
  CHECK(spaces.personal[0].prefix == "INBOX.");
  CHECK(spaces.personal[1].prefix == "é/");
  CHECK(spaces.personal[1].delimiter == '/');
  CHECK(spaces.others.empty());
  CHECK_FALSE(spaces.shared.at(0).delimiter.has_value());
  CHECK_FALSE(parse_response("* NAMESPACE ((\"a\" \"/\") NIL NIL").has_value());
  const auto search =
      std::get<SearchResponse>(*parse_response("* ESEARCH (TAG \"A1\") UID COUNT 17 ALL 4:18,21 MODSEQ 9"));
  CHECK(search.by_uid);
  CHECK(search.all.text() == "4:18,21");
  CHECK(std::get<StatusResponse>(*parse_response("* OK [UIDNEXT 4392] Predicted")).code_text == "4392");
  CHECK(std::get<Continuation>(*parse_response("+")).text.empty());
  for (auto wrong : {"", "*", "* 1", "* 1 FETCH", "* 1 FETCH (", "* 1 FETCH (UID)", "a", "a FOO", "* LIST () / x",
                     "* 0 EXPUNGE", "* ESEARCH MIN"})
    CHECK_MESSAGE(!parse_response(wrong), std::string(wrong));
  CHECK_FALSE(parse_response("* 1 FETCH (X " + std::string(kValueDepthMax + 1, '(') + ")"));
}

namespace {

/// Runs `talk` against a server that says `said` whatever it hears.
template <class Talk>
void hear(const std::string& said, Talk talk) {
  const std::vector<test::Step> steps = {{.kind = test::Step::Kind::send, .text = said},
                                         {.kind = test::Step::Kind::eof, .text = {}}};
  io::SimulatedLoop loop;
  test::ScriptedServer server(steps, {});
  loop.spawn(server.serve());
  const auto run = [&]() -> io::Task<bool> {
    Client client(server.client_end());
    co_await talk(client);
    server.client_end().close();
    co_return true;
  };
  CHECK(test::sync_wait(loop, run()));
}

std::string rows_of(std::size_t count) {
  std::string rows;
  for (std::size_t i = 0; i < count; ++i) rows += "* LIST () NIL a\r\n";
  return rows;
}

}  // namespace

TEST_CASE("a server that answers without end is left: rows of a list, challenges, one response") {
  const std::string greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN] hi\r\n";
  hear(greeting + rows_of(kListRowsMax) + "A1 OK\r\n", [](Client& client) -> io::Task<> {
    CHECK(co_await client.greet());
    const auto rows = co_await client.list("", "*");
    REQUIRE(rows);
    CHECK(rows->size() == kListRowsMax);
  });
  hear(greeting + rows_of(kListRowsMax + 1) + "A1 OK\r\n", [](Client& client) -> io::Task<> {
    CHECK(co_await client.greet());
    CHECK((co_await client.list("", "*")).error().is(kServerBroke));
  });
  // Few rows of long names: each is held as it was written, and in UTF-8.
  for (const std::size_t more : {0, 1}) {
    const std::string name(kListOctetsMax / 2 + more, 'x');
    hear(greeting + "* LIST () NIL " + name + "\r\nA1 OK\r\n", [more](Client& client) -> io::Task<> {
      CHECK(co_await client.greet());
      CHECK((co_await client.list("", "*")).has_value() == (more == 0));
    });
  }
  // kResponseMax octets are a response, one more is none.
  const std::string before = "* X ";
  for (const std::size_t more : {0, 1}) {
    hear(greeting + before + std::string(kResponseMax - before.size() + more, 'x') + "\r\nA1 OK\r\n",
         [more](Client& client) -> io::Task<> {
           CHECK(co_await client.greet());
           CHECK((co_await client.command("NOOP")).has_value() == (more == 0));
         });
  }
}

TEST_CASE("a message to append that is not as long as was said ends the connection before it can harm") {
  struct Source final : ContentSource {
    std::vector<std::string> pieces;
    std::size_t at = 0;
    io::ValueOrTask<Result<std::string_view>> next() override {
      return Result<std::string_view>(at < pieces.size() ? std::string_view(pieces[at++]) : std::string_view());
    }
  };
  for (const std::uint64_t octets : {3, 4, 5}) {
    hear("* OK [CAPABILITY IMAP4rev1 LITERAL+] hi\r\nA1 OK [APPENDUID 1 2] done\r\n",
         [octets](Client& client) -> io::Task<> {
           Source source;
           source.pieces = {"ab", "cd"};
           CHECK(co_await client.greet());
           const auto appended = co_await client.append("INBOX", {}, std::nullopt, {.octets = octets}, source);
           CHECK(appended.has_value() == (octets == 4));
         });
  }
}
