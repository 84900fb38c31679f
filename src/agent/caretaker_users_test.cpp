// Boxes in place, where the host, its users and accounts of one place get in each other's way.
#include <csignal>

#include "agent/location_of.h"
#include "agent/test_caretaker.h"
#include "base/log.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;
using House = CaretakersHouse;

/// Counts lines of the log that say a thing of accounts.
struct Counting final : log::Sink {
  explicit Counting(int& lines) : lines_(lines) {}
  void write(log::Level, std::string_view room, std::string_view event, const log::Field*, std::size_t) override {
    if (room == "location" && event == "an account has none") ++lines_;
  }
  int& lines_;
};

/// A user of the host with a box of the user's own and a letter in it; the account's number.
std::size_t add_user(House& house, const std::string& name) {
  const std::string path = house.home.path() + "/" + name + "/Maildir";
  std::filesystem::create_directories(house.home.path() + "/" + name);
  REQUIRE(location::make_box({.form = location::Location::Form::maildir, .inbox = path, .folders = {}}, path));
  house.put("letter", path);
  house.add(name + "@example.test", account::Origin::host);
  return house.ids.size() - 1;
}

void use_rules(House& house, Caretaker::Rules rules) {
  house.rules = std::make_shared<Caretaker::Rules>(std::move(rules));
}

}  // namespace

TEST_CASE("a host that never answers for one user holds up no other's boxes, no login for long, and not the end") {
  House house;
  house.silent = {"at-home-dora"};
  const std::size_t dora = add_user(house, "at-home-dora");
  const std::size_t emil = add_user(house, "at-home-emil");
  use_rules(house,
            {{"anna@example.test", "maildir:" + house.home.path() + "/Maildir"}, {"*", "maildir:{home}/Maildir"}});
  house.put("a");
  house.loop.advance(2s);
  CHECK(house.messages(emil) == 1);
  house.loop.advance(kLookSeldom);
  CHECK(house.messages(0) == 1);
  CHECK(house.messages(dora) == 0);
  CHECK(house.unanswered.size() == 1);
  // Who is not asked for the first time waits for nobody.
  std::optional<Caretaker::Attendance> attendance;
  house.loop.spawn(test::detail::keep_value(house.caretaker.attend(house.ids[dora]), attendance));
  house.loop.advance(kOpeningWait - 1ms);
  CHECK(!attendance);
  house.loop.advance(2ms);
  CHECK(attendance);
  // It is asked no second time meanwhile.
  house.loop.advance(10min);
  CHECK(house.asked["at-home-dora"] == 1);
  house.put("b");
  house.loop.advance(kLookSeldom + 1s);
  CHECK(house.messages(0) == 2);
  house.caretaker.stop();
  house.loop.advance(2s);
  CHECK(house.ended);
}

TEST_CASE("a home that is told late counts from then on") {
  House house;
  house.silent = {"at-home-dora"};
  const std::size_t dora = add_user(house, "at-home-dora");
  use_rules(house, {{"*", "maildir:{home}/Maildir"}});
  house.loop.advance(1min);
  REQUIRE(house.unanswered.size() == 1);
  house.unanswered.front().answer(house.home.path() + "/at-home-dora");
  house.loop.advance(1s);
  CHECK(house.messages(dora) == 1);
}

TEST_CASE("where the host is silent for many users it is asked for the others in their turn, and for those later") {
  House house;
  std::vector<std::size_t> silent;
  for (std::size_t i = 0; i < kHomesAtOnce; ++i) {
    const std::string name = "at-home-" + std::to_string(i);
    house.silent.insert(name);
    silent.push_back(add_user(house, name));
  }
  const std::size_t emil = add_user(house, "at-home-emil");
  use_rules(house, {{"*", "maildir:{home}/Maildir"}});
  house.loop.advance(1min);
  CHECK(house.unanswered.size() == kHomesAtOnce);
  CHECK(house.asked.count("at-home-emil") == 0);
  house.unanswered.clear();  // as where nobody has time for the question
  house.loop.advance(1s);
  CHECK(house.messages(emil) == 1);
  CHECK(house.unanswered.empty());
  // Each time they are waited for longer.
  std::vector<int> asked;
  for (int i = 0; i < 20; ++i) {
    house.loop.advance(1min);
    house.unanswered.clear();
    asked.push_back(house.asked["at-home-0"]);
  }
  CHECK(asked[0] == 2);
  CHECK(asked[19] >= 5);
  CHECK(asked[19] <= 8);
  // Nobody waits at a login for what failed a moment ago.
  (void)house.run(house.caretaker.attend(house.ids[silent[0]]));
}

