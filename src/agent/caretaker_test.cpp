#include "agent/caretaker.h"

#include <boost/json.hpp>

#include "agent/location_verbs.h"
#include "agent/maildrop.h"
#include "agent/queue_verbs.h"
#include "agent/settings.h"
#include "agent/system_users.h"
#include "agent/test_caretaker.h"
#include "base/log.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::agent;

namespace {

using House = CaretakersHouse;

}  // namespace

TEST_CASE("who opens an account finds what came into its box before") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  const auto attendance = house.wait_for(house.caretaker.attend(house.ids[0]));
  CHECK(house.messages(0) == 1);
  CHECK(house.messages(1) == 0);
}

TEST_CASE("an account without a location is opened at once") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  (void)house.run(house.caretaker.attend(house.ids[1]));
}

TEST_CASE("a POP3 session shows what came into the box") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  MaildropLocks locks;
  Pop3Desk desk{*house.services, locks, {}};
  Pop3Authenticator authenticator(desk, *io::Endpoint::parse("192.0.2.7:4711"));
  auto opened =
      house.wait_for(authenticator.open({.identity = {.authentication_id = "anna@example.test"}, .mechanism = "USER"}));
  REQUIRE(opened);
  CHECK((*opened)->count() == 1);
}

TEST_CASE("boxes are looked at every other second while somebody reads, and seldom else") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  house.loop.advance(std::chrono::seconds(10));
  CHECK(house.messages(0) == 0);
  house.loop.advance(kLookSeldom);
  CHECK(house.messages(0) == 1);
  const auto attendance = house.wait_for(house.caretaker.attend(house.ids[0]));
  house.put("b");
  house.loop.advance(kLookOften + std::chrono::seconds(1));
  CHECK(house.messages(0) == 2);
}

TEST_CASE("what changes here goes to the box at once") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  mailbox::Delivery delivery;
  delivery.content = mailbox::make_content("Subject: a\r\n\r\na\r\n");
  delivery.recipients.push_back({.account = house.ids[0], .prepended = "Return-Path: <b@b.test>\r\n", .targets = {{}}});
  REQUIRE((*house.run(house.services->mail().deliver(std::move(delivery))))[0]);
  house.loop.advance(std::chrono::seconds(1));
  const auto box = box::open_box(house.box.inbox, {}, box::Access::read_only).value();
  REQUIRE(box->size() == 1);
  CHECK(box->read(0, 1000).value() == "Return-Path: <b@b.test>\r\nSubject: a\r\n\r\na\r\n");
}

TEST_CASE("a line that is taken out or changed counts from then on") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.rules = std::make_shared<Caretaker::Rules>();
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  (void)house.run(house.caretaker.attend(house.ids[0]));
  house.loop.advance(std::chrono::minutes(2));
  CHECK(house.messages(0) == 0);
  house.rules = std::make_shared<Caretaker::Rules>(
      Caretaker::Rules{{"*", "maildir:" + house.home.path() + "/Maildir"}, {"bob@example.test", "store"}});
  house.loop.advance(std::chrono::seconds(3));
  CHECK(house.messages(0) == 1);
  CHECK(house.messages(1) == 0);
}

TEST_CASE(
    "who opens an account whose boxes cannot be reached waits no longer than is bearable, and sees what is here") {
  House house;
  house.put("a");
  house.loop.advance(std::chrono::seconds(3));
  (void)house.wait_for(house.caretaker.attend(house.ids[0]));
  std::filesystem::remove_all(house.box.inbox);
  const Moment before = house.loop.now();
  (void)house.wait_for(house.caretaker.attend(house.ids[0]));
  CHECK(house.loop.now() - before <= kOpeningWait + std::chrono::seconds(1));
  CHECK(house.messages(0) == 1);
}

TEST_CASE("the boxes of a user of the host are reached by a process that is this user, those of others here") {
  House house;
  house.add("carl@example.test", account::Origin::host);
  house.put("a");
  house.rules = std::make_shared<Caretaker::Rules>(Caretaker::Rules{{"carl@example.test", "maildir:{home}/Maildir"},
                                                                    {"bob@example.test", "maildir:{home}/Maildir"}});
  house.loop.advance(std::chrono::seconds(2));
  CHECK(house.messages(2) == 1);
  CHECK(house.processes.begun == 1);
  // An account that was added is nobody of the host, whatever its name; here nobody was asked for it.
  CHECK(house.messages(1) == 0);
  house.rules =
      std::make_shared<Caretaker::Rules>(Caretaker::Rules{{"bob@example.test", "maildir:{home}/Maildir:USER=carl"}});
  house.loop.advance(std::chrono::seconds(2));
  CHECK(house.messages(1) == 1);
}

