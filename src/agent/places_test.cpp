// Where the mail of accounts is laid down: [delivery], users of the host, and the courier that brings it there.
#include <algorithm>
#include <deque>

#include "agent/sorting.h"
#include "agent/test_outbound.h"
#include "agent/user_forward.h"
#include "agent/way.h"
#include "alias/memory_files.h"
#include "support/test.h"

namespace angarium::agent {
namespace {

using namespace std::chrono_literals;
using Chosen = Sorted::Onward::Chosen;

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// anna is a user of the host, whose account is alice's.
class OneUser final : public HostUsers {
 public:
  account::Destination mailbox;
  std::optional<alias::Forward> forward;
  bool gone = false;
  bool outage = false;
  int questions = 0;
  Result<std::optional<User>> find(const std::string& name) override {
    ++questions;
    if (outage && name == "anna") return fail(cage::kUnavailable, "nobody knows now");
    if (name != "anna" || gone) return std::nullopt;
    return User{.uid = 1000, .forward = forward, .mailbox = mailbox, .home = "/home/anna"};
  }
  Result<std::optional<account::Destination>> root() override { return std::nullopt; }
};

struct House {
  Outbound world;
  std::shared_ptr<OneUser> users = std::make_shared<OneUser>();
  std::shared_ptr<LocalTerms> local = std::make_shared<LocalTerms>();