TEST_CASE("a home that cannot be told now leaves the boxes where they were, and one of another user is another place") {
  House house;
  const std::size_t emil = add_user(house, "at-home-emil");
  add_user(house, "at-home-fred");
  use_rules(house, {{"at-home-emil@example.test", "maildir:{home}/Maildir"}});
  house.loop.advance(2s);
  CHECK(house.messages(emil) == 1);
  house.silent = {"at-home-emil", "at-home-fred"};
  house.put("b", house.home.path() + "/at-home-emil/Maildir");
  house.loop.advance(2 * kLookSeldom);
  CHECK(house.messages(emil) == 2);
  // A line that names another user is believed when the host has told of that one.
  use_rules(house, {{"at-home-emil@example.test", "maildir:{home}/Maildir:USER=at-home-fred"}});
  house.put("c", house.home.path() + "/at-home-emil/Maildir");
  house.loop.advance(2 * kLookSeldom);
  CHECK(house.messages(emil) == 2);
}

TEST_CASE("the first who opens an account that was just made waits for its boxes") {
  House house;
  use_rules(house, {{"*", "maildir:{home}/Maildir"}, {"anna@example.test", "store"}, {"bob@example.test", "store"}});
  house.loop.advance(5s);
  const std::size_t emil = add_user(house, "at-home-emil");
  (void)house.wait_for(house.caretaker.attend(house.ids[emil]));
  CHECK(house.messages(emil) == 1);
  // Where no account has a line nobody waits.
  use_rules(house, {});
  house.loop.advance(2s);
  house.add("dora@example.test");
  (void)house.run(house.caretaker.attend(house.ids.back()));
}

TEST_CASE(
    "a place of two accounts is the one's that was made first; the other is told of, and gets it when it is free") {
  int lines = 0;
  log::configure(std::make_unique<Counting>(lines), log::Level::warning);
  {
    House house;
    const std::string place = "maildir:" + house.home.path() + "/Maildir";
    use_rules(house, {{"bob@example.test", place}});
    house.put("a");
    house.loop.advance(2s);
    CHECK(house.messages(1) == 1);
    use_rules(house, {{"*", place}});
    house.put("b");
    house.loop.advance(5min);
    CHECK(house.messages(0) == 2);
    CHECK(house.messages(1) == 1);
    CHECK(lines == 1);
    const auto wanted = [&](location::Keeper&, location::Location) -> io::Task<Caretaker::ErrandResult> {
      co_return std::optional<std::string>("done");
    };
    CHECK(house.wait_for(house.caretaker.run_errand(house.ids[0], wanted)).value() == "done");
    const auto refused = house.wait_for(house.caretaker.run_errand(house.ids[1], wanted));
    REQUIRE(!refused);
    CHECK(refused.error().is(kPlaceTaken));
    CHECK(refused.error().text().contains("anna@example.test"));
    // Nobody waits for what is another's.
    (void)house.run(house.caretaker.attend(house.ids[1]));
    const LocationTerms terms{.rules = *house.rules, .home = {}};
    const auto shown = Whereabouts::read(*house.services, terms).value();
    const auto anna = *house.services->directory().account("anna@example.test").value();
    const auto bob = *house.services->directory().account("bob@example.test").value();
    CHECK(shown.location(anna).value());
    CHECK(shown.location(bob).error().is(kPlaceTaken));
    // The same without a caretaker.
    const TakenPlaces taken = taken_places(location_map(*house.rules).value(), {bob, anna});
    CHECK(taken == house.caretaker.taken());
    use_rules(house, {{"bob@example.test", place}});
    house.loop.advance(2s);
    CHECK(house.messages(1) == 2);
    CHECK(house.caretaker.taken().empty());
  }
  log::configure(nullptr, log::Level::warning);
}