TEST_CASE("while nobody knows where a user is at home, the account's boxes stay where they were") {
  House house;
  house.add("carl@example.test", account::Origin::host);
  house.rules = std::make_shared<Caretaker::Rules>(Caretaker::Rules{{"carl@example.test", "maildir:{home}/Maildir"}});
  house.loop.advance(std::chrono::seconds(2));
  house.home_of_carl = fail(location::kTrouble, "the users cannot be asked");
  house.loop.advance(std::chrono::minutes(1));
  house.put("a");
  house.loop.advance(kLookSeldom + std::chrono::seconds(1));
  CHECK(house.messages(2) == 1);
  // Of who is no user any more the mail is in the own store alone.
  house.home_of_carl = fail(SystemUsers::kUnknownUser, "nobody");
  house.loop.advance(std::chrono::minutes(1));
  house.put("b");
  house.loop.advance(std::chrono::minutes(2));
  CHECK(house.messages(2) == 1);
}

TEST_CASE("that nobody knows where an account's mail lies is told once, and of who is no user any more never") {
  struct Counting final : log::Sink {
    explicit Counting(int& lines) : lines_(lines) {}
    void write(log::Level, std::string_view room, std::string_view event, const log::Field*, std::size_t) override {
      if (room == "location" && event == "an account has none") ++lines_;
    }
    int& lines_;
  };
  int lines = 0;
  log::configure(std::make_unique<Counting>(lines), log::Level::warning);
  {
    House house;
    house.add("carl@example.test", account::Origin::host);
    house.rules = std::make_shared<Caretaker::Rules>(Caretaker::Rules{{"carl@example.test", "maildir:{home}/Maildir"}});
    house.home_of_carl = fail(SystemUsers::kUnknownUser, "nobody");
    house.loop.advance(std::chrono::minutes(5));
    CHECK(lines == 0);
    house.home_of_carl = fail(location::kTrouble, "the users cannot be asked");
    house.loop.advance(std::chrono::minutes(5));
    CHECK(lines == 1);
    house.home_of_carl = fail(location::kTrouble, "the users cannot be asked today");
    house.loop.advance(std::chrono::minutes(5));
    CHECK(lines == 2);
  }
  log::configure(nullptr, log::Level::warning);
}

namespace {

/// What the command line asks.
Result<boost::json::object> ask(House& house, const std::string& verb, const std::string& address) {
  control::Request request{.verb = verb, .arguments = {}};
  request.add("address", address).add("messages", "3");
  LocationTerms terms{.rules = *house.rules, .home = house.home.path()};
  auto answer = house.wait_for(location_verb(*house.services, terms, request, [&house](control::Progress progress) {
    house.told.push_back(progress.done);
    CHECK(progress.all == 3);
  }));
  if (!answer) return std::unexpected(std::move(answer).error());
  return boost::json::parse(*answer).as_object();
}

}  // namespace

TEST_CASE("an account that moves in is looked at no more, and whoever opens it waits for nothing; it goes back") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  house.put("a");
  const auto survey = ask(house, "location.survey", "anna@example.test").value();
  CHECK(survey.at("location").as_string() == "maildir:" + house.box.inbox);
  CHECK(survey.at("moved_in").is_null());
  CHECK(survey.at("boxes").at(0).at("messages").to_number<int>() == 1);
  CHECK(house.messages(0) == 0);

  const auto moved = ask(house, "location.move-in", "anna@example.test").value();
  CHECK(moved.at("imported").to_number<int>() == 1);
  CHECK(moved.at("moved_in").as_string() == "2023-11-14T22:13:22.000000Z");
  CHECK(house.told == std::vector<std::uint64_t>{1});
  CHECK(house.messages(0) == 1);
  house.put("b");
  house.loop.advance(kLookSeldom * 3);
  CHECK(house.messages(0) == 1);
  // Nobody is asked to look.
  (void)house.run(house.caretaker.attend(house.ids[0]));
  CHECK(ask(house, "location.move-in", "anna@example.test").value().at("imported").to_number<int>() == 1);
  CHECK(house.messages(0) == 2);

  // The line goes, and comes back: it has moved in.
  const auto rules = house.rules;
  house.rules = std::make_shared<Caretaker::Rules>();
  house.loop.advance(std::chrono::seconds(3));
  CHECK(ask(house, "location.move-in", "anna@example.test").error().is(kNoLocation));
  house.rules = rules;
  house.put("c");
  house.loop.advance(kLookSeldom * 3);
  CHECK(house.messages(0) == 2);

  const auto back = ask(house, "location.move-out", "anna@example.test").value();
  CHECK(back.at("moved_in").is_null());
  CHECK(house.messages(0) == 3);
  house.put("d");
  (void)house.wait_for(house.caretaker.attend(house.ids[0]));
  CHECK(house.messages(0) == 4);
}