  House() {
    account::Directory& directory = world.services->directory();
    const auto anna = directory.add_account(
        {.address = "anna@a.test", .name = "", .quota = {}, .credentials = {}, .origin = account::Origin::host});
    REQUIRE(anna);
    users->mailbox = {.id = anna->id, .address = anna->address};
    local->hostname = "mx.a.test";
    local->domains = {"mx.a.test"};
    local->users = users;
  }
  void rules(const std::vector<route::DeliveryRule>& rules) { local->deliveries = *route::DeliveryMap::make(rules); }
  Sorted sort(const std::string& name) {
    const auto sorted = sort_mail(*world.services, local.get(), {.local_part = name, .domain = "a.test"});
    REQUIRE(sorted);
    return *sorted;
  }
};

}  // namespace

TEST_CASE("mail of users and accounts is laid down in the own store, or where [delivery] says") {
  House house;
  CHECK(house.sort("anna").accounts.size() == 1);
  CHECK(house.sort("alice").onward.empty());
  house.rules(
      {{"anna@a.test", "mbox:/var/mail/{user}"}, {"a.test", "maildir:/srv/{user}/"}, {"postmaster@a.test", "store"}});
  const Sorted anna = house.sort("anna");
  CHECK(anna.kind == account::Resolution::Kind::accounts);
  CHECK(anna.accounts.empty());
  REQUIRE(anna.onward.size() == 1);
  CHECK(anna.onward[0].target == "mbox:/var/mail/anna");
  CHECK(anna.onward[0].user == "anna");
  CHECK(anna.onward[0].chosen == Chosen::by_operator);
  CHECK(destination_of(anna.onward[0]) == "target mailbox=anna mbox:/var/mail/anna");
  CHECK(house.sort("Anna+list").onward == anna.onward);
  const Sorted alice = house.sort("alice");
  REQUIRE(alice.onward.size() == 1);
  CHECK(alice.onward[0].target == "maildir:/srv/alice/");
  CHECK(alice.onward[0].user.empty());
  CHECK(house.sort("postmaster").accounts.size() == 1);
  CHECK(house.sort("postmaster").onward.empty());
  CHECK(std::ranges::any_of(anna.facts,
                            [](const route::Fact& fact) { return holds(fact.text, "mbox:/var/mail/{user}"); }));
}

TEST_CASE("{home} is that of users of the host; of others nobody knows it, and their mail waits for the operator") {
  House house;
  house.rules({{"*", "maildir:{home}/Maildir/"}});
  CHECK(house.sort("anna").onward.at(0).target == "maildir:/home/anna/Maildir/");
  const Sorted alice = house.sort("alice");
  REQUIRE(alice.temporary() != nullptr);
  CHECK(alice.temporary()->enhanced == "4.3.5");
}

TEST_CASE("mail of a user whom the host does not know now waits; it is not laid down with the server's rights") {
  House house;
  house.rules({{"a.test", "mbox:/var/mail/{user}"}});
  house.users->gone = true;
  const Sorted anna = house.sort("anna");
  CHECK(anna.onward.empty());
  REQUIRE(anna.temporary() != nullptr);
  CHECK(anna.temporary()->enhanced == "4.3.0");
  CHECK(house.sort("alice").onward.size() == 1);
}

TEST_CASE("below an alias only the copy of a user who cannot be delivered to now waits, and none is delivered twice") {
  House house;
  auto files = std::make_shared<alias::MemoryFiles>();
  files->write("/etc/aliases", "team: anna, alice, bob@elsewhere.test\n");
  house.local->files = files.get();
  house.local->domains.insert("a.test");
  house.local->aliases = {std::make_shared<alias::AliasFile>(*files, "/etc/aliases", 0)};
  house.users->forward = alias::Forward{.list = alias::parse_list("|sh"), .trust = alias::Trust::addresses};
  REQUIRE(house.sort("anna").temporary() != nullptr);
  CHECK(house.sort("anna").temporary()->enhanced == "4.3.5");
  CHECK(house.sort("anna").copies() == 0);
  for (const bool outage : {false, true}) {
    house.users->outage = outage;
    CHECK((house.sort("anna").temporary() != nullptr));
    const Sorted team = house.sort("team");
    CHECK(team.temporary() == nullptr);
    CHECK(team.accounts.size() == 1);
    REQUIRE(team.onward.size() == 2);
    CHECK(team.onward[0].to.text() == "anna@a.test");
    CHECK(team.onward[0].here);
    CHECK(destination_of(team.onward[0]) == "a.test");
    CHECK(!team.onward[1].here);
  }
}

TEST_CASE("a user is asked for once for all copies of a message") {
  House house;
  house.users->forward = alias::Forward{.list = alias::parse_list("\\anna, bob@elsewhere.test")};
  CHECK(house.sort("anna").copies() == 2);
  CHECK(house.users->questions == 1);
}

TEST_CASE("an alias of a user of the host leads to the same place, with the same rights") {
  House house;
  REQUIRE(house.world.services->directory().add_alias("sales@a.test", account::Alias::Kind::alias, {"anna@a.test"}));
  house.rules({{"a.test", "mbox:{home}/mbox"}});
  const Sorted sales = house.sort("sales");
  REQUIRE(sales.onward.size() == 1);
  CHECK(sales.onward[0].target == "mbox:/home/anna/mbox");
  CHECK(sales.onward[0].user == "anna");
}

TEST_CASE("a .forward comes before the place of the mailbox, and what it names has the user's rights alone") {
  House house;
  house.rules({{"a.test", "mbox:/var/mail/{user}"}});
  house.users->forward =
      alias::Forward{.list = alias::parse_list("\\anna, /home/anna/copy"), .trust = alias::Trust::all};
  const Sorted anna = house.sort("anna");
  REQUIRE(anna.onward.size() == 2);
  const auto copy = std::ranges::find(anna.onward, "mbox:/home/anna/copy", &Sorted::Onward::target);
  REQUIRE(copy != anna.onward.end());
  CHECK(copy->user == "anna");
  CHECK(copy->chosen == Chosen::by_user);
  CHECK(destination_of(*copy) == "target user=anna mbox:/home/anna/copy");
  const auto box = std::ranges::find(anna.onward, "mbox:/var/mail/anna", &Sorted::Onward::target);
  REQUIRE(box != anna.onward.end());
  CHECK(box->chosen == Chosen::by_operator);
}

TEST_CASE("the courier delivers as the user, tries again what failed for now, and tells of what failed for good") {
  House house;
  std::deque<delivery::Outcome> outcomes{{delivery::kMailboxFull, "no room"},
                                         {delivery::kDelivered, "there"},
                                         {{.class_code = 5, .subject = 1, .detail = 1}, "nobody"}};
  std::vector<cage::Deliver> asked;
  std::vector<std::string> letters;
  auto terms = std::make_shared<CourierTerms>(*house.world.terms);
  terms->local = house.local;
  terms->deliver_as = [&](const cage::Deliver& request, delivery::Octets& letter) {
    asked.push_back(request);
    std::string whole;
    for (auto piece = letter.next(); piece && !piece->empty(); piece = letter.next()) whole += *piece;
    letters.push_back(whole);
    const delivery::Outcome outcome = outcomes.front();
    outcomes.pop_front();
    return outcome;
  };
  house.world.terms = terms;
  const auto put = [&](const std::string& destination) {
    const std::string octets = "Subject: s\r\n\r\nhello\r\n";
    const queue::Entry entry = Outbound::entry(house.world.loop, octets);
    store::Batch batch;
    queue::Lot lot{.destination = destination, .recipients = {envelope::parse_recipient("<anna@a.test>").value()}};
    const std::size_t body = batch.body(octets);
    auto change = house.world.services->queue().admit(entry, {std::move(lot)}, body, batch);
    REQUIRE(change);
    REQUIRE(house.world.run(queue::commit(house.world.services->tablet(), std::move(batch))));
    change->done();
  };
  put("target mailbox=anna mbox:/var/mail/anna");
  house.world.loop.advance(5s);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].name == "anna");
  CHECK(asked[0].target == "mbox:/var/mail/anna");
  CHECK(asked[0].chosen == cage::Deliver::Chosen::by_operator);
  CHECK(asked[0].recipient.text() == "anna@a.test");
  CHECK(letters[0].starts_with("Return-Path: <alice@a.test>\r\nDelivered-To: anna@a.test\r\n"));
  CHECK(letters[0].ends_with("Subject: s\r\n\r\nhello\r\n"));
  CHECK(house.world.queued() == 1);
  CHECK(house.world.inbox("alice").empty());
  house.world.loop.advance(10min);
  CHECK(asked.size() == 2);
  CHECK(house.world.queued() == 0);
  put("target user=anna pipe:vacation anna");
  house.world.loop.advance(10s);
  REQUIRE(asked.size() == 3);
  CHECK(asked[2].chosen == cage::Deliver::Chosen::by_user);
  CHECK(asked[2].target == "pipe:vacation anna");
  CHECK(house.world.queued() == 0);
  REQUIRE(house.world.inbox("alice").size() == 1);
  CHECK(holds(house.world.inbox("alice")[0], "Status: 5.1.1"));
}