TEST_CASE("a place that is written out waits for the home of an older account of its user, which may be the place") {
  House house;
  house.silent = {"at-home-dora"};
  const std::size_t dora = add_user(house, "at-home-dora");
  house.add("erna@example.test");
  const std::size_t erna = house.ids.size() - 1;
  const std::size_t emil = add_user(house, "at-home-emil");
  const std::string place = "maildir:" + house.home.path() + "/at-home-dora/Maildir:USER=at-home-dora";
  use_rules(house, {{"*", "maildir:{home}/Maildir"}, {"erna@example.test", place}, {"anna@example.test", "store"}});
  house.loop.advance(1s);
  // Each is asked for, and the younger one's answer comes first.
  REQUIRE(house.unanswered.size() == 2);
  house.unanswered.back().answer(house.home.path() + "/at-home-dora");
  house.loop.advance(1min);
  CHECK(house.messages(erna) == 0);
  CHECK(house.messages(emil) == 1);
  const auto wanted = [](location::Keeper&, location::Location) -> io::Task<Caretaker::ErrandResult> {
    co_return std::optional<std::string>("done");
  };
  const auto refused = house.wait_for(house.caretaker.run_errand(house.ids[erna], wanted));
  REQUIRE(!refused);
  CHECK(refused.error().is(location::kTrouble));
  CHECK(refused.error().text().contains("at-home-dora@example.test"));
  // Who opens it waits a little for what the host says.
  std::optional<Caretaker::Attendance> attendance;
  house.loop.spawn(test::detail::keep_value(house.caretaker.attend(house.ids[erna]), attendance));
  house.loop.advance(kOpeningWait - 1ms);
  CHECK(!attendance);
  house.unanswered.front().answer(house.home.path() + "/at-home-dora");
  house.loop.advance(2 * kLookSeldom);
  CHECK(attendance);
  CHECK(house.messages(dora) == 1);
  CHECK(house.messages(erna) == 0);
  CHECK(house.caretaker.taken().contains(house.ids[erna]));
}

TEST_CASE("an older account's home that turns out to be elsewhere leaves a younger one its place") {
  House house;
  house.silent = {"at-home-dora"};
  add_user(house, "at-home-dora");
  house.add("erna@example.test");
  const std::string place = "maildir:" + house.home.path() + "/at-home-dora/Maildir:USER=at-home-dora";
  use_rules(house, {{"*", "maildir:{home}/Maildir"}, {"erna@example.test", place}, {"anna@example.test", "store"}});
  house.loop.advance(5s);
  REQUIRE(house.unanswered.size() == 2);
  house.unanswered.back().answer(house.home.path() + "/at-home-dora");
  house.loop.advance(1s);
  CHECK(house.messages(house.ids.size() - 1) == 0);
  house.unanswered.front().answer(house.home.path() + "/elsewhere");
  house.loop.advance(2s);
  CHECK(house.messages(house.ids.size() - 1) == 1);
}

TEST_CASE("an account whose place is another's is asked for its home again, and has a place of its own by it") {
  House house;
  house.add("carl@example.test", account::Origin::host);
  use_rules(house, {{"anna@example.test", "maildir:" + house.home.path() + "/Maildir:USER=carl"},
                    {"carl@example.test", "maildir:{home}/Maildir"}});
  house.loop.advance(5s);
  REQUIRE(house.caretaker.taken().contains(house.ids[2]));
  const std::string path = house.home.path() + "/moved/Maildir";
  std::filesystem::create_directories(house.home.path() + "/moved");
  REQUIRE(location::make_box({.form = location::Location::Form::maildir, .inbox = path, .folders = {}}, path));
  house.put("letter", path);
  house.home_of_carl = house.home.path() + "/moved";
  house.loop.advance(kLookSeldom + 5s);
  CHECK(house.messages(2) == 1);
  CHECK(house.caretaker.taken().empty());
  // For either account no more often than every look.
  CHECK(house.asked["carl"] <= 4);
}