TEST_CASE("only an account with a location moves, and what cannot be reached is told, not half moved") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  CHECK(ask(house, "location.move-in", "bob@example.test").error().is(kNoLocation));
  CHECK(ask(house, "location.move-in", "nobody@example.test").error().is(account::kUnknown));
  CHECK(ask(house, "location.else", "anna@example.test").error().is(kUsageError));
  std::filesystem::remove_all(house.box.inbox);
  const auto refused = ask(house, "location.move-in", "anna@example.test");
  CHECK(refused.error().is(location::kTrouble));
  CHECK(refused.error().temporary());
  REQUIRE(location::make_box(house.box, house.box.inbox));
  house.put("a");
  house.loop.advance(kLookSeldom + std::chrono::seconds(2));
  CHECK(house.messages(0) == 1);
  // An account that was added a moment ago.
  house.add("dora@example.test");
  house.rules = std::make_shared<Caretaker::Rules>(
      Caretaker::Rules{{"dora@example.test", "maildir:" + house.home.path() + "/Maildir"}});
  CHECK(ask(house, "location.move-in", "dora@example.test").value().at("imported").to_number<int>() == 1);
}

TEST_CASE("two moves of one account at once are one after the other") {
  House house;
  house.loop.advance(std::chrono::seconds(2));
  for (const char* const word : {"a", "b", "c"}) house.put(word);
  std::optional<Result<std::string>> first;
  std::optional<Result<std::string>> second;
  LocationTerms terms{.rules = *house.rules, .home = house.home.path()};
  control::Request request{.verb = "location.move-in", .arguments = {}};
  request.add("address", "anna@example.test");
  house.loop.spawn(test::detail::keep_value(location_verb(*house.services, terms, request, {}), first));
  house.loop.spawn(test::detail::keep_value(location_verb(*house.services, terms, request, {}), second));
  for (int i = 0; i < 600 && (!first || !second); ++i) house.loop.advance(std::chrono::milliseconds(100));
  REQUIRE((first && second && *first && *second));
  CHECK(house.messages(0) == 3);
  CHECK((boost::json::parse(**first).at("imported").to_number<int>() +
         boost::json::parse(**second).at("imported").to_number<int>()) == 3);
}

TEST_CASE("so many accounts are looked at together, the next one when there is room") {
  for (const std::size_t accounts : {kAccountsAtOnce, kAccountsAtOnce + 1}) {
    House house;
    while (house.ids.size() < accounts) house.add("a" + std::to_string(house.ids.size()) + "@example.test");
    for (const char* const user : {"anna", "bob"})
      REQUIRE(location::make_box(house.box, house.home.path() + "/" + user));
    for (std::size_t i = 2; i < accounts; ++i)
      REQUIRE(location::make_box(house.box, house.home.path() + "/a" + std::to_string(i)));
    for (const auto& each : std::filesystem::directory_iterator(house.home.path()))
      if (each.path().filename() != "Maildir") house.put("a", each.path().native());
    const auto settled = [&] {
      std::size_t count = 0;
      for (std::size_t i = 0; i < accounts; ++i) count += house.messages(i);
      return count;
    };
    house.rules =
        std::make_shared<Caretaker::Rules>(Caretaker::Rules{{"*", "maildir:" + house.home.path() + "/{user}"}});
    for (int rounds = 0; rounds < 100 && settled() == 0; ++rounds) house.loop.advance(std::chrono::milliseconds(10));
    CHECK(settled() == kAccountsAtOnce);
    house.loop.advance(std::chrono::milliseconds(200));
    CHECK(settled() == accounts);
  }
}