namespace {

cage::Forward forward_of(std::vector<cage::ForwardFile> files) {
  for (cage::ForwardFile& file : files) file.status.owner = file.status.owner == 0 ? 1000 : file.status.owner;
  return {.user = {.name = "anna", .uid = 1000, .gid = 1000, .home = "/h"}, .files = std::move(files)};
}
cage::ForwardFile text_file(std::string path, std::string text, std::uint32_t mode = 0644) {
  return {.path = std::move(path),
          .state = cage::ForwardFile::State::there,
          .status = {.regular = true, .owner = 1000, .mode = mode},
          .text = std::move(text)};
}
std::string shown(const alias::List& list) {
  std::string all;
  for (const alias::Target& target : list.targets) {
    const auto* const bad = std::get_if<alias::Bad>(&target);
    all += (all.empty() ? "" : ", ") + (bad != nullptr ? "BAD" : alias::target_text(target));
  }
  return all;
}

}  // namespace

TEST_CASE("what a .forward includes takes its place, each file once; what others may write names no commands") {
  const auto read = user_forward(
      forward_of({text_file("/h/.forward", "a, :include:/h/x, |mine"),
                  text_file("/h/x", "b, :include:/h/.forward\n:include:/h/y\n:include:/h/x"),
                  text_file("/h/y", "|run, /file, /dev/null, c, :include:/h/z", 0664), text_file("/h/z", "|too")}));
  REQUIRE(read);
  REQUIRE(*read);
  CHECK(shown((*read)->list) == R"(a, b, a, "|mine", BAD, BAD, "/dev/null", c, BAD, "|mine")");
  CHECK((*read)->trust == alias::Trust::all);
}

TEST_CASE("an included file that is not there or cannot be read keeps its place, so that mail waits") {
  const auto read = user_forward(forward_of({text_file("/h/.forward", ":include:/h/x, :include:/h/y, :include:/h/w, a"),
                                             {.path = "/h/x", .state = cage::ForwardFile::State::absent},
                                             {.path = "/h/y", .state = cage::ForwardFile::State::unreadable}}));
  REQUIRE(read);
  CHECK(shown((*read)->list) == "BAD, BAD, BAD, a");
}

TEST_CASE("no .forward, one of a third user, one that cannot be read") {
  const auto none = user_forward(forward_of({{.path = "/h/.forward", .state = cage::ForwardFile::State::absent}}));
  REQUIRE(none);
  CHECK(!*none);
  auto foreign = text_file("/h/.forward", "a");
  foreign.status.owner = 1001;
  const auto others = user_forward(forward_of({foreign}));
  REQUIRE(others);
  CHECK(!*others);
  const auto closed =
      user_forward(forward_of({{.path = "/h/.forward", .state = cage::ForwardFile::State::unreadable}}));
  REQUIRE(!closed);
  CHECK(closed.error().temporary());
}

}  // namespace angarium::agent