TEST_CASE("who wants something done with boxes of a user for whom the host is silent hears of it after a while") {
  House house;
  house.silent = {"at-home-dora"};
  const std::size_t dora = add_user(house, "at-home-dora");
  use_rules(house, {{"*", "maildir:{home}/Maildir"}});
  const auto wanted = [](location::Keeper&, location::Location) -> io::Task<Caretaker::ErrandResult> {
    co_return std::optional<std::string>("done");
  };
  const Moment before = house.loop.now();
  const auto refused = house.wait_for(house.caretaker.run_errand(house.ids[dora], wanted));
  REQUIRE(!refused);
  CHECK(refused.error().is(location::kTrouble));
  CHECK(house.loop.now() - before >= kErrandWait);
  CHECK(house.loop.now() - before <= kErrandWait + 2s);
  // Where it is told meanwhile it is done.
  std::optional<Caretaker::ErrandResult> done;
  house.loop.spawn(test::detail::keep_value(house.caretaker.run_errand(house.ids[dora], wanted), done));
  house.loop.advance(kErrandWait - 2s);
  CHECK(!done);
  house.unanswered.front().answer(house.home.path() + "/at-home-dora");
  house.loop.advance(2s);
  REQUIRE(done);
  CHECK(done->value() == "done");
}

TEST_CASE("so many accounts of users who take much time are looked at together, beside all others") {
  House house({}, {.limits = {.swift = Duration(0)}});
  std::vector<std::size_t> users;
  for (std::size_t i = 0; i < kSlowAtOnce + 1; ++i) users.push_back(add_user(house, "at-home-" + std::to_string(i)));
  use_rules(house,
            {{"*", "maildir:{home}/Maildir"}, {"anna@example.test", "maildir:" + house.home.path() + "/Maildir"}});
  house.loop.advance(5s);
  const auto settled = [&] {
    std::size_t count = 0;
    for (const std::size_t user : users) count += house.messages(user);
    return count;
  };
  REQUIRE(settled() == users.size());
  for (std::size_t i = 0; i < users.size(); ++i)
    house.put("b", house.home.path() + "/at-home-" + std::to_string(i) + "/Maildir");
  house.put("b");
  for (int i = 0; i < 120'000 && settled() == users.size(); ++i) house.loop.advance(1ms);
  CHECK(settled() == users.size() + kSlowAtOnce);
  house.loop.advance(1s);
  CHECK(settled() == 2 * users.size());
  CHECK(house.messages(0) == 1);
}

TEST_CASE("the end of the server does not wait for a user's process that does not answer") {
  location::testing::SharedCount begun;
  House house(
      [&begun](const Descriptor&, const cage::Servant::Errand&) {
        if (begun.next() > 1) ::raise(SIGSTOP);
      },
      {.limits = {.swift = Duration(0)}}, 1);
  add_user(house, "at-home-emil");
  use_rules(house, {{"*", "maildir:{home}/Maildir"}, {"anna@example.test", "store"}, {"bob@example.test", "store"}});
  // The first process ends without an answer, by which the user is a slow one: the next is waited for by a thread,
  // longer than this test takes.
  house.loop.advance(2s);
  REQUIRE(begun.now() == 1);
  house.loop.advance(kLookSeldom);
  const Moment until = system_clock().now() + 60s;
  while (begun.now() < 2 && system_clock().now() < until) house.loop.advance(1ms);
  house.caretaker.stop();
  while (!house.ended && system_clock().now() < until) house.loop.advance(1ms);
  CHECK(house.ended);
  ::kill(house.processes.process, SIGKILL);
}

}  // namespace angarium::agent
